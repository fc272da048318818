"""Keeps what the daemon saw and said: minute bars and alerts go to the history, which nothing waits for.

The engine's thread collects, and hands over when a minute of the market has closed: the vendor's bars as they came (of
a bar that came again, the last holds), what stood in for bars that did not come, and alerts that are on disk already.
What was not handed over yet is lost with a kill: a minute's worth. With the bars of a whole minute it is noted that
there are no others, so that no later start asks for them.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np

import streams.history.nopandas  # noqa: F401 - comes before all that imports pyarrow
from daemon import outcomekeeping
from streams.bars import MINUTE_MS, concat, empty
from streams.history.errors import HistoryForeignError
from streams.history.open import open_history
from streams.history.protocol import DAY_MS, Retention, Span
from streams.history.tables import ALERTS, rows
from streams.history.writer import HistoryWriter

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from daemon.config import Config
    from daemon.engine.alerts import Alert
    from daemon.engine.outcomes import Outcome
    from daemon.events import Events
    from streams.bars import BarBatch
    from streams.history.writer import Standing
    from streams.types import Clock, Floats, Symbols

PATIENCE_S = 60.0
"""What waits for a minute of the market to close is handed over after this time all the same."""

LOOK_S = 1.0

START_S = 2.0
"""How long a start waits to learn whether the history is one that it must not use."""


class Keeper:
    """Between the engine and the history's writer. For the engine's thread, but for `standing` and `close`.

    Args:
        writer: stores behind.
        clock: the machine's.
        keep: for how long bars are kept.
        whole: whether the feed has the minute bars of all symbols.
    """

    def __init__(self, writer: HistoryWriter, clock: Clock, keep: Retention, *, whole: bool = False) -> None:
        self._writer, self._clock, self._keep, self._whole = writer, clock, keep, whole
        self._came: set[int] = set()
        self._partial_ms: int | None = None
        self._bars: list[BarBatch] = []
        self._alerts: list[Alert] = []
        self._outcomes: list[Outcome] = []
        self._since_s = clock.monotonic_s()
        self._closed_ms = self._pruned_ms = 0

    @property
    def standing(self) -> Standing:
        """How the writing stands."""
        return self._writer.standing

    def stood_in(self, minute_ms: int, symbols: Symbols, bars: Floats) -> None:
        """Bars ``float64[6, n]`` of a minute for which the vendor's had not come."""
        batch = empty(len(symbols))
        batch.symbol[:], batch.start_ms[:], batch.length_ms[:] = symbols, minute_ms, MINUTE_MS
        batch.arrival_ms[:] = minute_ms + MINUTE_MS
        batch.values[: len(bars)] = bars
        self._bars.append(batch)

    def resumed(self) -> None:
        """The feed begins, perhaps again: bars of the first minute may be missing. From any thread."""
        self._partial_ms = None

    def raised(self, alerts: Sequence[Alert]) -> None:
        """Alerts as they went to the outbox."""
        self._alerts += alerts

    def judged(self, outcomes: Sequence[Outcome]) -> None:
        """What has become of alerts; between two turns."""
        self._outcomes += outcomes

    def turned(self, batch: BarBatch, closed_ms: int) -> None:
        """What a turn took, and the newest closed minute after it; what the turn itself told came before.

        A vendor's bar is never older than what stood in for it, so that it comes after it here.
        """
        minutes = batch.length_ms >= MINUTE_MS
        if minutes.any():
            taken = batch if minutes.all() else batch.take(minutes)
            self._bars.append(taken)
            self._come(taken)
        now_s = self._clock.monotonic_s()
        if closed_ms != self._closed_ms or now_s - self._since_s > PATIENCE_S:
            self._closed_ms, self._since_s = closed_ms, now_s
            self._hand_over()
            self._prune(closed_ms)

    async def close(self, timeout_s: float) -> bool:
        """Once no turn is made any more: hand over the rest and wait until it is stored, but no longer than that."""
        self._hand_over()
        return await asyncio.to_thread(self._writer.close, timeout_s)

    def abandon(self) -> None:
        """End the writing without a wait; after `close` nothing happens."""
        self._writer.abandon()

    def _hand_over(self) -> None:
        bars, alerts = self._bars, self._alerts
        self._bars, self._alerts = [], []
        if bars:
            self._writer.minutes(concat(bars), self._attended())
        if alerts:
            self._writer.append("alerts", rows_of(alerts))
        if self._outcomes:
            self._writer.append("outcomes", outcomekeeping.rows_of(self._outcomes))
            self._outcomes = []

    def _come(self, bars: BarBatch) -> None:
        if self._partial_ms is None:
            self._partial_ms = int(bars.start_ms.max())
        self._came.update(np.unique(bars.start_ms).tolist())

    def _attended(self) -> list[Span]:
        """Closed minutes whose bars came all by the feed, if it has those of all symbols."""
        closed = {minute_ms for minute_ms in self._came if minute_ms <= self._closed_ms}
        self._came -= closed
        partial_ms, now_ms = self._partial_ms, self._clock.wall_ms()
        if partial_ms is None or not self._whole:
            return []
        return [Span("", ms, ms + MINUTE_MS - 1, now_ms) for ms in sorted(closed) if ms > partial_ms]

    def _prune(self, closed_ms: int) -> None:
        """Once a day of the market; never by a clock that is ahead of the machine's."""
        now_ms = min(closed_ms, self._clock.wall_ms())
        if now_ms - self._pruned_ms >= DAY_MS:
            self._pruned_ms = now_ms
            self._writer.prune(now_ms, self._keep)


def keeper_of(config: Config, clock: Clock) -> Keeper | None:
    """A keeper for the history of the configuration, None where it is switched off.

    Waits up to `START_S` to see whether it can be used; one that is away or slow is tried again behind.

    Raises:
        HistoryForeignError: it is of a newer technic, or another program's: nothing starts on the wrong one.
    """
    if not config.history.enabled:
        return None
    place = config.history_place
    keep = Retention(config.history.minute_days, config.history.daily_days)
    writer = HistoryWriter(lambda: open_history(place))
    writer.tried(START_S)
    if isinstance(foreign := writer.standing.fatal, HistoryForeignError):
        writer.abandon()
        raise foreign
    return Keeper(writer, clock, keep, whole="AM.*" in config.feed.channels)


def rows_of(alerts: Sequence[Alert]) -> pa.Table:
    """Alerts as rows of `streams.history.tables.ALERTS`."""
    return rows(
        ALERTS,
        [
            (one.id, one.rule, one.symbol, one.bar_start_ms, one.severity, one.score, one.json().decode())
            for one in alerts
        ],
    )


async def watch(keeper: Keeper, events: Events) -> None:
    """Tell once when the history does not take what is to be kept, and once when it does so again, for ever."""
    known = (True, False)
    while True:
        now = keeper.standing
        trouble, over = str(now.fatal or now.failing), now.fatal is not None
        if (not trouble, over) != known:
            events.history(trouble, over=over)
        known = (not trouble, over)
        await asyncio.sleep(LOOK_S)

"""What a start knows of the minutes before it: from the store, and from the exchange what the store lacks.

The feed is listened to meanwhile, and the engine waits: it is given the minutes before, then what came.
"""

from __future__ import annotations

import asyncio
from itertools import takewhile
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import numpy as np
import structlog

from daemon.dataplane.fetch import carry_out
from daemon.dataplane.stretch import gaps, trading_minutes
from daemon.dataplane.universe import universe
from streams.bars import MINUTE_MS, SYMBOL, concat
from streams.history.errors import HistoryError
from streams.history.protocol import DAY_MS, Span
from streams.history.schema import bars_of
from streams.polygon.rest.limiter import Priority

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from daemon.dataplane.plane import Plane
    from daemon.dataplane.shelf import Shelf
    from daemon.dataplane.stretch import Gap
    from daemon.engine.engine import Engine
    from daemon.engine.sessions import SessionTable
    from streams.bars import BarBatch
    from streams.history.protocol import History
    from streams.polygon.rest.errors import RestError
    from streams.types import Clock, Floats, Longs, Symbols

log = structlog.get_logger()

MINUTE_BARS: Final = "minutes"
"""Kind of spans that the store notes, in milliseconds."""

AT_ONCE: Final = 32
"""Calls under way. An answer counts when it is stored, and what comes during a write is stored with the next."""

READ: Final = 60
"""Trading minutes that are read at a time: 720,000 bars of 12,000 symbols, some 60 MB."""

STEP: Final = 15
"""Trading minutes that the engine takes at a time: what else wants its place waits for less than a second."""

RECENT_DAYS: Final = 7
"""Turnover is that of the last daily bar within these calendar days."""

SHORT: Final = 5
"""A symbol that lacks fewer minutes is not asked for: a call each, for all of the market, does not pay."""

LAG_MS: Final = 15_000
"""So long after its end the exchange has a minute's bars."""

LOOK_S: Final = 0.2

PATIENCE_S: Final = 10.0
"""How long the feed's begin is waited for: what comes by it need not be asked for."""


class Exchange(Protocol):
    """Of `streams.polygon.rest.client.Rest` what is needed here."""

    async def minutes(self, symbol: str, from_ms: int, to_ms: int, *, priority: Priority) -> BarBatch:
        """Minute bars of one symbol that start in ``[from_ms, to_ms]``."""


class Filled(NamedTuple):
    """What became of the asking.

    Attributes:
        calls: that were answered and stored.
        rows: minute bars stored.
        failed: calls that were not answered.
        unasked: symbols that were not asked for, or whose answer was not stored: no time was left, or no right to.
        error: why the first call failed, None if none did.
    """

    calls: int
    rows: int
    failed: int
    unasked: int
    error: RestError | None


class Fed(NamedTuple):
    """What the engine was given: bars, and alerts that nobody was told, for their time has passed."""

    bars: int
    hidden: int


async def lacking(shelf: Shelf, minutes: Longs, symbols: Symbols) -> list[Gap]:
    """What nothing is known of in `minutes` (``int64[m]``, ascending), in the order of `symbols`.

    Known is what a call has brought, or brought nothing for, and what came by the feed in whole minutes. Each symbol
    costs one call at most; one that lacks less than `SHORT`, none.

    Raises:
        streams.history.errors.HistoryError: the store cannot answer.
    """
    if not len(minutes):
        return []
    spans = await shelf.ask(lambda history: history.fetched(MINUTE_BARS))
    return gaps(minutes, symbols, spans, SHORT)


async def fill(
    wanted: Sequence[Gap],
    exchange: Exchange,
    shelf: Shelf,
    clock: Clock,
    within_s: float,
    *,
    enough: Callable[[], bool] = lambda: False,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Filled:
    """Ask for what is `lacking`, in that order, for no longer than `within_s`.

    Each answer is stored and noted before it counts, an empty one too: a stop costs the calls under way, and the next
    start goes on with what is left. A refused key or plan ends it.

    Args:
        wanted: one call each.
        exchange: whom to ask.
        shelf: where it is kept.
        clock: when it was asked.
        within_s: seconds.
        enough: looked at before each call; True ends the asking.
        progress: told calls done and calls wanted.

    Raises:
        streams.history.errors.HistoryError: the store does not take the answers.
    """
    keeping = _Keeping(shelf)

    async def ask(gap: Gap) -> int:
        asked_ms, symbol = clock.wall_ms(), gap.symbol.decode()
        bars = await exchange.minutes(symbol, gap.first_ms, gap.last_ms, priority=Priority.WARM_UP)
        await keeping.keep(bars, Span(symbol, gap.first_ms, gap.last_ms + MINUTE_MS - 1, asked_ms))
        return bars.size

    calls: Iterator[Callable[[], Awaitable[int]]] = (
        (lambda gap=gap: ask(gap))  # type: ignore[misc]
        for gap in takewhile(lambda _: not enough(), wanted)
    )
    done = await carry_out(calls, lambda count: progress(count, len(wanted)), at_once=AT_ONCE, within_s=within_s)
    return Filled(done.calls, done.rows, done.failed, len(wanted) - done.calls - done.failed, done.error)


async def feed(
    shelf: Shelf,
    minutes: Longs,
    engine: Engine,
    between: Callable[[Callable[[], object]], Awaitable[bool]],
    progress: Callable[[int], None] = lambda _bars: None,
) -> Fed:
    """Give the engine the store's bars of `minutes`, in order, as if each had come at its end.

    Args:
        shelf: the store.
        minutes: ``int64[m]``, starts, ascending.
        engine: has seen nothing later than the first of them has not.
        between: runs a function where the engine may be used; False ends it.
        progress: told the bars given.

    Raises:
        streams.history.errors.HistoryError: the store cannot answer.
    """
    bars = hidden = 0

    def step(batch: BarBatch) -> None:
        nonlocal bars, hidden
        alerts = engine.step(batch)
        bars, hidden = bars + batch.size, hidden + len(alerts)
        for alert in alerts:
            log.info("alert of the past, not published", rule=alert.rule, symbol=alert.symbol, at_ms=alert.bar_start_ms)

    for part in _cut(minutes, READ):
        read = await shelf.ask(lambda history, part=part: _batch(history, part))  # type: ignore[misc]
        for few in _cut(part, STEP):
            batch = read.take((read.start_ms >= few[0]) & (read.start_ms <= few[-1]))
            if batch.size and not await between(lambda batch=batch: step(batch)):  # type: ignore[misc]
                return Fed(bars, hidden)
            progress(bars)
    return Fed(bars, hidden)


def _cut(minutes: Longs, size: int) -> Iterator[Longs]:
    return (minutes[first : first + size] for first in range(0, len(minutes), size))


class Standing(NamedTuple):
    """How the warm-up stands.

    Attributes:
        over: whether it is; the engine has begun.
        done, total: calls made and wanted.
        bars: that the engine was given.
    """

    over: bool = False
    done: int = 0
    total: int = 0
    bars: int = 0


class WarmUp:
    """Gives an engine that is held the minutes before its start, and lets it go.

    Args:
        plane: exchange and store.
        sessions: the exchange's calendar.
        engine: is told.
        market_ms: tells market time, None while it is not known.
        between: runs a function where the engine may be used; False while there is no such place.
        listening: whether the feed brings bars by now.
        enough: whether so much of it waits that the engine has to begin.
        begin: lets the engine go; called once, whatever happens.
        named: ``S16[n]``, all that is listened to; None: all that is listed.
        within_s: how long is asked and waited for, seconds.
        extended: whether hours before the open and after the close are watched, too.
        clock: the machine's.

    Attributes:
        standing: see `Standing`.
    """

    def __init__(
        self,
        plane: Plane,
        sessions: SessionTable,
        engine: Engine,
        *,
        market_ms: Callable[[], int | None],
        between: Callable[[Callable[[], object]], Awaitable[bool]],
        listening: Callable[[], bool],
        enough: Callable[[], bool],
        begin: Callable[[], None],
        named: Symbols | None,
        within_s: float,
        extended: bool,
        clock: Clock,
    ) -> None:
        self.standing = Standing()
        self._plane, self._sessions, self._engine, self._clock = plane, sessions, engine, clock
        self._market_ms, self._between, self._listening = market_ms, between, listening
        self._enough, self._begin, self._named = enough, begin, named
        self._within_s, self._extended = within_s, extended

    async def run(self) -> None:
        """Do it, once."""
        if self.standing.over:
            return
        try:
            await self._warm(self._clock.monotonic_s() + self._within_s)
        except HistoryError as error:
            log.warning("the engine begins cold: the store does not answer", what=str(error))
        finally:
            self.standing = self.standing._replace(over=True)
            self._begin()

    async def _warm(self, until_s: float) -> None:
        if not await self._begun(until_s):
            return
        minutes = trading_minutes(
            self._sessions, self._now_ms(), self._engine.barrier.closed_ms, extended=self._extended
        )
        symbols = await self._symbols(until_s)
        wanted = await lacking(self._plane.shelf, minutes, symbols)
        filled = await fill(
            wanted,
            self._plane.rest,
            self._plane.shelf,
            self._clock,
            max(until_s - self._clock.monotonic_s(), 0.0),
            enough=self._enough,
            progress=self._progress,
        )
        fed = await feed(self._plane.shelf, minutes, self._engine, self._between, self._given)
        log.info("warmed up", minutes=len(minutes), symbols=len(symbols), **filled._asdict(), **fed._asdict())

    async def _begun(self, until_s: float) -> bool:
        """Wait for the engine's place, for market time, for the feed's begin, and for the last minute to be had."""
        patient_s = self._clock.monotonic_s() + PATIENCE_S
        while (now_s := self._clock.monotonic_s()) < until_s:
            now_ms, late = self._market_ms(), now_s >= patient_s
            if now_ms is None:
                if late:
                    return False  # whoever tells no time has no bars either
            elif (late or self._listening()) and now_ms % MINUTE_MS >= LAG_MS and await self._between(lambda: None):
                return True
            await asyncio.sleep(LOOK_S)
        return False

    def _now_ms(self) -> int:
        return self._market_ms() or 0

    async def _symbols(self, until_s: float) -> Symbols:
        """``S16[n]``, the most traded first.

        Who makes the day ready fetches list and days: the list is waited for, a day for a while.
        """
        shelf, patient_s = self._plane.shelf, self._clock.monotonic_s() + PATIENCE_S
        day = self._now_ms() // DAY_MS
        while True:
            symbols = self._named
            if symbols is None:
                known = await universe(shelf)
                symbols = known.symbols[known.active].astype(SYMBOL)
            turnover, now_s = await _turnover(shelf, symbols, day), self._clock.monotonic_s()
            if now_s >= until_s or (len(symbols) and (turnover.any() or now_s >= patient_s)):
                return symbols[np.argsort(-turnover, kind="stable")]
            await asyncio.sleep(LOOK_S)

    def _progress(self, done: int, total: int) -> None:
        self.standing = self.standing._replace(done=done, total=total)

    def _given(self, bars: int) -> None:
        self.standing = self.standing._replace(bars=bars)


class _Keeping:
    """Stores answers, all that came during a write with the next one: noting a span reads those of all symbols."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._waiting: list[tuple[BarBatch, Span]] = []
        self._came = self._stored = 0
        self._writing = asyncio.Lock()

    async def keep(self, bars: BarBatch, span: Span) -> None:
        """Return when it is stored, by this call or by another's."""
        self._waiting.append((bars, span))
        self._came += 1
        number = self._came
        async with self._writing:
            if number <= self._stored:
                return
            taken, self._waiting, came = self._waiting, [], self._came
            await self._shelf.ask(lambda history: _write(history, taken))
            self._stored = came


def _write(history: History, answers: Sequence[tuple[BarBatch, Span]]) -> None:
    """Bars first: what is noted is there."""
    history.write_minutes(concat([bars for bars, _ in answers]))
    history.mark_fetched(MINUTE_BARS, [span for _, span in answers])


async def _turnover(shelf: Shelf, symbols: Symbols, day: int) -> Floats:
    """``float64[n]``, dollars on the last day that the store has of the `RECENT_DAYS` until `day`; 0: not known."""
    days = await shelf.ask(lambda history: history.daily(None, day - RECENT_DAYS, day))
    if not len(days.day):
        return np.zeros(len(symbols))
    newest = np.append(days.symbol[1:] != days.symbol[:-1], [True])
    names, traded = days.symbol[newest], np.nan_to_num(days.values[3, newest] * days.values[4, newest])
    place = np.minimum(np.searchsorted(names, symbols), len(names) - 1)
    return np.where(names[place] == symbols, traded[place], 0.0)


def _batch(history: History, minutes: Longs) -> BarBatch:
    """The store's bars of some trading minutes, at least one; what lies between them is not watched."""
    table = history.minutes(None, int(minutes[0]), int(minutes[-1]) + MINUTE_MS)
    batch = bars_of(table)
    watched = np.isin(batch.start_ms, minutes)
    return batch if watched.all() else batch.take(watched)

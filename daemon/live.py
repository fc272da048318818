"""From a frame on the socket to an alert on disk.

The socket's reader calls `Live.receive`, which decodes into the inbox and never waits for the engine. Turns of the
engine run in a thread of their own, one at a time: a turn takes what waits, steps, and commits the alerts.
"""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import structlog

from daemon import figures
from daemon.engine.halts import Halts
from daemon.engine.outages import Outages
from streams.bars import MINUTE_MS
from streams.outbox import Entry
from streams.polygon.spoilage import Spoilage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from daemon.engine.alerts import Alert
    from daemon.engine.engine import Engine
    from daemon.engine.inbox import Inbox
    from daemon.engine.listings import Notice
    from daemon.engine.outages import Outage
    from daemon.engine.outcomes import Outcome
    from daemon.engine.plan import Plan
    from daemon.keeping import Keeper
    from daemon.metrics import Metrics
    from streams.bars import BarBatch
    from streams.memoryring import MemoryRing
    from streams.outbox import Stored
    from streams.polygon.codec import Codec
    from streams.polygon.messages import BandBatch
    from streams.polygon.spoilage import Verdict
    from streams.types import Clock, Symbols

log = structlog.get_logger()

UNDELIVERED = 10_000
"""Turns with alerts whose delivery is timed; older ones are forgotten while Redis is away."""

TURN_S = 0.1
"""The engine turns at least this often, so that minutes close while the market is silent."""

TURN_BARS = 16_384
"""Bars that are worked on in one turn: a second of the whole market and more. A stop waits for the turn under way."""

WAITING_TURN_BARS = 2_048
"""The same where the learner is waited for, minute by minute."""

EXAMPLES = 5
"""Bars that are named in the log where many were lost."""

FUTURE_MS = 2 * MINUTE_MS
"""A bar that ends this much after its arrival is not believed: it would close every minute before its own."""


class Market(Protocol):
    """The exchange's time."""

    def now_ms(self) -> int | None:
        """Market time up to which all bars have been handed over, None while that is not known."""


class Live:
    """Decodes, queues, and turns the engine.

    Args:
        codec: takes frames apart.
        inbox: where bars wait, bounded.
        engine: bars in, alerts out.
        ring: the outbox, with memory behind it for a disk that refuses.
        market: the exchange's time.
        clock: the machine's.
        metrics: what is counted.
        lossless: market time comes from the bars alone, and the reader waits while the inbox is full.
        overflow: called when not even minute bars fit: drops the feed on purpose.
        spoiled: called when the condition of the feed's elements is another one: may drop the feed on purpose.
        stored: called with the alerts newly on disk, on the event loop.
        noticed: called with what the engine or the feed's price bands tell that people should know, on the event loop.
        keeper: given bars and alerts for the history.
        about: what is at hand of a symbol, for its alert; called in the engine's thread.
        judged: called with what has become of alerts, on the event loop.
        closed: called with the engine after a turn in which minutes have closed, and after its alerts have been handed
            on; in the engine's thread.
        missed: called after an outage of the feed, when the symbols that may miss bars for it have begun to wait; None
            where nobody could bring these: then none waits.

    Attributes:
        held: what comes waits, and no minute closes, until `begin`.
        outages: when the feed could not be heard: no minute closes by the clock then.
        halts: which symbols are halted, as far as the feed tells.
        turned_s: when the newest turn ended.
        figures: what it left behind.
    """

    def __init__(
        self,
        codec: Codec,
        inbox: Inbox,
        engine: Engine,
        ring: MemoryRing,
        *,
        market: Market,
        clock: Clock,
        metrics: Metrics,
        lossless: bool,
        overflow: Callable[[], None],
        spoiled: Callable[[Verdict], None],
        stored: Callable[[Sequence[Stored]], None],
        noticed: Callable[[Notice], None],
        keeper: Keeper | None = None,
        about: Callable[[str], dict[str, Any]] = lambda _symbol: {},
        judged: Callable[[Sequence[Outcome]], None] = lambda _outcomes: None,
        closed: Callable[[Engine], None] | None = None,
        missed: Callable[[Outage], None] | None = None,
    ) -> None:
        self._codec, self._inbox, self._engine, self._ring = codec, inbox, engine, ring
        self._market, self._clock, self._metrics = market, clock, metrics
        self._lossless, self._overflow, self._spoiled, self._stored = lossless, overflow, spoiled, stored
        self._noticed, self._keeper, self._about, self._closed = noticed, keeper, about, closed
        self._judged = judged
        if keeper:
            engine.stood_in = keeper.stood_in
        self.spoilage, self.halts, self.outages = Spoilage(), Halts(), Outages()
        self._missed = missed
        self._gap: Outage | None = None
        self._halting: dict[bytes, bool] = {}
        self.held = False
        self._wake, self._room, self._used = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._plan: Plan | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._arrived: deque[tuple[int, float]] = deque(maxlen=UNDELIVERED)
        self.turned_s = clock.monotonic_s()
        self.figures = figures.of(engine)

    def delivered(self, seq: int) -> None:
        """All alerts up to this place in the outbox have reached Redis."""
        now_s = self._clock.monotonic_s()
        while self._arrived and self._arrived[0][0] <= seq:
            self._metrics.frame_to_alert.observe(now_s - self._arrived.popleft()[1])

    async def use(self, plan: Plan) -> bool:
        """Exchange the rules before the next turn, and wait until it has ended; whether the engine has taken them."""
        self._plan = plan
        self._used.clear()
        self._wake.set()
        await self._used.wait()
        return self._engine.plan is plan

    @property
    def waiting_s(self) -> float:
        """Age of the oldest input that no turn has taken yet, 0 if there is none, or if it is to wait."""
        oldest_s = self._inbox.oldest_s
        return 0.0 if oldest_s is None or self.held else self._clock.monotonic_s() - oldest_s

    def receive(self, frame: bytes, arrival_ms: int) -> None:
        """Decode one frame into the inbox; never waits.

        Args:
            frame: as it came.
            arrival_ms: market time of its arrival.
        """
        decoded = self._codec.decode(frame, arrival_ms)
        self._metrics.decoded(decoded)
        self._halt(decoded.bands)
        if (verdict := self.spoilage.note(decoded, self._clock.monotonic_s())) is not None:
            self._spoiled(verdict)
        bars = self._timed(decoded.bars, arrival_ms)
        if not bars.size:
            return
        if self.outages.blind:
            self.heard()
        if self._inbox.put(bars, self._clock.monotonic_s()):
            self._wake.set()
        else:
            self._overflow()

    def lost(self) -> None:
        """The feed is not heard any more."""
        if not self._lossless and self._missed:
            self.outages.lost(self.figures.now_ms)

    def heard(self) -> None:
        """The feed is heard, perhaps again: before the next bar is taken, symbols that may miss some begin to wait."""
        outage = self.outages.heard(self._now_ms())
        if outage:
            self._gap = outage.joined(self._gap) if self._gap else outage
            self._wake.set()

    def _now_ms(self) -> int:
        """Market time: the exchange's, where it is known."""
        return self._market.now_ms() or self.figures.now_ms

    async def mend(self, symbols: Symbols, missing: BarBatch, *, hole: bool = False) -> bool:
        """Give the engine what was missing of symbols that wait, see `Engine.mend`; False while no turns are made."""
        now_ms = self._now_ms()
        stored: list[Stored] = []

        def act() -> None:
            stored.extend(self._store(self._engine.mend(symbols, missing, now_ms, hole=hole)))
            if self._keeper:
                self._keeper.turned(missing, self._engine.barrier.closed_ms)

        done = await self.between_turns(act)
        self._after(stored, None)
        return done

    def _halt(self, bands: BandBatch) -> None:
        for notice in self.halts.note(bands):
            self._noticed(notice)
        turned = np.flatnonzero(bands.halted | bands.resumed)
        for symbol, halted in zip(bands.symbol[turned].tolist(), bands.halted[turned].tolist(), strict=True):
            self._halting[symbol] = halted

    def take(self, frame: bytes, arrival_ms: int) -> Awaitable[None] | None:
        """What a feed is handed: `receive`, and in lossless mode the wait for room that goes with it."""
        self.receive(frame, arrival_ms)
        return self.room() if self._lossless else None

    async def room(self) -> None:
        """Wait until the inbox is less than half full: what a lossless reader does after each frame."""
        while self._inbox.depth > self._inbox.limit // 2:
            self._room.clear()
            await self._room.wait()

    async def run(self) -> None:
        """Turn for ever. When cancelled, the turn under way ends first; what waits in the inbox is left."""
        self._thread = thread = ThreadPoolExecutor(1, thread_name_prefix="engine")
        self.turned_s = self._clock.monotonic_s()  # a start may have taken long
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(TURN_S):
                        await self._wake.wait()
                await self._turn_in(thread)
        finally:
            self._thread = None
            await asyncio.to_thread(thread.shutdown)  # the event loop goes on meanwhile

    def begin(self) -> None:
        """Take what waits, and what comes, from now on."""
        self.held = False
        self._wake.set()

    async def between_turns(self, act: Callable[[], object]) -> bool:
        """Do `act` in the engine's thread while no turn is under way; False, and nothing done, if no turns are made."""
        if self._thread is None:
            return False
        await asyncio.get_running_loop().run_in_executor(self._thread, act)
        return True

    async def _turn_in(self, thread: ThreadPoolExecutor) -> None:
        self._wake.clear()
        most = 0 if self.held else WAITING_TURN_BARS if self._lossless else TURN_BARS
        now_ms, oldest_s, batch = self._market.now_ms(), self._inbox.oldest_s, self._inbox.take(most)
        self._room.set()
        if self.held or self.outages.blind:
            now_ms = None
        elif self._inbox.depth:
            now_ms = None  # no minute closes before the bars that still wait
            self._wake.set()
        minutes, loop = self.figures.counts["minutes"], asyncio.get_running_loop()
        if self._gap and self._missed and not self.held:
            gap, self._gap = self._gap, None
            await loop.run_in_executor(thread, self._engine.suspend, gap.last_ms)
            self._missed(gap)
        stored, error = await loop.run_in_executor(thread, self._try_turn, batch, now_ms)
        self._after(stored, oldest_s)
        if error:
            raise error
        if self._closed and self.figures.counts["minutes"] != minutes:
            await loop.run_in_executor(thread, self._closed, self._engine)

    def _after(self, stored: Sequence[Stored], oldest_s: float | None) -> None:
        self.turned_s = self._clock.monotonic_s()
        if self._plan is None:
            self._used.set()
        while self._engine.notices:
            self._noticed(self._engine.notices.popleft())
        if outcomes := self._engine.outcomes.take():
            self._judged(outcomes)
            if self._keeper:
                self._keeper.judged(outcomes)
        if stored:
            if oldest_s is not None:
                self._metrics.frame_to_outbox.observe(self.turned_s - oldest_s)
                self._arrived.append((stored[-1].seq, oldest_s))
            self._stored(stored)

    def _try_turn(self, batch: BarBatch, now_ms: int | None) -> tuple[list[Stored], Exception | None]:
        """A turn; of one that fails its error, and on disk the alerts it had found until then."""
        try:
            return self._turn(batch, now_ms), None
        except Exception as error:  # noqa: BLE001 - raised on the event loop, where it is seen
            return self._store(self._engine.flush()), error
        finally:
            if self._keeper:
                self._keeper.turned(batch, self._engine.barrier.closed_ms)

    def _turn(self, batch: BarBatch, now_ms: int | None) -> list[Stored]:
        """One turn, in the engine's thread."""
        started_s = self._clock.monotonic_s()
        with self._losing(batch):
            plan, self._plan = self._plan, None
            if plan:
                self._engine.reload(plan)
            halting, self._halting = self._halting, {}
            for symbol, halted in halting.items():
                self._engine.halt(np.array([symbol]), halted=halted)
            alerts = self._engine.step(batch) if batch.size else []
        stored = self._store(alerts)
        if now_ms is not None:
            stored += self._store(self._engine.advance(now_ms))
        if batch.size:
            self._metrics.turn_seconds.observe(self._clock.monotonic_s() - started_s)
        self.figures = figures.of(self._engine, self.figures, batch)
        return stored

    @contextmanager
    def _losing(self, batch: BarBatch) -> Iterator[None]:
        """Says what is lost when a turn fails: how far it came nobody knows, so all of its bars count."""
        try:
            yield
        except Exception as error:
            if batch.size:
                name = type(error).__name__
                self._metrics.bars_lost.labels(error=name).inc(batch.size)
                log.error("bars lost", bars=batch.size, error=name, first=_named(batch.take(slice(0, EXAMPLES))))  # noqa: TRY400 - the supervisor shows the traceback
            raise

    def _store(self, alerts: Sequence[Alert]) -> list[Stored]:
        """Alerts go to disk as soon as they are known: whatever fails next, they stay."""
        return self._ring.append(self._entries(alerts), self._clock.wall_ms()) if alerts or self._ring else []

    def _entries(self, alerts: Sequence[Alert]) -> list[Entry]:
        scored_ms = self._clock.wall_ms()
        for alert in alerts:
            self._metrics.alerts.labels(rule=alert.rule).inc()
            log.info("alert", rule=alert.rule, symbol=alert.symbol, price=alert.price, score=alert.score)
        scored = [alert.at(scored_ms, self._about(alert.symbol)) for alert in alerts]
        if self._keeper:
            self._keeper.raised(scored)
        return [Entry(alert.id, alert.fields()) for alert in scored]

    def _timed(self, bars: BarBatch, arrival_ms: int) -> BarBatch:
        """The bars that are believed, with the market time of their arrival: that of their end where none is known."""
        ends_ms = bars.start_ms + bars.length_ms
        if self._lossless or self._market.now_ms() is None:
            return bars._replace(arrival_ms=ends_ms)
        believed = ends_ms <= arrival_ms + FUTURE_MS
        if believed.all():
            return bars
        self._metrics.rejects.labels(reason="future").inc(int((~believed).sum()))
        return bars.take(believed)


def _named(batch: BarBatch) -> list[str]:
    """Symbol and start of each bar, for people."""
    starts = [datetime.fromtimestamp(ms / 1000, UTC) for ms in batch.start_ms.tolist()]
    return [
        f"{symbol.decode()} {at:%Y-%m-%d %H:%M:%SZ}" for symbol, at in zip(batch.symbol.tolist(), starts, strict=True)
    ]

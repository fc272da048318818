"""From a frame to an alert on disk, and what happens when the engine is slower than the feed."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import numpy as np
from structlog.testing import capture_logs

from daemon import assembly, standing
from daemon.engine.inbox import Inbox
from daemon.engine.listings import released
from daemon.live import FUTURE_MS, Live
from daemon.metrics import Metrics
from daemon.supervision import Supervisor
from streams.bars import MINUTE_MS, SECOND_MS, concat
from streams.memoryring import MemoryRing
from streams.outbox import Outbox
from streams.polygon.codec import Codec
from streams.polygon.session import State
from streams.polygon.spoilage import Condition, Spoilage
from tests.daemon.running import OPEN, bar, config_of, engine_of, replayed, running, walk
from tests.fakes.clock import ManualClock
from tests.fakes.feed import KEY, eventually, exchange
from tests.streams.polygon.frames import frame, minute, second

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path
    from typing import Any

    from daemon.engine.alerts import Alert
    from daemon.engine.engine import Engine
    from daemon.engine.listings import Notice
    from streams.bars import BarBatch
    from streams.outbox import Stored
    from streams.polygon.spoilage import Verdict
    from tests.fakes.feed import Peer

SYMBOLS = [f"S{n}" for n in range(10)]


def seconds_of(number: int) -> list[dict[str, Any]]:
    """Second bars of all symbols for each second of a minute, a hundred shares each."""
    at = OPEN + number * MINUTE_MS
    times = [at + s * SECOND_MS for s in range(60)]
    return [second(name, s=ms, e=ms + SECOND_MS, v=100, dv="100.0") for ms in times for name in SYMBOLS]


def minutes_of(number: int, symbols: list[str] = SYMBOLS) -> list[dict[str, Any]]:
    at = OPEN + number * MINUTE_MS
    return [minute(name, s=at, e=at + MINUTE_MS, v=6000, dv="6000.0") for name in symbols]


class Gate:
    """Holds the engine's thread in its step until opened; notes what came in."""

    def __init__(self, engine: Engine) -> None:
        self._step = engine.step
        engine.step = self.step  # type: ignore[method-assign]
        self.batches: list[BarBatch] = []
        self._entered, self._open = threading.Event(), threading.Event()

    def step(self, batch: BarBatch) -> list[Alert]:
        self.batches.append(batch)
        self._entered.set()
        assert self._open.wait(30)
        return self._step(batch)

    def open(self) -> None:
        self._open.set()

    @property
    def held(self) -> bool:
        return self._entered.is_set() and not self._open.is_set()

    @property
    def taken(self) -> BarBatch:
        return concat(self.batches)


class Depth:
    """The greatest depth that an inbox has had."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox, self._put = inbox, inbox.put
        inbox.put = self.put  # type: ignore[method-assign]
        self.deepest = 0

    def put(self, batch: BarBatch, received_s: float = 0.0) -> bool:
        fits = self._put(batch, received_s)
        self.deepest = max(self.deepest, self._inbox.depth)
        return fits


async def test_an_engine_that_stands_still_merges_seconds_and_stops_nobody_from_reading(tmp_path: Path) -> None:
    go, sent = asyncio.Event(), asyncio.Event()

    async def flood(peer: Peer) -> None:
        await peer.subscribe()
        await peer.send(*minutes_of(0))
        await go.wait()
        for number in range(1, 21):
            elements = seconds_of(number)
            for at in range(0, len(elements), 100):
                await peer.send(*elements[at : at + 100])
            await peer.send(*minutes_of(number))
        await (await peer.connection.ping())
        sent.set()
        await peer.wait()

    async with exchange(flood, ping_interval=0.05, ping_timeout=5) as fake:
        feed = {"key": KEY, "lossless": False, "channels": ["A.*", "AM.*"], "inbox_bars": 1024}
        async with running(config_of(tmp_path, fake.url, feed=feed)) as app:
            gate, depth = Gate(app.engine), Depth(app.inbox)
            await eventually(lambda: gate.held)
            go.set()
            await asyncio.wait_for(sent.wait(), 20)
            assert gate.held, "all was read and every ping answered while the engine stood still"
            assert app.live.waiting_s > 0
            gate.open()
            await eventually(lambda: app.engine.counts.bars == 21 * 10)
            counts = app.engine.counts
        taken = gate.taken
        seconds = taken.take(taken.length_ms == SECOND_MS)
        assert fake.opened == 1
        assert depth.deepest <= 1024
        assert app.inbox.merged == 20 * 60 * 10 - seconds.size > 0
        assert seconds.values[4].sum() == 20 * 60 * 10 * 100.0
        assert taken.size - seconds.size == 21 * 10
        assert (counts.stood_in, counts.revised, counts.repeated, app.inbox.refused) == (0, 0, 0, 0)


async def test_minute_bars_that_do_not_fit_drop_the_feed_on_purpose_once_and_it_comes_back(tmp_path: Path) -> None:
    names = [f"N{n}" for n in range(1200)]
    go, back = asyncio.Event(), asyncio.Event()

    async def flood(peer: Peer) -> None:
        await peer.subscribe()
        await peer.send(*minutes_of(0, ["FIRST"]))
        await go.wait()
        for at in range(0, 1200, 10):
            await peer.send(*minutes_of(1, names[at : at + 10]))
        await peer.wait()

    async def again(peer: Peer) -> None:
        await peer.subscribe()
        back.set()
        await peer.wait()

    async with exchange(flood, again) as fake:
        feed = {"key": KEY, "lossless": False, "inbox_bars": 1024}
        async with running(config_of(tmp_path, fake.url, feed=feed)) as app:
            gate = Gate(app.engine)
            await eventually(lambda: gate.held)
            go.set()
            await asyncio.wait_for(back.wait(), 20)
            assert gate.held
            gate.open()
            await eventually(lambda: app.engine.counts.bars == 1 + 1020)
        assert fake.asked == [["AM.*"], ["AM.*"]]
        assert app.inbox.depth == 0
        assert app.inbox.refused > 0
        assert app.inbox.merged == 0
        assert app.metrics.registry.get_sample_value("technic_overflows_total") == 1


async def test_a_feed_that_cannot_be_read_is_dropped_once_and_then_kept_but_not_ready(tmp_path: Path) -> None:
    async def spoiled(peer: Peer) -> None:
        await peer.subscribe()
        while True:
            await peer.send(*minutes_of(0, ["GOOD"]), second("BAD", o=0), {"ev": "T"})
            await asyncio.sleep(0.001)

    async with exchange(spoiled) as fake, running(config_of(tmp_path, fake.url, feed={"key": KEY})) as app:
        app.live.spoilage = Spoilage(run_s=0.2, slice_s=0.02)
        await eventually(lambda: app.live.spoilage.condition is Condition.DEGRADED)
        assert fake.opened == 2
        assert app.feed.state is State.LIVE
        assert not standing.feed(app).ok
        app.live.spoilage = Spoilage()
        assert standing.feed(app).ok


class Market:
    """The exchange's time, as told; None is not known."""

    def __init__(self, now_ms: int | None) -> None:
        self.told_ms = now_ms

    def now_ms(self) -> int | None:
        return self.told_ms


class Desk:
    """A `Live` by itself, with an engine, an outbox, and everything it calls."""

    def __init__(self, folder: Path, now_ms: int | None, *, lossless: bool = False, limit: int = 1024) -> None:
        self.config = config_of(folder, "ws://127.0.0.1:1/stocks")
        self.market, self.clock, self.metrics = Market(now_ms), ManualClock(), Metrics()
        self.engine, self.inbox = engine_of(self.config), Inbox(limit)
        self.outbox = Outbox(folder / "outbox.db")
        self.stored: list[Stored] = []
        self.notices: list[Notice] = []
        self.overflows = 0
        self.verdicts: list[Verdict] = []
        self.closed: list[tuple[int, int, bool]] = []
        self.live = Live(
            Codec(),
            self.inbox,
            self.engine,
            MemoryRing(self.outbox, lambda error: None),
            market=self.market,
            clock=self.clock,
            metrics=self.metrics,
            lossless=lossless,
            overflow=self._overflow,
            spoiled=self.verdicts.append,
            stored=self.stored.extend,
            noticed=self.notices.append,
            closed=self._closed,
        )

    def _closed(self, engine: Engine) -> None:
        """Notes the minute, how many alerts were told by then, and whether it is called in the engine's thread."""
        at_work = threading.current_thread() is not threading.main_thread()
        self.closed.append((engine.barrier.closed_ms, len(self.stored), at_work))

    def _overflow(self) -> None:
        self.overflows += 1

    def receive(self, *elements: dict[str, Any], arrival_ms: int) -> None:
        self.live.receive(frame(*elements), arrival_ms)

    def receive_all(self, bars: BarBatch) -> None:
        """A frame a bar, each arriving a second after its end."""
        for k in range(bars.size):
            open_, high, low, close, volume = bars.values[:5, k].tolist()
            start_ms = int(bars.start_ms[k])
            prices = {"o": open_, "h": high, "l": low, "c": close, "v": volume, "dv": None, "vw": close}
            element = minute(bars.symbol[k].decode(), s=start_ms, e=start_ms + MINUTE_MS, **prices)
            self.receive(element, arrival_ms=start_ms + MINUTE_MS + SECOND_MS)

    def rejects(self, reason: str) -> float | None:
        return self.metrics.registry.get_sample_value("technic_rejects_total", {"reason": reason})


@asynccontextmanager
async def turning(desk: Desk) -> AsyncIterator[None]:
    task = asyncio.create_task(desk.live.run())
    try:
        yield
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        desk.outbox.close()


async def test_alerts_of_a_turn_are_on_disk_before_anyone_is_told(tmp_path: Path) -> None:
    bars = walk(4, 30)
    desk = Desk(tmp_path, None)
    expected = [alert.id for alert in replayed(desk.config, bars)]
    async with turning(desk):
        desk.receive_all(bars)
        desk.market.told_ms = OPEN + 60 * MINUTE_MS
        await eventually(lambda: len(desk.stored) == len(expected))
        assert [row.id for row in desk.outbox.read_after("redis", 9_999)] == expected
    assert [row.id for row in desk.stored] == expected


async def test_a_closed_minute_is_told_in_the_engines_thread_once_its_alerts_are_handed_on(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path, None)
    async with turning(desk):
        desk.receive_all(walk(4, 30))
        desk.market.told_ms = OPEN + 60 * MINUTE_MS
        await eventually(lambda: desk.live.figures.closed_ms == desk.closed[-1][0] if desk.closed else False)
    minutes = [minute_ms for minute_ms, _, _ in desk.closed]
    assert minutes == sorted(set(minutes))
    assert desk.closed[-1][1:] == (len(desk.stored), True)
    assert desk.stored


async def test_bars_from_the_future_are_counted_and_move_nothing(tmp_path: Path) -> None:
    now_ms = OPEN + 10 * MINUTE_MS
    desk = Desk(tmp_path, now_ms)
    far_ms = (now_ms + FUTURE_MS) // MINUTE_MS * MINUTE_MS + MINUTE_MS
    fine = minutes_of(9, ["FINE"])[0]
    desk.receive(minute("FAR", s=far_ms, e=far_ms + MINUTE_MS), fine, arrival_ms=now_ms)
    assert (desk.rejects("future"), desk.inbox.depth) == (1, 1)
    async with turning(desk):
        await eventually(lambda: desk.engine.counts.bars == 1)
    assert desk.engine.symbols.symbols.tolist() == [b"FINE"]
    assert desk.engine.barrier.now_ms == now_ms


async def test_a_clock_that_is_a_little_slow_does_not_make_the_present_the_future(tmp_path: Path) -> None:
    desk = Desk(tmp_path, OPEN)
    desk.receive(*minutes_of(0, ["A"]), arrival_ms=OPEN + MINUTE_MS - FUTURE_MS)
    assert (desk.rejects("future"), desk.inbox.depth) == (None, 1)
    desk.outbox.close()


async def test_until_the_exchange_has_told_its_time_bars_arrive_at_their_end(tmp_path: Path) -> None:
    desk = Desk(tmp_path, None)
    today_ms = OPEN + 700 * 24 * 60 * MINUTE_MS
    desk.receive(*minutes_of(0), arrival_ms=today_ms)
    desk.receive(*minutes_of(1), arrival_ms=today_ms)
    async with turning(desk):
        await eventually(lambda: desk.engine.counts.bars == 20)
    assert desk.engine.counts.late == 0
    assert desk.engine.barrier.now_ms == OPEN + 2 * MINUTE_MS


async def test_minutes_close_by_the_market_s_clock_while_the_market_is_silent(tmp_path: Path) -> None:
    desk = Desk(tmp_path, OPEN + MINUTE_MS)
    desk.receive(*minutes_of(0), arrival_ms=OPEN + MINUTE_MS + SECOND_MS)
    async with turning(desk):
        await eventually(lambda: desk.engine.counts.bars == 10)
        assert desk.engine.barrier.closed_ms < OPEN
        desk.market.told_ms = OPEN + MINUTE_MS + 5 * SECOND_MS
        await eventually(lambda: desk.engine.barrier.closed_ms == OPEN)


async def test_a_lossless_reader_waits_for_room_and_goes_on(tmp_path: Path) -> None:
    desk = Desk(tmp_path, None, lossless=True, limit=1024)
    desk.receive(*minutes_of(0, [f"N{n}" for n in range(600)]), arrival_ms=OPEN)
    waiting = asyncio.create_task(desk.live.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    async with turning(desk):
        await asyncio.wait_for(waiting, 10)
    await desk.live.room()
    assert desk.inbox.depth == 0


async def test_input_ages_until_a_turn_takes_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path, None)
    assert desk.live.waiting_s == 0
    desk.receive(*minutes_of(0), arrival_ms=OPEN)
    desk.clock.advance(3)
    desk.receive(*minutes_of(1), arrival_ms=OPEN)
    desk.clock.advance(4)
    assert desk.live.waiting_s == 7
    async with turning(desk):
        await eventually(lambda: desk.live.turned_s == desk.clock.monotonic_s())
        assert desk.live.waiting_s == 0


async def test_a_turn_that_fails_loses_its_bars_with_a_count_and_keeps_the_alerts_it_had_found(tmp_path: Path) -> None:
    bars = walk(4, 30)
    desk = Desk(tmp_path, None)
    due = [alert for alert in replayed(desk.config, bars) if alert.bar_start_ms < OPEN + 19 * MINUTE_MS]
    commit, spoilt = desk.engine.watch.evaluator.commit, []

    def spoil(rows: Any, context: Any, score: Any) -> None:
        if desk.engine.barrier.now_ms == OPEN + 20 * MINUTE_MS and not spoilt:
            spoilt.append(rows)
            raise ZeroDivisionError
        commit(rows, context, score)

    desk.engine.watch.evaluator.commit = spoil  # type: ignore[method-assign]
    supervisor = Supervisor(desk.clock, desk.metrics, (), lambda _: asyncio.sleep(0))
    with capture_logs() as logged:
        desk.receive_all(bars)
        task = asyncio.create_task(supervisor.keep("engine", desk.live.run))
        await eventually(lambda: len(desk.stored) >= len(due) > 0)
        desk.receive(*minutes_of(40), arrival_ms=OPEN)
        await eventually(lambda: desk.engine.symbols.size == 14)
        task.cancel()
        await asyncio.wait({task})
    assert [row.id for row in desk.stored][: len(due)] == [alert.id for alert in due]
    assert [row.id for row in desk.outbox.read_after("redis", 9_999)] == [row.id for row in desk.stored]
    assert (
        desk.metrics.registry.get_sample_value("technic_bars_lost_total", {"error": "ZeroDivisionError"}) == bars.size
    )
    assert desk.metrics.registry.get_sample_value("technic_task_restarts_total", {"task": "engine"}) == 1
    (lost,) = [line for line in logged if line["event"] == "bars lost"]
    assert lost["bars"] == bars.size
    assert lost["first"][0] == "S00 2025-01-06 14:30:00Z"
    assert len(lost["first"]) == 5
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("engine")]
    desk.outbox.close()


async def test_a_long_queue_is_taken_in_turns_and_no_minute_closes_before_its_last_bar(tmp_path: Path) -> None:
    names = [f"N{n}" for n in range(5000)]
    desk = Desk(tmp_path, OPEN + 10 * MINUTE_MS, lossless=True, limit=99_999)
    gate = Gate(desk.engine)
    gate.open()
    for at in range(0, 5000, 500):
        desk.receive(*minutes_of(0, names[at : at + 500]), arrival_ms=OPEN + MINUTE_MS + SECOND_MS)
        desk.clock.advance(1)
    async with turning(desk):
        await eventually(lambda: desk.engine.barrier.closed_ms >= OPEN)
        assert desk.live.waiting_s == 0
    assert [batch.size for batch in gate.batches] == [2500, 2500]
    assert (desk.engine.counts.bars, desk.engine.counts.late) == (5000, 0)


async def test_a_turn_under_way_ends_before_the_end_and_blocks_no_one_else(tmp_path: Path) -> None:
    desk = Desk(tmp_path, None)
    gate = Gate(desk.engine)
    desk.receive(*minutes_of(0), arrival_ms=OPEN)
    task = asyncio.create_task(desk.live.run())
    await eventually(lambda: gate.held)
    task.cancel()
    for _ in range(5):
        await asyncio.sleep(0)
    assert not task.done(), "the state must not be read while a step writes it"
    gate.open()
    await asyncio.wait({task}, timeout=10)
    assert task.cancelled()
    assert desk.engine.counts.bars == 10
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("engine")]
    desk.outbox.close()


async def test_rules_are_in_force_once_that_is_told_even_while_a_turn_is_under_way(tmp_path: Path) -> None:
    desk = Desk(tmp_path, None)
    gate, plan = Gate(desk.engine), assembly.plan_of(desk.config)
    desk.receive(*minutes_of(0), arrival_ms=OPEN)
    async with turning(desk):
        await eventually(lambda: gate.held)
        using = asyncio.create_task(desk.live.use(plan))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not using.done()
        gate.open()
        assert await asyncio.wait_for(using, 10)
        assert desk.engine.plan is plan


async def test_what_the_engine_notices_is_told_once(tmp_path: Path) -> None:
    desk = Desk(tmp_path, OPEN)
    async with turning(desk):
        notice = released(np.array([b"GONE"], "S16"))
        desk.engine.notices.append(notice)
        await eventually(lambda: desk.notices == [notice])
        assert not desk.engine.notices


async def test_a_turn_leaves_its_figures_behind(tmp_path: Path) -> None:
    desk = Desk(tmp_path, None)
    before = desk.live.figures
    desk.receive(*minutes_of(0), arrival_ms=OPEN)
    async with turning(desk):
        await eventually(lambda: desk.live.figures.counts["bars"] == 10)
    assert (desk.live.figures.symbols, desk.live.figures.rules) == (10, ("turn-up", "busy"))
    assert before.counts["bars"] == 0


def test_merging_lets_no_second_bar_overtake_a_minute_bar(tmp_path: Path) -> None:
    """A standstill of half a minute: seconds and minute bars of two minutes wait together."""
    engine, inbox = engine_of(config_of(tmp_path, "ws://127.0.0.1:1/stocks")), Inbox(64)

    def came(batch: BarBatch, delay_ms: int) -> None:
        assert inbox.put(batch._replace(arrival_ms=batch.start_ms + batch.length_ms + delay_ms))

    for s in range(50, 60):
        for name in SYMBOLS:
            came(bar(name, OPEN + s * SECOND_MS, 50.0, length_ms=SECOND_MS), 2_000)
    for name in SYMBOLS:
        came(bar(name, OPEN, 51.0), 3_000)
    for s in range(20):
        came(bar(SYMBOLS[s % 10], OPEN + MINUTE_MS + s * SECOND_MS, 52.0, length_ms=SECOND_MS), 2_000)
    assert inbox.merged
    batch = inbox.take()
    assert np.all(np.diff(batch.arrival_ms) >= 0)
    engine.step(batch)
    assert (engine.counts.bars, engine.counts.stood_in, engine.counts.late) == (10, 0, 0)
    assert engine.watch.minutes.bar("close", np.arange(10)).tolist() == [51.0] * 10

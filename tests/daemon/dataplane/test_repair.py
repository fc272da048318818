"""What an outage has hidden is brought with few calls, the likeliest first, and whatever fails meanwhile."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np
import pytest

from daemon.clock import SystemClock
from daemon.dataplane import repair as repairs
from daemon.dataplane.repair import Repair, Repaired, Waits, glance
from daemon.engine.outages import Outage
from streams.bars import MINUTE_MS, concat, empty
from streams.polygon.rest.answers import Snapshot
from streams.polygon.rest.errors import RestError
from streams.polygon.rest.limiter import Priority

if TYPE_CHECKING:
    from streams.bars import BarBatch

NOON = 1_736_182_800_000
OUTAGE = Outage(NOON + 70_000, NOON + 4 * MINUTE_MS + 5_000, NOON + MINUTE_MS, NOON + 3 * MINUTE_MS)


def minutes(symbol: str, *numbers: int, volume: float = 100.0) -> BarBatch:
    bars = empty(len(numbers))
    bars.symbol[:] = symbol.encode()
    bars.start_ms[:] = NOON + np.array(numbers, np.int64) * MINUTE_MS
    bars.length_ms[:] = MINUTE_MS
    bars.values[:5] = np.array([[5.0], [6.0], [4.0], [5.5], [volume]])
    return bars


def look(**last: tuple[int, float, float]) -> Snapshot:
    """Of each symbol the number of its last minute, that one's volume, and the day's."""
    names = sorted(last)
    symbol = np.array([name.encode() for name in names], "S16")
    start = np.array([NOON + last[name][0] * MINUTE_MS for name in names])
    minute = np.tile(np.array([[5.0], [6.0], [4.0], [5.5], [0.0], [5.2]]), len(names))
    minute[4] = [last[name][1] for name in names]
    day = np.array([last[name][2] for name in names])
    return Snapshot(symbol, start, minute, minute, start, day, minute, 0)


def waits(**day_volume: float) -> Waits:
    return Waits(np.array([name.encode() for name in day_volume], "S16"), np.array(list(day_volume.values())))


def test_one_look_settles_who_has_not_traded_and_of_whom_the_last_minute_is_all() -> None:
    now = look(A=(0, 50, 1000), B=(3, 70, 570), C=(3, 70, 900), D=(4, 70, 570), E=(2, 30, 30), F=(-9, 0, 0))
    quiet, whole, bars = glance(waits(A=1000.0, B=500.0, C=500.0, D=500.0, E=np.nan, F=np.nan, G=4.0), now, OUTAGE)
    assert quiet.tolist() == [True, False, False, False, False, True, False]
    assert whole.tolist() == [False, True, False, False, True, False, False]
    assert bars.symbol.tolist() == [b"B", b"E"]
    assert (bars.start_ms - NOON).tolist() == [3 * MINUTE_MS, 2 * MINUTE_MS]
    assert bars.values[:6, 0].tolist() == [5.0, 6.0, 4.0, 5.5, 70.0, 5.2]


def test_a_look_at_nothing_settles_nothing() -> None:
    quiet, whole, bars = glance(waits(A=5.0), look(), OUTAGE)
    assert (quiet.tolist(), whole.tolist(), bars.size) == ([False], [False], 0)


class Exchange:
    """Knows minutes of symbols; `failing` says how often each is refused first."""

    def __init__(self, now: Snapshot | None, bars: BarBatch, failing: dict[str, int]) -> None:
        self._now, self._bars, self.failing = now, bars, failing
        self.asked: list[str] = []

    async def snapshot(self, *, priority: Priority) -> Snapshot:
        assert priority is Priority.LIVE
        if self._now is None:
            raise RestError("snapshot", "away")
        return self._now

    async def minutes(self, symbol: str, from_ms: int, to_ms: int, *, priority: Priority) -> BarBatch:
        assert (from_ms, to_ms, priority) == (OUTAGE.first_ms, OUTAGE.last_ms, Priority.LIVE)
        self.asked.append(symbol)
        await asyncio.sleep(0.001)
        if self.failing.get(symbol, 0):
            self.failing[symbol] -= 1
            raise RestError("minutes", "refused")
        return self._bars.take(self._bars.symbol == symbol.encode())


class Engine:
    """Who waits, and what was brought."""

    def __init__(self, waiting: Waits) -> None:
        self.waiting = waiting
        self.brought: list[BarBatch] = []
        self.gone: list[bytes] = []
        self.holes: list[bytes] = []
        self.done: list[tuple[Outage, Repaired]] = []

    async def waits(self) -> Waits:
        left = ~np.isin(self.waiting.symbols, np.array(self.gone, "S16"))
        return Waits(self.waiting.symbols[left], self.waiting.day_volume[left])

    async def mend(self, symbols: np.ndarray, missing: BarBatch, *, hole: bool = False) -> bool:
        self.holes += symbols.tolist() if hole else []
        assert not set(symbols.tolist()) & set(self.gone)
        self.gone += symbols.tolist()
        self.brought.append(missing)
        return True

    async def ready(self, minute_ms: int) -> None:
        assert minute_ms >= OUTAGE.last_ms


def repair_of(exchange: Exchange, engine: Engine, within_s: float) -> Repair:
    return Repair(
        exchange,
        waits=engine.waits,
        mend=engine.mend,
        ready=engine.ready,
        within_s=within_s,
        done=lambda outage, repaired: engine.done.append((outage, repaired)),
        clock=SystemClock(),
    )


async def mended(repair: Repair, engine: Engine, *outages: Outage) -> None:
    for outage in outages:
        repair.missed(outage)
    task = asyncio.create_task(repair.run())
    async with asyncio.timeout(10):
        while not engine.done:
            await asyncio.sleep(0.01)
    task.cancel()


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repairs, "AGAIN_S", 0.01)


async def test_all_is_brought_in_order_with_few_calls_and_failures_are_asked_again() -> None:
    bars = concat([minutes("B", 3), minutes("C", 1, 2), minutes("D", 1)])
    now = look(A=(0, 50, 1000), B=(3, 100, 600), C=(2, 100, 700), D=(4, 70, 700))
    engine = Engine(waits(D=530.0, A=1000.0, C=500.0, B=500.0))
    exchange = Exchange(now, bars, {"C": 2})
    await mended(repair_of(exchange, engine, 60.0), engine, OUTAGE)
    ((outage, repaired),) = engine.done
    assert outage == OUTAGE
    assert repaired._replace(seconds=0.0) == Repaired(quiet=1, glanced=1, asked=2, bars=4, left=0)
    assert exchange.asked == ["D", "C", "C", "C"]
    brought = concat([part for part in engine.brought if part.size])
    assert sorted(zip(brought.symbol.tolist(), brought.start_ms.tolist(), strict=True)) == sorted(
        zip(bars.symbol.tolist(), bars.start_ms.tolist(), strict=True)
    )
    assert sorted(engine.gone) == [b"A", b"B", b"C", b"D"]


async def test_without_a_look_every_symbol_is_asked_for() -> None:
    engine, exchange = Engine(waits(A=1.0, B=2.0)), Exchange(None, minutes("A", 1), {})
    await mended(repair_of(exchange, engine, 60.0), engine, OUTAGE)
    assert sorted(exchange.asked) == ["A", "B"]
    assert engine.done[0][1].asked == 2


async def test_when_the_time_is_over_the_rest_goes_on_with_a_hole() -> None:
    engine, exchange = Engine(waits(A=1.0, B=2.0)), Exchange(None, minutes("A", 1), {"B": 10**9})
    await mended(repair_of(exchange, engine, 0.2), engine, OUTAGE)
    assert (engine.done[0][1].left, engine.holes) == (1, [b"B"])
    assert sorted(engine.gone) == [b"A", b"B"]


async def test_outages_that_come_together_are_mended_together() -> None:
    engine, exchange = Engine(waits(A=1.0)), Exchange(None, minutes("A", 1), {})
    first, second = OUTAGE._replace(last_ms=NOON + MINUTE_MS), OUTAGE._replace(first_ms=NOON + 2 * MINUTE_MS)
    await mended(repair_of(exchange, engine, 60.0), engine, first, second)
    assert engine.done[0][0] == OUTAGE

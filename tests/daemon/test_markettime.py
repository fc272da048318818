from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from daemon import markettime
from daemon.config import FeedSection
from daemon.engine.sessions import SessionTable
from daemon.markettime import DELAY_MS, Delayed, Proven, Shown, Silence
from streams.bars import MINUTE_MS
from streams.errors import MarketClockError
from tests.fakes.clock import ManualClock
from tests.fakes.feed import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

OPEN = 1_736_173_800_000  # 2025-01-06 09:30 in New York
CLOSE = OPEN + 390 * MINUTE_MS


@pytest.fixture
def sessions() -> SessionTable:
    return SessionTable(np.array([OPEN]), np.array([CLOSE]))


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(markettime, "PROOF_S", 0.0)
    monkeypatch.setattr(markettime, "POLL_S", 0.0)
    monkeypatch.setattr(markettime, "POLL_LEAST_S", 0.0)


class Polled(ManualClock):
    """An exchange's clock that has to be asked; deaf until told to answer."""

    def __init__(self) -> None:
        super().__init__(wall_ms=OPEN)
        self.known = self.deaf = False
        self.asked = 0

    async def poll(self) -> int:
        await asyncio.sleep(0)
        self.asked += 1
        if self.deaf:
            raise MarketClockError("no answer")
        self.known = True
        return self.wall_ms()


class Feed:
    """Quiet as told."""

    def __init__(self, clock: Polled) -> None:
        self.is_quiet, self._clock = False, clock

    async def quiet(self, timeout_s: float) -> bool:
        assert timeout_s > 0
        self._clock.advance(1.0)  # the pong takes its time
        return self.is_quiet


@asynccontextmanager
async def running(time: Shown | Proven) -> AsyncIterator[None]:
    task = asyncio.create_task(time.run())
    yield
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def section(**fields: Any) -> FeedSection:
    return FeedSection(**{"url": "ws://127.0.0.1:1/stocks", **fields})


def test_a_delayed_plan_s_market_is_a_quarter_of_an_hour_behind() -> None:
    clock = ManualClock(wall_ms=OPEN)
    assert Delayed(clock).wall_ms() == OPEN - DELAY_MS == OPEN - 15 * MINUTE_MS
    assert Delayed(clock).monotonic_s() == clock.monotonic_s()


async def test_the_machine_s_clock_needs_no_asking() -> None:
    time = Shown(ManualClock(wall_ms=OPEN))
    await time.run()
    assert time.now_ms() == OPEN


async def test_a_simulator_s_time_is_unknown_until_it_has_answered_and_goes_on_when_it_does_not() -> None:
    clock = Polled()
    time, clock.deaf = Shown(clock, clock), True  # type: ignore[arg-type]
    async with running(time):
        await eventually(lambda: clock.asked > 2)
        assert time.now_ms() is None
        clock.deaf = False
        await eventually(lambda: time.now_ms() == OPEN)
        clock.deaf, clock.asked = True, 0
        await eventually(lambda: clock.asked > 2)
        clock.advance(60)
        assert time.now_ms() == OPEN + MINUTE_MS


@pytest.mark.parametrize(("speed", "pause_s"), [(0.5, 10.0), (1.0, 5.0), (10.0, 0.5), (120.0, 0.25), (1e6, 0.25)])
def test_a_hasty_exchange_is_asked_more_often(speed: float, pause_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    clock = Polled()
    assert Shown(clock, clock, speed)._poll_s == pause_s  # type: ignore[arg-type]


async def test_time_is_proven_only_by_silence_and_is_that_of_before_the_silence() -> None:
    clock = Polled()
    feed = Feed(clock)
    time = Proven(clock, feed)  # type: ignore[arg-type]
    async with running(time):
        await eventually(lambda: clock.asked > 3)
        assert time.now_ms() is None
        feed.is_quiet = True
        await eventually(lambda: time.now_ms() is not None)
        assert (time.now_ms() or 0) <= clock.wall_ms() - 1000


async def test_a_proof_stands_until_the_next_one_whatever_fails() -> None:
    clock = Polled()
    feed = Feed(clock)
    time, feed.is_quiet = Proven(clock, feed), True  # type: ignore[arg-type]
    async with running(time):
        await eventually(lambda: time.now_ms() is not None)
        feed.is_quiet, clock.asked = False, 0
        await eventually(lambda: clock.asked > 1)
        proven_ms = time.now_ms()
        clock.deaf, feed.is_quiet, clock.asked = True, True, 0
        await eventually(lambda: clock.asked > 3)
        assert time.now_ms() == proven_ms
        clock.deaf = False
        await eventually(lambda: time.now_ms() != proven_ms)


@pytest.mark.parametrize(
    ("fields", "limit_s"),
    [
        ({"channels": ["A.*", "AM.*"]}, 15.0),
        ({"channels": ["AM.*"]}, 90.0),
        ({"channels": ["AM.*"], "speed": 3.0}, 30.0),
        ({"channels": ["AM.*"], "speed": 60.0}, 15.0),
        ({"channels": ["A.AAPL", "AM.AAPL"]}, None),
        ({"channels": ["A.AAPL", "AM.*"]}, 90.0),
        ({"channels": ["LULD.*"]}, None),
        ({"channels": ["A.*"], "lossless": True}, None),
    ],
)
def test_how_long_the_whole_market_may_be_silent_goes_by_channels_and_speed(
    sessions: SessionTable, fields: dict[str, Any], limit_s: float | None
) -> None:
    silence = Silence(section(**fields), sessions, ManualClock(wall_ms=OPEN))
    assert silence.limit_s() == limit_s


def test_silence_means_something_in_regular_hours_only(sessions: SessionTable) -> None:
    clock = ManualClock(wall_ms=OPEN - 1000)
    silence = Silence(section(channels=["A.*"]), sessions, clock)
    limits = []
    for pause_s in (0, 1, 389 * 60 + 59, 1, 5 * 3600):
        clock.advance(pause_s)
        limits.append(silence.limit_s())
    assert limits == [None, 15.0, 15.0, None, None]

"""A start is given the minutes before it: a real store and engine, an exchange that counts what it is asked."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest

from daemon import calendar, standing
from daemon.clock import SystemClock
from daemon.dataplane import warmup as module
from daemon.dataplane.shelf import Shelf
from daemon.dataplane.warmup import WarmUp, feed, fill, lacking
from streams.bars import MINUTE_MS, SYMBOL
from streams.dailyfile import DailyBars
from streams.history.errors import HistoryUnavailableError
from streams.history.open import open_history
from streams.history.protocol import DAY_MS
from streams.polygon.rest.errors import KeyRefused, RestUnavailable
from streams.simulator.rest import Archive
from streams.simulator.server import Simulator
from tests.daemon.running import KEY, OPEN, Tape, config_of, engine_of, running, url_of, walk
from tests.streams.redis.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from daemon.dataplane.plane import Plane
    from daemon.engine.engine import Engine
    from streams.bars import BarBatch
    from streams.history.protocol import History
    from streams.polygon.rest.limiter import Priority

CLOCK = SystemClock()
BARS = walk(5, 60)
NAMES = np.unique(BARS.symbol).astype(SYMBOL)
MINUTES = OPEN + MINUTE_MS * np.arange(60)
RULES = """
[[rule]]
name = "above"
where = "close > sma(40) and volume > sma(volume, 20)"
"""


class Counting:
    """An exchange that has these bars, and notes who asks."""

    def __init__(self, bars: BarBatch, *, latency_s: float = 0.0, refuses: Exception | None = None) -> None:
        self._bars, self._latency_s, self.refuses = bars, latency_s, refuses
        self.asked: list[str] = []

    async def minutes(self, symbol: str, from_ms: int, to_ms: int, *, priority: Priority) -> BarBatch:  # noqa: ARG002 - part of the protocol
        self.asked.append(symbol)
        if self.refuses:
            raise self.refuses
        await asyncio.sleep(self._latency_s)
        bars = self._bars
        wanted = (bars.symbol == symbol.encode()) & (bars.start_ms >= from_ms) & (bars.start_ms <= to_ms)
        return bars.take(wanted)


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    async with Shelf(lambda: open_history(tmp_path / "history")) as one:
        yield one


def engine(folder: Path) -> Engine:
    return engine_of(config_of(folder, url_of(1), rules=RULES))


async def at_once(act: Callable[[], object]) -> bool:
    act()
    return True


def state(of: Engine) -> dict[str, np.ndarray]:
    """Bars, indicators, look-back and episodes."""
    return {key: np.array(array) for key, array in of.to_arrays().items() if not key.startswith(("engine/", "view/"))}


def assert_equal(one: Engine, other: Engine) -> None:
    first, second = state(one), state(other)
    assert first.keys() == second.keys()
    for key, array in first.items():
        np.testing.assert_array_equal(array, second[key], err_msg=key)


async def test_the_engine_stands_as_if_it_had_lived_through_the_minutes(shelf: Shelf, tmp_path: Path) -> None:
    exchange = Counting(BARS)
    filled = await fill(await lacking(shelf, MINUTES, NAMES), exchange, shelf, CLOCK, 10.0)
    assert (filled.calls, filled.rows, filled.failed, filled.unasked) == (5, BARS.size, 0, 0)
    warm, lived = engine(tmp_path), engine(tmp_path)
    fed = await feed(shelf, MINUTES, warm, at_once)
    alerts = [alert for ms in MINUTES.tolist() for alert in lived.step(BARS.take(BARS.start_ms == ms))]
    assert (fed.bars, fed.hidden) == (BARS.size, len(alerts))
    assert alerts
    assert_equal(warm, lived)


async def test_what_is_known_is_not_asked_again_and_the_rest_goes_on_where_a_start_was_stopped(shelf: Shelf) -> None:
    exchange = Counting(BARS)
    stopped = await fill(
        await lacking(shelf, MINUTES, NAMES), exchange, shelf, CLOCK, 10.0, enough=lambda: len(exchange.asked) >= 2
    )
    assert (stopped.calls, stopped.unasked) == (2, 3)
    rest = await fill(await lacking(shelf, MINUTES, NAMES), exchange, shelf, CLOCK, 10.0)
    assert rest.calls == 3
    assert sorted(exchange.asked) == [name.decode() for name in NAMES.tolist()]
    assert not await lacking(shelf, MINUTES, NAMES)


def warm_up(shelf: Shelf, exchange: Counting, of: Engine, begun: list[bool], *, within_s: float = 20.0) -> WarmUp:
    plane = cast("Plane", SimpleNamespace(shelf=shelf, rest=exchange))
    sessions = calendar.load(Path(tempfile.gettempdir()), CLOCK.wall_ms()).sessions
    return WarmUp(
        plane,
        sessions,
        of,
        market_ms=lambda: int(MINUTES[-1]) + MINUTE_MS + 20_000,
        between=at_once,
        listening=lambda: True,
        enough=lambda: False,
        begin=lambda: begun.append(True),
        named=NAMES,
        within_s=within_s,
        extended=False,
        clock=CLOCK,
    )


async def test_the_most_traded_come_first(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 1)
    volume = np.array([3.0, 9.0, 1.0, np.nan, 5.0])
    close = np.full(5, 10.0)
    days = DailyBars(NAMES, np.full(5, OPEN // DAY_MS - 1), np.stack([close, close, close, close, volume]), 0)
    await shelf.ask(lambda history: history.write_daily(days, "test", 0))
    exchange, begun = Counting(BARS), []
    one = warm_up(shelf, exchange, engine(tmp_path), begun)
    await one.run()
    assert exchange.asked == [NAMES[k].decode() for k in (1, 4, 0, 2, 3)]
    assert (one.standing.done, one.standing.total, one.standing.bars, begun) == (5, 5, BARS.size, [True])


async def test_without_any_days_the_engine_begins_after_a_while(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.1)
    begun: list[bool] = []
    of = engine(tmp_path)
    await warm_up(shelf, Counting(BARS), of, begun).run()
    assert begun
    assert of.counts.bars == BARS.size


async def test_a_store_that_does_not_answer_costs_the_past_and_not_the_start(tmp_path: Path) -> None:
    def away() -> History:
        raise HistoryUnavailableError(tmp_path, "it is away", "bring it back")

    begun: list[bool] = []
    async with Shelf(away) as shelf:
        one = warm_up(shelf, Counting(BARS), engine(tmp_path), begun)
        await one.run()
    assert (begun, one.standing.over) == ([True], True)


async def test_time_that_is_over_ends_the_asking_and_what_came_stays(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 2)
    exchange = Counting(BARS, latency_s=0.3)
    started_s = time.monotonic()
    filled = await fill(await lacking(shelf, MINUTES, NAMES), exchange, shelf, CLOCK, 0.5)
    assert time.monotonic() - started_s < 5.0
    assert (filled.calls, filled.unasked) == (2, 3)
    assert len(await lacking(shelf, MINUTES, NAMES)) == 3


async def test_a_refused_key_ends_it_and_a_failed_call_does_not(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 1)
    wanted = await lacking(shelf, MINUTES, NAMES)
    refused = await fill(wanted, Counting(BARS, refuses=KeyRefused("minutes", "no")), shelf, CLOCK, 10.0)
    assert (refused.calls, refused.failed, refused.unasked) == (0, 1, 4)
    failing = await fill(wanted, Counting(BARS, refuses=RestUnavailable("minutes", "503")), shelf, CLOCK, 10.0)
    assert (failing.calls, failing.failed, failing.unasked) == (0, 5, 0)


async def test_nothing_is_asked_for_a_short_pause(shelf: Shelf) -> None:
    assert not await lacking(shelf, MINUTES[:4], NAMES)


async def test_a_daemon_that_starts_at_noon_knows_the_morning_and_misses_no_bar_at_the_join(tmp_path: Path) -> None:
    early = BARS.start_ms < OPEN + 40 * MINUTE_MS
    archive = Archive(earlier=Tape(BARS.take(early)).minutes(), symbols=NAMES)
    exchange = Simulator(Tape(BARS.take(~early)), clock=CLOCK, key=KEY, speed=120.0, archive=archive)
    async with exchange:
        config = config_of(
            tmp_path,
            url_of(exchange.port),
            rules=RULES,
            feed={"lossless": False, "speed": 120.0},
            rest={"enabled": True, "rate_per_minute": 6_000, "burst": 1_000, "warm_up_s": 1_800.0},
        )
        async with running(config) as app:
            assert app.known
            assert app.known.warm_up
            assert not standing.CHECKS["engine"](app).ok
            await eventually(lambda: app.known.warm_up.standing.over, 20.0)
            assert not app.live.held
            await eventually(lambda: app.live.figures.newest_ms >= MINUTES[-1], 60.0)
            assert standing.CHECKS["engine"](app).ok
            warm = app.engine
            lived = engine(tmp_path)
            for ms in MINUTES.tolist():
                lived.step(BARS.take(BARS.start_ms == ms))
            assert warm.symbols.size == lived.symbols.size
            order = warm.symbols.rows(lived.symbols.symbols)
            rows = np.arange(len(order))
            for name in ("close", "volume", "vwap"):
                np.testing.assert_array_equal(warm.watch.minutes.bar(name, order), lived.watch.minutes.bar(name, rows))
            assert warm.counts.bars == BARS.size


async def test_an_exchange_that_is_away_costs_a_while_and_rules_are_exchanged_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 1.0)
    config = config_of(
        tmp_path, url_of(1), rules=RULES, feed={"lossless": False}, rest={"enabled": True, "warm_up_s": 600.0}
    )
    async with running(config) as app:
        assert app.live.held
        assert await app.live.use(app.plan)
        app.reload.ask()
        await eventually(lambda: not app.live.held)
        assert app.known
        assert app.known.warm_up
        assert app.known.warm_up.standing.over

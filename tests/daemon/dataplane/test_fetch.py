"""From an exchange that counts what it is asked into a real store."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np
import pytest

from daemon.clock import SystemClock
from daemon.dataplane.fetch import fetch, known, plan_for
from daemon.dataplane.planner import missing
from daemon.dataplane.shelf import Shelf
from streams.bars import SYMBOL
from streams.dailyfile import DailyBars
from streams.history.open import open_history
from streams.polygon.rest.errors import KeyRefused, RestUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from streams.polygon.rest.errors import RestError
    from streams.polygon.rest.limiter import Priority

DAYS = np.array([20_090, 20_091, 20_094, 20_095])
MARKET = np.array(sorted(f"S{k}".encode() for k in range(20)), SYMBOL)
CLOCK = SystemClock()


class Exchange:
    """Every symbol trades every day but S7, which never does."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []
        self.failing: dict[int, RestError] = {}

    async def grouped(self, day: int, *, priority: Priority) -> DailyBars:
        self.asked.append(("grouped", day, priority))
        await asyncio.sleep(0)
        if day in self.failing:
            raise self.failing[day]
        return _bars(MARKET[MARKET != b"S7"], [day])

    async def daily(self, symbol: str, first_day: int, last_day: int, *, priority: Priority) -> DailyBars:
        self.asked.append((symbol, first_day, last_day, priority))
        await asyncio.sleep(0)
        days = [day for day in DAYS.tolist() if first_day <= day <= last_day]
        return _bars(np.array([symbol], SYMBOL) if symbol != "S7" else MARKET[:0], days)


def _bars(symbols: np.ndarray, days: list[int]) -> DailyBars:
    symbol, day = np.repeat(symbols, len(days)), np.tile(days, len(symbols)).astype(np.int64)
    return DailyBars(symbol, day, np.full((5, len(symbol)), 10.0), 0)


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    async with Shelf(lambda: open_history(tmp_path / "history")) as opened:
        yield opened


async def fetched(shelf: Shelf, exchange: Exchange, symbols: np.ndarray, days: np.ndarray = DAYS) -> tuple[int, int]:
    plan = await plan_for(shelf, symbols, days)
    result = await fetch(plan, exchange, shelf, CLOCK)
    return result.calls, result.failed


async def test_a_whole_market_is_fetched_by_the_day_and_known_from_then_on(shelf: Shelf) -> None:
    exchange = Exchange()
    assert await fetched(shelf, exchange, MARKET) == (4, 0)
    assert not missing(MARKET, DAYS, await known(shelf, MARKET, DAYS)).any()
    assert await fetched(shelf, exchange, MARKET) == (0, 0)
    assert await fetched(shelf, exchange, np.array([b"NEW"], SYMBOL)) == (0, 0)


async def test_a_few_symbols_are_fetched_each_and_silence_is_known_too(shelf: Shelf) -> None:
    exchange = Exchange()
    few = np.array([b"S1", b"S7"], SYMBOL)
    assert await fetched(shelf, exchange, few) == (2, 0)
    assert await fetched(shelf, exchange, few) == (0, 0)
    more = np.array([b"S1", b"S2", b"S7"], SYMBOL)
    assert await fetched(shelf, exchange, more) == (1, 0)


async def test_the_next_day_is_one_call_for_all(shelf: Shelf) -> None:
    exchange = Exchange()
    await fetched(shelf, exchange, MARKET, DAYS[:-1])
    assert await fetched(shelf, exchange, MARKET) == (1, 0)
    assert exchange.asked[-1][:2] == ("grouped", 20_095)


async def test_a_call_that_fails_is_asked_again_the_next_time_and_no_other(shelf: Shelf) -> None:
    exchange = Exchange()
    exchange.failing = {20_091: RestUnavailable("grouped day", "HTTP 503")}
    assert await fetched(shelf, exchange, MARKET) == (3, 1)
    exchange.failing = {}
    assert await fetched(shelf, exchange, MARKET) == (1, 0)
    assert [one[1] for one in exchange.asked].count(20_091) == 2


async def test_a_stop_in_the_midst_loses_nothing_that_was_answered(shelf: Shelf) -> None:
    exchange = Exchange()
    plan = await plan_for(shelf, MARKET, DAYS)
    stopped = asyncio.ensure_future(
        fetch(plan, exchange, shelf, CLOCK, progress=lambda done, _: stopped.cancel() if done == 2 else None)
    )
    with pytest.raises(asyncio.CancelledError):
        await stopped
    calls, _ = await fetched(shelf, exchange, MARKET)
    assert 0 < calls <= 2


async def test_a_wrong_key_ends_it_at_once(shelf: Shelf) -> None:
    exchange = Exchange()
    days = np.arange(20_000, 20_018)
    exchange.failing = dict.fromkeys(days.tolist(), KeyRefused("grouped day", "HTTP 401"))
    plan = await plan_for(shelf, MARKET, days)
    result = await fetch(plan, exchange, shelf, CLOCK)
    assert (result.calls, result.failed) == (0, 18)
    assert isinstance(result.error, KeyRefused)
    assert len(exchange.asked) <= 4


async def test_progress_is_told(shelf: Shelf) -> None:
    told: list[tuple[int, int]] = []
    plan = await plan_for(shelf, MARKET, DAYS)
    await fetch(plan, Exchange(), shelf, CLOCK, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


async def test_no_days_and_no_symbols_need_nothing(shelf: Shelf) -> None:
    assert (await plan_for(shelf, MARKET, DAYS[:0])).calls == 0
    assert (await plan_for(shelf, MARKET[:0], DAYS)).calls == 0

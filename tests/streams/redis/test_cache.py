"""Against real servers, absent ones and hostile ones."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from typing import TYPE_CHECKING

import pytest

from streams.redis import cache as caches
from streams.redis.cache import BATCH, Cache
from streams.redis.cached import HOUR_MS, MOST_BYTES, encode, entry
from tests.fakes.clock import ManualClock
from tests.streams.redis.conftest import free_port, say

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from redis.asyncio import Redis

    from streams.redis.cached import Entry


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def cache(redis_port: int, clock: ManualClock) -> AsyncIterator[Cache]:
    async with Cache(f"redis://127.0.0.1:{redis_port}", "t:", clock, random.Random(1)) as kept:  # noqa: S311 - pauses
        yield kept


def details(clock: ManualClock, text: str = "Apple") -> Entry:
    return entry("details", text.encode(), "rest", clock.wall_ms())


async def test_what_is_put_is_got_by_another_process(cache: Cache, redis_port: int, clock: ManualClock) -> None:
    await cache.put("details", {"AAPL": details(clock)})
    async with Cache(f"redis://127.0.0.1:{redis_port}", "t:", clock, random.Random(2)) as other:  # noqa: S311 - pauses
        assert await other.get("details", ["AAPL", "MSFT"]) == {"AAPL": details(clock)}
        assert other.counts["details", "hit"] == other.counts["details", "miss"] == 1


async def test_more_keys_than_a_round_trip_takes(cache: Cache, clock: ManualClock) -> None:
    many = {f"S{k}": details(clock, str(k)) for k in range(2 * BATCH + 1)}
    assert await cache.put("details", many)
    assert await cache.get("details", list(many)) == many


async def test_an_old_entry_stands_in_and_then_is_gone(cache: Cache, clock: ManualClock) -> None:
    await cache.put("details", {"AAPL": details(clock)})
    clock.advance(25 * 3_600)
    assert list(await cache.get("details", ["AAPL"])) == ["AAPL"]
    assert cache.counts["details", "stale"] == 1
    clock.advance(15 * 24 * 3_600)
    assert await cache.get("details", ["AAPL"]) == {}


async def test_the_server_forgets_what_is_of_no_use_any_more(cache: Cache, redis: Redis, clock: ManualClock) -> None:
    await cache.put("news", {"AAPL": entry("news", b"[]", "rest", clock.wall_ms())})
    assert 0 < await redis.pttl("t:cache:news:AAPL") <= 3 * HOUR_MS


@pytest.mark.parametrize("spoilt", [b"garbage", b"", b"TC1", b"\x80\x04K\x01."])
async def test_a_damaged_entry_is_none_and_is_overwritten(
    cache: Cache, redis: Redis, clock: ManualClock, spoilt: bytes
) -> None:
    await redis.set("t:cache:details:AAPL", spoilt)
    assert await cache.get("details", ["AAPL"]) == {}
    await cache.put("details", {"AAPL": details(clock)})
    assert list(await cache.get("details", ["AAPL"])) == ["AAPL"]


async def test_a_key_of_another_type_is_damaged_and_costs_no_other(
    cache: Cache, redis: Redis, clock: ManualClock
) -> None:
    await redis.lpush("t:cache:details:AAPL", "x")
    await cache.put("details", {"MSFT": details(clock)})
    assert list(await cache.get("details", ["AAPL", "MSFT"])) == ["MSFT"]
    assert cache.counts["details", "corrupt"] == 1


async def test_an_entry_too_large_is_neither_kept_nor_read(cache: Cache, redis: Redis, clock: ManualClock) -> None:
    huge = entry("details", bytes(MOST_BYTES + 1), "rest", clock.wall_ms())
    await cache.put("details", {"AAPL": huge})
    assert not await redis.exists("t:cache:details:AAPL")
    await redis.set("t:cache:details:AAPL", encode(huge))
    assert await cache.get("details", ["AAPL"]) == {}


async def test_an_absent_server_knows_nothing_and_is_not_asked_all_the_time(clock: ManualClock) -> None:
    async with Cache(f"redis://127.0.0.1:{free_port()}", "t:", clock, random.Random(1)) as cache:  # noqa: S311 - pauses
        assert await cache.get("details", ["AAPL"]) == {}
        assert not await cache.put("details", {"AAPL": details(clock)})
        assert cache.counts["details", "away"] == 1


async def test_a_server_that_comes_back_is_used_again(cache: Cache, redis: Redis, clock: ManualClock) -> None:
    await cache.put("details", {"AAPL": details(clock)})
    await say(redis, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    assert await cache.get("details", ["AAPL"]) == {}
    clock.advance(10)
    assert list(await cache.get("details", ["AAPL"])) == ["AAPL"]


async def test_nobody_waits_long_for_a_server_that_hangs(
    cache: Cache, redis: Redis, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caches, "DEADLINE_S", 0.1)
    await cache.put("details", {"AAPL": details(clock)})
    server = int((await redis.info("server"))["process_id"])
    os.kill(server, signal.SIGSTOP)
    try:
        async with asyncio.timeout(5):
            assert await asyncio.gather(*(cache.get("details", ["AAPL"]) for _ in range(5))) == [{}] * 5
    finally:
        os.kill(server, signal.SIGCONT)
    clock.advance(10)
    assert list(await cache.get("details", ["AAPL"])) == ["AAPL"]


async def test_an_asker_that_gives_up_leaves_no_answer_for_the_next(cache: Cache, clock: ManualClock) -> None:
    await cache.put("details", {key: details(clock, key) for key in ("A", "B")})
    for _ in range(20):
        asked = asyncio.ensure_future(cache.get("details", ["A"]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        found = await cache.get("details", ["B"])
        assert [kept.content for kept in found.values()] == [b"B"]


async def test_what_is_dropped_is_gone(cache: Cache, clock: ManualClock) -> None:
    await cache.put("details", {"AAPL": details(clock)})
    await cache.drop("details", ["AAPL", "MSFT"])
    assert await cache.get("details", ["AAPL"]) == {}

"""Following a stream: nothing left out, nothing twice, over outages."""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from streams.redis.connection import redacted
from streams.redis.errors import RedisRefusedError
from streams.redis.tail import Tail
from streams.redis.verdict import Backoff
from tests.fakes.proxy import Proxy
from tests.streams.redis.conftest import free_port
from tests.streams.redis.waiting import eventually

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from streams.redis.verdict import Verdict

KEY = "technic:alerts"


class Following:
    """A tail in the background, and what it gave."""

    def __init__(self, port: int, after: str = "$") -> None:
        self.seen: list[str] = []
        self.away: list[Verdict] = []
        self.tail = tail_of(port, self.away)
        self._after = after

    async def _follow(self) -> None:
        async with aclosing(self.tail.follow(self._after)) as entries:
            async for stream_id, _ in entries:
                self.seen.append(stream_id)

    async def __aenter__(self) -> Following:  # noqa: PYI034 - nobody derives from it
        self._task = asyncio.ensure_future(self._follow())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def tail_of(port: int, away: list[Verdict]) -> Tail:
    jitter = random.Random(1)  # noqa: S311 - pauses, not secrets
    url, backoff = f"redis://127.0.0.1:{port}", Backoff(first_s=0.01, cap_s=0.03)
    return Tail(url, KEY, jitter, away.append, block_s=0.1, backoff=backoff)


async def add(redis: Redis, *numbers: int) -> None:
    for number in numbers:
        await redis.xadd(KEY, {"n": str(number)}, id=f"{number}-0")


async def test_the_last_entries_and_then_what_follows(redis: Redis, redis_port: int) -> None:
    await add(redis, *range(1, 11))
    async with Following(redis_port) as following:
        assert [entry[0] for entry in await following.tail.last(3)] == ["8-0", "9-0", "10-0"]
        await add(redis, 11, 12)
        await eventually(lambda: len(following.seen) >= 2)
        assert following.seen == ["11-0", "12-0"]


async def test_no_last_entries_means_only_what_follows(redis: Redis, redis_port: int) -> None:
    await add(redis, 1, 2)
    tail = tail_of(redis_port, [])
    assert await tail.last(0) == []
    await add(redis, 3)
    async with aclosing(tail.follow()) as entries:
        assert await anext(entries) == ("3-0", {"n": "3"})


async def test_a_stream_that_does_not_exist_yet_is_followed_from_its_beginning(redis: Redis, redis_port: int) -> None:
    tail = tail_of(redis_port, [])
    assert await tail.last(5) == []
    await add(redis, 1)
    async with aclosing(tail.follow()) as entries:
        assert (await anext(entries))[0] == "1-0"


async def test_a_place_may_be_given(redis: Redis, redis_port: int) -> None:
    await add(redis, *range(1, 301))
    async with Following(redis_port, after="5-0") as following:
        await eventually(lambda: len(following.seen) >= 295)
    assert following.seen == [f"{n}-0" for n in range(6, 301)]


async def test_a_tail_ends_when_cancelled_at_any_moment(redis: Redis, redis_port: int) -> None:
    await add(redis, 1)
    for turns in range(60):
        task = asyncio.ensure_future(anext(tail_of(redis_port, []).follow("1-0")))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        _, pending = await asyncio.wait([task], timeout=5)
        assert not pending


async def test_an_outage_leaves_out_and_repeats_nothing_and_is_told_once(redis: Redis, redis_port: int) -> None:
    async with Proxy("127.0.0.1", redis_port) as proxy, Following(proxy.port, after="0") as following:
        await add(redis, 1, 2)
        await eventually(lambda: len(following.seen) == 2)
        proxy.mode = "refuse"
        await proxy.cut_all()
        await add(redis, 3, 4)
        made = proxy.connections
        await eventually(lambda: proxy.connections > made + 2)
        proxy.mode = "pass"
        await eventually(lambda: len(following.seen) == 4)
    assert following.seen == ["1-0", "2-0", "3-0", "4-0"]
    assert [verdict.state for verdict in following.away] == ["away"]


async def test_a_key_that_is_no_stream_is_refused(redis: Redis, redis_port: int) -> None:
    await redis.set(KEY, "text")
    tail = tail_of(redis_port, [])
    with pytest.raises(RedisRefusedError, match=r"WRONGTYPE.*no stream"):
        await tail.last(5)
    with pytest.raises(RedisRefusedError, match="WRONGTYPE"):
        await anext(tail.follow("0"))


async def test_a_server_that_is_away_ends_what_has_not_begun() -> None:
    with pytest.raises(RedisRefusedError, match="connecting to 127"):
        await tail_of(free_port(), []).last(5)


async def test_bytes_that_are_no_text_are_shown_as_such(redis: Redis, redis_port: int) -> None:
    await redis.xadd(KEY, {b"\xff": b"\xfe ok"}, id="1-0")
    assert await tail_of(redis_port, []).last(1) == [("1-0", {"\ufffd": "\ufffd ok"})]


def test_an_address_is_shown_without_its_secrets() -> None:
    assert redacted("redis://user:s3cret@host:6379/2?password=s3cret") == "redis://host:6379/2"
    assert redacted("unix:///run/valkey.sock?password=s3cret") == "unix:///run/valkey.sock"

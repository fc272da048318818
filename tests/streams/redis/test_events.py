"""Events: published when there is a server, dropped oldest first when there is none for long."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest

from streams.redis.events import EventStream
from streams.redis.verdict import Backoff
from tests.fakes.proxy import Proxy
from tests.streams.redis.conftest import entries
from tests.streams.redis.waiting import eventually

if TYPE_CHECKING:
    from redis.asyncio import Redis

KEY = "technic:events"


def events_to(port: int, *, size: int = 1_000) -> EventStream:
    jitter = random.Random(1)  # noqa: S311 - pauses, not secrets
    return EventStream(
        f"redis://127.0.0.1:{port}", jitter, size=size, deadline_s=0.2, backoff=Backoff(first_s=0.01, cap_s=0.03)
    )


async def numbers(redis: Redis) -> list[int]:
    return [int(fields[b"n"]) for _, fields in await entries(redis, KEY)]


async def test_events_are_published_in_order(redis: Redis, redis_port: int) -> None:
    events = events_to(redis_port)
    task = asyncio.ensure_future(events.run())
    for n in range(250):
        events.put({"n": str(n)})
    await eventually(lambda: not len(events))
    events.put({"n": "250"})
    await eventually(lambda: not len(events))
    assert await numbers(redis) == list(range(251))
    task.cancel()


async def test_events_wait_for_a_server_and_the_oldest_are_dropped_and_counted(redis: Redis, redis_port: int) -> None:
    async with Proxy("127.0.0.1", redis_port) as proxy:
        proxy.mode = "refuse"
        events = events_to(proxy.port, size=10)
        task = asyncio.ensure_future(events.run())
        for n in range(25):
            events.put({"n": str(n)})
        await eventually(lambda: proxy.connections > 2)
        assert (len(events), events.dropped) == (10, 15)
        proxy.mode = "pass"
        await eventually(lambda: not len(events))
        assert await numbers(redis) == list(range(15, 25))
        task.cancel()


async def test_a_key_that_is_no_stream_holds_events_back_until_it_is_gone(redis: Redis, redis_port: int) -> None:
    await redis.set(KEY, "text")
    events = events_to(redis_port)
    task = asyncio.ensure_future(events.run())
    events.put({"n": "1"})
    await asyncio.sleep(0.05)
    await redis.delete(KEY)
    await eventually(lambda: not len(events))
    assert await numbers(redis) == [1]
    task.cancel()


def test_an_event_without_fields_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="without fields"):
        events_to(1).put({})

"""Alerts in a stream, and consumers that hurry."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

from streams.redis.consumer import AlertConsumer, ConsumerPolicy
from streams.redis.verdict import Backoff
from tests.streams.redis.conftest import KEY

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from streams.redis.consumer import ConsumerEvent

HURRIED = ConsumerPolicy(deadline_s=0.5, backoff=Backoff(first_s=0.01, cap_s=0.05), look_s=0.05, idle_s=0.25)
GROUP = "orders"
DEAD = "technic:dead"


def alert_of(number: int, **further: Any) -> dict[str, Any]:
    times = {"event_ms": number * 60_000, "received_ms": number * 60_000 + 5, "scored_ms": 7}
    plain = {"id": f"alert-{number}", "rule": "busy", "symbol": "AAPL", "bar_start_ms": 0, "price": 10.5, "v": 1}
    return {**plain, "times": times, **further}


async def add(redis: Redis, *numbers: int, **further: Any) -> None:
    for number in numbers:
        await add_data(redis, number, json.dumps(alert_of(number, **further)).encode())


async def add_data(redis: Redis, number: int, data: bytes) -> None:
    await redis.xadd(KEY, {"id": f"alert-{number}", "rule": "busy", "data": data}, id=f"{number}-0")


def url_of(port: int) -> str:
    return f"redis://127.0.0.1:{port}"


def consumer_of(
    port: int,
    name: str = "one",
    policy: ConsumerPolicy = HURRIED,
    events: list[ConsumerEvent] | None = None,
    **options: Any,
) -> AlertConsumer:
    told: list[ConsumerEvent] = [] if events is None else events
    jitter = random.Random(1)  # noqa: S311 - pauses, not secrets
    chosen: dict[str, Any] = {"group": GROUP, "start": "0", "policy": policy, "on_event": told.append, **options}
    return AlertConsumer(url_of(port), name=name, jitter=jitter, **chosen)


async def pending_of(redis: Redis, group: str = GROUP) -> list[tuple[str, int]]:
    """Ids and deliveries of what is given out and not acknowledged."""
    found: Any = await redis.xpending_range(KEY, group, "-", "+", 1000)
    return [(each["message_id"].decode(), each["times_delivered"]) for each in found]


async def letters(redis: Redis) -> list[dict[str, str]]:
    found: Any = await redis.xrange(DEAD)
    return [{k.decode(): v.decode(errors="replace") for k, v in fields.items()} for _, fields in found]

"""From the outbox to Redis: the server, where it is our own, the sink, and the stream of events."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from daemon.events import Events
from streams.memoryring import MemoryRing
from streams.redis.events import EventStream
from streams.redis.sink import RedisSink, SinkPolicy

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from daemon.config import RedisSection
    from streams.outbox import Outbox
    from streams.types import Clock


class Delivery(NamedTuple):
    """All that carries alerts and events away."""

    ring: MemoryRing
    sink: RedisSink
    events: Events
    stream: EventStream


def build(
    config: RedisSection,
    url: str,
    outbox: Outbox,
    clock: Clock,
    *,
    jitter: random.Random,
    on_delivered: Callable[[int], None],
) -> Delivery:
    """Connects to nothing yet; to be called on the event loop."""
    prefix = config.prefix
    stream = EventStream(url, jitter, stream=f"{prefix}events")
    events = Events(stream, clock)
    sink = RedisSink(
        url,
        outbox,
        clock,
        jitter,
        events.sink,
        stream=f"{prefix}alerts",
        dead=f"{prefix}dead",
        on_delivered=on_delivered,
        policy=SinkPolicy(keep_ms=config.retention_ms, keep_entries=config.retention_entries),
    )
    return Delivery(MemoryRing(outbox, events.outbox), sink, events, stream)

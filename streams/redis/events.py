"""Events of the daemon into a Redis stream: as well as it goes, never in anyone's way."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, cast

from redis.exceptions import RedisError

from streams.redis.connection import DEADLINE_S, check_url, connect
from streams.redis.verdict import BACKOFF, LIES, judge

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

    from redis.asyncio import Redis
    from redis.typing import EncodableT, FieldT

    from streams.redis.verdict import Backoff

BATCH = 100
MOST_EVENTS = 10_000
"""Entries the stream keeps, about."""


class EventStream:
    """Publishes what is put here, under ids of the server's, as long as there is room and a server.

    Alerts have an outbox; events have a queue in memory. When it is full the oldest is dropped and counted. A
    lost answer may repeat a batch. `run` never ends by itself, and tells nobody of its errors: the sink at the
    same server does.

    Args:
        url: see `streams.redis.connection.connect`.
        jitter: for the pauses between tries.
        stream: key of the stream.
        size: events that may wait.
        most: entries the stream keeps, about.
        deadline_s: for each exchange with the server.
        backoff: between tries.

    Raises:
        RedisUrlError: no client can be made of `url`.

    Attributes:
        dropped: events lost because the queue was full.
    """

    def __init__(
        self,
        url: str,
        jitter: random.Random,
        *,
        stream: str = "technic:events",
        size: int = 1_000,
        most: int = MOST_EVENTS,
        deadline_s: float = DEADLINE_S,
        backoff: Backoff = BACKOFF,
    ) -> None:
        check_url(url)
        self.dropped = 0
        self._url, self._jitter, self._backoff, self._deadline_s = url, jitter, backoff, deadline_s
        self._key, self._most = stream, most
        self._waiting: deque[Mapping[str, str]] = deque(maxlen=size)
        self._under_way: list[Mapping[str, str]] = []
        self._put = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting) + len(self._under_way)

    def put(self, fields: Mapping[str, str]) -> None:
        """Queue one event; on the event loop. Raises ValueError if it has no fields."""
        if not fields:
            raise ValueError("an event without fields cannot stand in a stream")
        self.dropped += len(self._waiting) == self._waiting.maxlen
        self._waiting.append(fields)
        self._put.set()

    async def run(self) -> None:
        """Publish for ever."""
        failures = 0
        while True:
            await self._put.wait()
            try:
                async with connect(self._url) as client:
                    await self._publish(client)
                failures = 0
            except (RedisError, OSError, *LIES) as error:
                failures += 1
                refused = judge(error).state == "refused"
                await asyncio.sleep(self._backoff.cap_s if refused else self._backoff.delay_s(failures, self._jitter))

    async def _publish(self, client: Redis) -> None:
        """Send until an exchange fails, over one connection."""
        while True:
            await self._put.wait()
            self._take()
            await self._send(client)
            self._under_way = []
            if not self._waiting:
                self._put.clear()

    def _take(self) -> None:
        """What is under way stays so until it is confirmed; then the next ones follow."""
        while self._waiting and len(self._under_way) < BATCH:
            self._under_way.append(self._waiting.popleft())

    async def _send(self, client: Redis) -> None:
        pipeline = client.pipeline(transaction=False)
        for fields in self._under_way:
            entry = cast("dict[FieldT, EncodableT]", fields)
            pipeline.xadd(self._key, entry, maxlen=self._most, approximate=True)
        async with asyncio.timeout(self._deadline_s):
            await pipeline.execute()

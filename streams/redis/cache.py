"""Answers kept in Redis: never waited for long, never needed.

A server that is away, slow or full of lies makes a cache that knows nothing; what it should have known is fetched.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Final, Self, TypeVar

import structlog

from streams.redis.cached import MOST_BYTES, decode, encode
from streams.redis.connection import connect
from streams.redis.verdict import BACKOFF, judge

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from types import TracebackType

    from redis.asyncio import Redis

    from streams.redis.cached import Entry
    from streams.types import Clock

log = structlog.get_logger()

T = TypeVar("T")

DEADLINE_S: Final = 0.5
"""Longer than this nobody waits for what can be had elsewhere."""

BATCH: Final = 500
"""Keys a round trip asks for."""


class Cache:
    """Entries by kind and key. One task at a time has the connection; the others wait for it, or for the deadline.

    Args:
        url: see `streams.redis.connection.connect`.
        prefix: what the names of keys begin with; ``cache:KIND:KEY`` follows.
        clock: tells ages, and when to try again.
        jitter: spreads the tries.

    Attributes:
        counts: what became of look-ups, by ``(kind, outcome)``: ``hit``, ``stale``, ``miss``, ``corrupt`` (the next
            `put` overwrites it), ``away``; and ``(kind, "bytes_in")``, ``(kind, "bytes_out")``.
    """

    def __init__(self, url: str, prefix: str, clock: Clock, jitter: random.Random) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self._url, self._prefix, self._clock, self._jitter = url, f"{prefix}cache:", clock, jitter
        self._redis: Redis | None = None
        self._turn = asyncio.Lock()
        self._failures, self._again_s = 0, float("-inf")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._drop()

    async def get(self, kind: str, keys: Sequence[str]) -> dict[str, Entry]:
        """Those of `keys` that may be served at least while they are fetched anew; what is not there is absent."""
        found: dict[str, Entry] = {}
        for first in range(0, len(keys), BATCH):
            some = keys[first : first + BATCH]
            found |= self._sorted_out(kind, some, await self._ask(partial(self._read, kind, some)))
        return found

    async def put(self, kind: str, entries: Mapping[str, Entry]) -> bool:
        """Keep entries until they are of no use; whether the server took them."""
        raw = {key: encode(kept) for key, kept in entries.items()}
        fitting = {key: bytes_ for key, bytes_ in raw.items() if len(bytes_) <= MOST_BYTES}
        took = await self._ask(partial(self._write, kind, fitting, entries))
        if took is not None:
            self.counts[kind, "bytes_in"] += sum(map(len, fitting.values()))
        return took is not None

    async def drop(self, kind: str, keys: Sequence[str]) -> None:
        """Forget entries."""
        if keys:
            await self._ask(lambda redis: redis.unlink(*(self._key(kind, key) for key in keys)))

    def _sorted_out(self, kind: str, keys: Sequence[str], raw: Sequence[bytes] | None) -> dict[str, Entry]:
        if raw is None:
            self.counts[kind, "away"] += len(keys)
            return {}
        now_ms, found = self._clock.wall_ms(), {}
        for key, bytes_ in zip(keys, raw, strict=True):
            kept = decode(bytes_) if bytes_ else None
            outcome = _outcome(bytes_, kept, now_ms)
            self.counts[kind, outcome] += 1
            if kept is not None and outcome in {"hit", "stale"}:
                found[key] = kept
                self.counts[kind, "bytes_out"] += len(bytes_)
        return found

    async def _read(self, kind: str, keys: Sequence[str], redis: Redis) -> list[bytes]:
        """Never more of a value than an entry may have; values that are no strings read as damaged."""
        async with redis.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.getrange(self._key(kind, key), 0, MOST_BYTES)
            answers = await pipe.execute(raise_on_error=False)
        return [answer if isinstance(answer, bytes) else b"?" for answer in answers]

    async def _write(
        self, kind: str, raw: Mapping[str, bytes], entries: Mapping[str, Entry], redis: Redis
    ) -> list[object]:
        now_ms = self._clock.wall_ms()
        async with redis.pipeline(transaction=False) as pipe:
            for key, bytes_ in raw.items():
                left_ms = entries[key].usable_ms - now_ms
                if left_ms > 0:
                    pipe.set(self._key(kind, key), bytes_, px=left_ms)
            return list(await pipe.execute())

    async def _ask(self, ask: Callable[[Redis], Awaitable[T]]) -> T | None:
        """None if the server does not answer in time, or is known to be away."""
        if self._clock.monotonic_s() < self._again_s:
            return None
        try:
            async with asyncio.timeout(DEADLINE_S), self._turn:
                answer = await self._exchange(ask)
        except Exception as error:  # noqa: BLE001 - whatever it is, the cache knows nothing for a while
            self._failed(error)
            return None
        self._failures = 0
        return answer

    async def _exchange(self, ask: Callable[[Redis], Awaitable[T]]) -> T:
        """Ask; a connection on which an answer is still to come is of no further use."""
        self._redis = self._redis or connect(self._url)
        try:
            return await ask(self._redis)
        except BaseException:
            await self._drop()
            raise

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        self._again_s = self._clock.monotonic_s() + BACKOFF.delay_s(self._failures, self._jitter)
        if self._failures == 1:
            log.warning("cache away", what=judge(error).what)

    async def _drop(self) -> None:
        redis, self._redis = self._redis, None
        if redis is not None:
            await redis.connection_pool.disconnect()

    def _key(self, kind: str, key: str) -> str:
        return f"{self._prefix}{kind}:{key}"


def _outcome(raw: bytes, kept: Entry | None, now_ms: int) -> str:
    if not raw:
        return "miss"
    if kept is None or not kept.is_usable(now_ms):
        return "corrupt" if kept is None else "miss"
    return "hit" if kept.is_fresh(now_ms) else "stale"

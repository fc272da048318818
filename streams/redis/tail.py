"""Follow a stream, as `tail` follows a file."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from streams.redis.connection import DEADLINE_S, check_url, connect
from streams.redis.verdict import BACKOFF, LIES, ended, judge

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncGenerator, Callable

    from redis.asyncio import Redis

    from streams.redis.verdict import Backoff, Verdict

    Entry = tuple[str, dict[str, str]]

BLOCK_S = 5.0
BATCH = 100
BEGINNING = "0-0"


class Tail:
    """Reads a stream from a place on, and over outages goes on behind the last entry it gave.

    Args:
        url: see `streams.redis.connection.connect`.
        stream: key of the stream; it may not exist yet.
        jitter: for the pauses between tries.
        on_away: told once an outage, with what is wrong; called on the event loop.
        block_s: longest single wait at the server.
        backoff: between tries.

    Raises:
        RedisUrlError: no client can be made of `url`.
    """

    def __init__(
        self,
        url: str,
        stream: str,
        jitter: random.Random,
        on_away: Callable[[Verdict], None],
        *,
        block_s: float = BLOCK_S,
        backoff: Backoff = BACKOFF,
    ) -> None:
        check_url(url)
        self._url, self._key, self._jitter, self._on_away = url, stream, jitter, on_away
        self._block_s, self._backoff = block_s, backoff
        self._after = ""

    async def last(self, most: int) -> list[Entry]:
        """The newest entries, at most `most`, oldest first; `follow` goes on behind them.

        Raises:
            RedisRefusedError: a person has to act; or the server is away, which ends what has not begun.
        """
        try:
            async with connect(self._url) as client:
                found = await self._newest(client, max(most, 1))
        except (RedisError, OSError, *LIES) as error:
            raise ended(self._url, judge(error)) from error
        return found if most > 0 else []

    async def follow(self, after: str = "$") -> AsyncGenerator[Entry]:
        """Entries as they come, for ever; tries again for ever while the server is away.

        Args:
            after: stream id behind which to begin; ``$`` is the end of the stream (or behind `last`, if called).

        Yields:
            Stream id and fields. Bytes that are no UTF-8 show as replacement characters.

        Raises:
            RedisRefusedError: a person has to act.
        """
        if after != "$":
            self._after = after
        failures = 0
        while True:
            try:
                async with connect(self._url) as client:
                    while True:
                        entries = await self._next(client)
                        failures = 0
                        for entry in entries:
                            self._after = entry[0]
                            yield entry
            except (RedisError, OSError, *LIES) as error:
                failures += 1
                await asyncio.sleep(self._failed(judge(error), failures))

    async def _next(self, client: Redis) -> list[Entry]:
        """What came behind the last one, perhaps nothing."""
        if not self._after:
            await self._newest(client, 1)
        async with asyncio.timeout(self._block_s + DEADLINE_S):
            block_ms = round(self._block_s * 1000)
            answer: Any = await client.xread({self._key: self._after}, count=BATCH, block=block_ms)
        return [_text(entry) for _, entries in answer or () for entry in entries]

    async def _newest(self, client: Redis, most: int) -> list[Entry]:
        async with asyncio.timeout(DEADLINE_S):
            answer: Any = await client.xrevrange(self._key, count=most)
        found = [_text(entry) for entry in reversed(answer or ())]
        self._after = found[-1][0] if found else BEGINNING
        return found

    def _failed(self, verdict: Verdict, failures: int) -> float:
        if verdict.state == "refused":
            raise ended(self._url, verdict)
        if failures == 1:
            self._on_away(verdict)
        return self._backoff.delay_s(failures, self._jitter)


def _text(entry: tuple[bytes, dict[bytes, bytes]]) -> Entry:
    stream_id, fields = entry
    return stream_id.decode(), {_str(name): _str(value) for name, value in fields.items()}


def _str(value: bytes) -> str:
    return value.decode(errors="replace")

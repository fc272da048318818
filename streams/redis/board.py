"""The leaderboard in Redis: sorted set ``technic:scores``, and a hash ``technic:symbol:SYM`` for each symbol shown.

Only what differs from what stands there is sent, in small pipelines, so that neither this program nor the server is
held up: for the tens of milliseconds that this takes, scores of two minutes stand side by side. Each hash changes at
once. What nobody writes any more goes by itself after `KEEP_S`.
"""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection, Iterable, Iterator, Mapping, Sequence

    from redis.asyncio import Redis
    from redis.asyncio.client import Pipeline

    Fields = Mapping[str, str]

T = TypeVar("T")

KEEP_S: Final = 5 * 86_400
"""Longer than the market is ever closed."""

REFRESH_S: Final = 86_400.0
"""A hash that has not changed for so long is written anew, so that it stays."""

SCORES_AT_ONCE: Final = 250
HASHES_AT_ONCE: Final = 20
"""In one pipeline: about a millisecond of packing."""

ALERTS_AT_ONCE: Final = 50


class Written(NamedTuple):
    """How much was sent: scores, symbols that left, hashes."""

    scores: int = 0
    gone: int = 0
    hashes: int = 0


class Board:
    """Writes over one connection, and remembers what it has written; every exchange has a deadline.

    What stands there at first is unknown: the first writing replaces all scores at once, and every hash.

    Args:
        client: of `streams.redis.connection.connect`, which never connects again.
        prefix: what the names of keys begin with.
        deadline_s: for each exchange with the server; TimeoutError then.
    """

    def __init__(self, client: Redis, prefix: str, deadline_s: float) -> None:
        self._client, self._prefix, self._deadline_s = client, prefix, deadline_s
        self._key = f"{prefix}scores"
        self._scores: dict[bytes, float] | None = None
        self._hashes: dict[str, tuple[float, Fields]] = {}

    async def write(
        self,
        scores: Collection[tuple[bytes, float]],
        hashes: Iterable[tuple[str, Fields]],
        now_s: float,
    ) -> Written:
        """Let `scores` be the sorted set, and `hashes` stand by their symbol.

        Args:
            scores: symbol and score, all of them finite.
            hashes: symbol and fields, of the same names every time; made as they are sent, a few at once.
            now_s: monotonic clock.
        """
        sent = await self._write_hashes(hashes, now_s)
        before, self._scores = self._scores, None  # unknown until all is there
        if before is None:
            await self._replace(scores)
            changed, left = len(scores), set[bytes]()
        else:
            changed = await self._add(self._key, (pair for pair in scores if before.get(pair[0]) != pair[1]))
            left = before.keys() - {symbol for symbol, _ in scores}
            await self._remove(left)
            if not await self._stand(len(scores)):
                await self._replace(scores)
        self._scores = dict(scores)
        return Written(changed, len(left), sent)

    async def newest_alerts(self, most: int) -> AsyncGenerator[Mapping[bytes, bytes]]:
        """Fields of the newest entries of the stream of alerts, newest first."""
        before = "+"
        for _ in range(0, most, ALERTS_AT_ONCE):
            async with asyncio.timeout(self._deadline_s):
                entries: Any = await self._client.xrevrange(f"{self._prefix}alerts", max=before, count=ALERTS_AT_ONCE)
            for _, fields in entries:
                yield fields
            if len(entries) < ALERTS_AT_ONCE:
                break
            before = f"({entries[-1][0].decode()}"

    async def _replace(self, scores: Collection[tuple[bytes, float]]) -> None:
        """All scores at once: made beside, and put in place."""
        beside = f"{self._key}:next"
        pipe = self._pipe()
        pipe.unlink(beside)
        await self._send(pipe)
        await self._add(beside, scores)
        pipe = self._pipe()
        if scores:
            pipe.rename(beside, self._key)
            pipe.expire(self._key, KEEP_S)
        else:
            pipe.unlink(self._key)
        await self._send(pipe)

    async def _stand(self, size: int) -> bool:
        """Whether as many scores stand there as should: somebody may have emptied the server."""
        pipe = self._pipe()
        pipe.zcard(self._key)
        pipe.expire(self._key, KEEP_S)
        standing, _ = await self._send(pipe)
        return bool(standing == size)

    async def _add(self, key: str, scores: Iterable[tuple[bytes, float]]) -> int:
        sent = 0
        for some in _batches(scores, SCORES_AT_ONCE):
            pipe = self._pipe()
            pipe.zadd(key, cast("Any", dict(some)))
            pipe.expire(key, KEEP_S)
            await self._send(pipe)
            sent += len(some)
        return sent

    async def _remove(self, symbols: Iterable[bytes]) -> None:
        for some in _batches(symbols, SCORES_AT_ONCE):
            pipe = self._pipe()
            pipe.zrem(self._key, *some)
            await self._send(pipe)

    async def _write_hashes(self, hashes: Iterable[tuple[str, Fields]], now_s: float) -> int:
        sent, stand = 0, set()
        for some in _batches(hashes, HASHES_AT_ONCE):
            stand |= {symbol for symbol, _ in some}
            each = ((symbol, fields, self._differs(symbol, fields, now_s)) for symbol, fields in some)
            sent += await self._send_hashes([one for one in each if one[2]], now_s)
        for symbol in self._hashes.keys() - stand:
            del self._hashes[symbol]
        return sent

    async def _send_hashes(self, changed: Sequence[tuple[str, Fields, Fields]], now_s: float) -> int:
        """Symbol, all fields, and those that differ; where fields are new to a hash that should stand, it was gone."""
        pipe = self._pipe()
        for symbol, _, differs in changed:
            key = f"{self._prefix}symbol:{symbol}"
            pipe.hset(key, mapping=cast("Any", differs))
            pipe.expire(key, KEEP_S)
        replies = await self._send(pipe)
        for (symbol, fields, differs), added in zip(changed, replies[::2], strict=True):
            was_gone = bool(added) and len(differs) < len(fields)
            self._hashes[symbol] = now_s, {} if was_gone else fields
        return len(changed)

    def _differs(self, symbol: str, fields: Fields, now_s: float) -> Fields:
        """Fields to be sent; all of them where it is not known what stands there, or it would go by itself."""
        written_s, before = self._hashes.get(symbol, (now_s, {}))
        if now_s - written_s > REFRESH_S:
            return fields
        return {name: value for name, value in fields.items() if before.get(name) != value}

    def _pipe(self) -> Pipeline:
        return self._client.pipeline(transaction=False)

    async def _send(self, pipe: Pipeline) -> list[Any]:
        """One exchange, or with nothing to say a turn for everybody else."""
        if not len(pipe):
            await asyncio.sleep(0)
            return []
        async with asyncio.timeout(self._deadline_s):
            return await pipe.execute()


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    left = iter(items)
    while some := list(islice(left, size)):
        yield some

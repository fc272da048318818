"""What a sink says to a stream, one exchange a function, each within a deadline."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple, cast

from redis.exceptions import ResponseError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis.asyncio import Redis
    from redis.typing import EncodableT, FieldT

    from streams.outbox import Stored

    Fields = dict[FieldT, EncodableT]

Place = tuple[int, int]
"""A stream id ``ms-n`` as two numbers."""


class Standing(NamedTuple):
    """Where a stream stands, as ids ``(ms, n)``; zeros where it is absent.

    Attributes:
        run_id: the server's; another one after a restart or a failover.
        last: greatest id ever added; nothing can be added up to it.
        gone: what lies up to here was trimmed or deleted.
    """

    run_id: str
    last: Place
    gone: Place


class Added(NamedTuple):
    """What came of adding.

    Attributes:
        refused: rows that were answered "equal or smaller": added before, or never to be.
        crowded: entries that had to go before their time, because there were too many.
    """

    refused: list[Stored]
    crowded: int


class AlertStream:
    """A stream of alerts under ids of our own, through `client`.

    Every exchange raises errors of the library, or TimeoutError after `deadline_s`.
    """

    def __init__(self, client: Redis, key: str, deadline_s: float) -> None:
        self._client, self._key, self._deadline_s = client, key, deadline_s

    async def ping(self) -> None:
        """Raise unless the server answers."""
        async with asyncio.timeout(self._deadline_s):
            await self._client.ping()

    async def standing(self) -> Standing:
        """Who the server is, and where the stream stands."""
        async with asyncio.timeout(self._deadline_s):
            run_id = str((await self._client.info("server"))["run_id"])
            try:
                known = await self._client.xinfo_stream(self._key)
            except ResponseError as error:
                if "no such key" not in str(error):
                    raise
                return Standing(run_id, (0, 0), (0, 0))
        first = place(known["first-entry"][0]) if known["first-entry"] else (0, 0)
        deleted = place(known.get("max-deleted-entry-id", "0-0"))  # said since 7.0
        return Standing(run_id, place(known["last-generated-id"]), max(first, deleted))

    async def add(self, rows: Sequence[Stored], keep_ms: int, keep_entries: int) -> Added:
        """Add `rows` as one transaction, and trim what is more than `keep_ms` older than the last of them.

        Of what is left then, the oldest beyond about `keep_entries` go too: the server's memory has an end. Each
        entry says in ``published_ms`` when it was safe in the outbox.
        """
        transaction = self._client.pipeline(transaction=True)
        oldest_ms = max(rows[-1].ms - keep_ms, 0)
        for row in rows:
            fields = cast("Fields", {"published_ms": str(row.ms), **row.fields})
            transaction.xadd(self._key, fields, id=row.stream_id, minid=oldest_ms, approximate=True)
        transaction.xtrim(self._key, maxlen=keep_entries, approximate=True)
        async with asyncio.timeout(self._deadline_s):
            *replies, crowded = await transaction.execute(raise_on_error=False)
        for reply in (*replies, crowded):
            if isinstance(reply, Exception) and "equal or smaller" not in str(reply):
                raise reply
        refused = [row for row, reply in zip(rows, replies, strict=True) if isinstance(reply, ResponseError)]
        return Added(refused, crowded)

    async def missing(self, rows: Sequence[Stored]) -> list[Stored]:
        """Those of `rows` whose stream id does not hold their alert."""
        if not rows:
            return []
        pipeline = self._client.pipeline(transaction=False)
        for row in rows:
            pipeline.xrange(self._key, row.stream_id, row.stream_id)
        async with asyncio.timeout(self._deadline_s):
            answers = await pipeline.execute()
        held = [{fields.get(b"id") for _, fields in entries} for entries in answers]
        return [row for row, ids in zip(rows, held, strict=True) if row.id.encode() not in ids]

    async def bury(self, rows: Sequence[Stored], reason: str, dead: str, most: int) -> None:
        """Put `rows` and the reason into stream `dead`, which keeps about `most`; a retry may repeat them."""
        pipeline = self._client.pipeline(transaction=False)
        for row in rows:
            fields = cast("Fields", {**row.fields, "stream_id": row.stream_id, "reason": reason})
            pipeline.xadd(dead, fields, maxlen=most, approximate=True)
        async with asyncio.timeout(self._deadline_s):
            await pipeline.execute()


def place(stream_id: str | bytes) -> Place:
    """``ms-n`` as two numbers, which compare as the server compares ids."""
    ms, _, n = (stream_id.decode() if isinstance(stream_id, bytes) else stream_id).partition("-")
    return int(ms), int(n)

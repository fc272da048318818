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

    Place = tuple[int, int]
    Fields = dict[FieldT, EncodableT]


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

    async def add(self, rows: Sequence[Stored], keep_ms: int) -> list[Stored]:
        """Add `rows` as one transaction, and trim what is more than `keep_ms` older than the last of them.

        Returns:
            Those that were answered "equal or smaller": added before, or never to be.
        """
        transaction = self._client.pipeline(transaction=True)
        oldest_ms = max(rows[-1].ms - keep_ms, 0)
        for row in rows:
            fields = cast("Fields", row.fields)
            transaction.xadd(self._key, fields, id=row.stream_id, minid=oldest_ms, approximate=True)
        async with asyncio.timeout(self._deadline_s):
            replies = await transaction.execute(raise_on_error=False)
        for reply in replies:
            if isinstance(reply, Exception) and "equal or smaller" not in str(reply):
                raise reply
        return [row for row, reply in zip(rows, replies, strict=True) if isinstance(reply, ResponseError)]

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

"""What a consumer says to a stream and its group, one exchange a function, each within a deadline."""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from redis.exceptions import ResponseError

from streams.redis.stream import place

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from redis.asyncio import Redis
    from redis.typing import EncodableT, FieldT

CLAIM_BATCH = 100
STAY_BATCH = 1_000
BEGINNING = "0-0"


class Entry(NamedTuple):
    """An entry that was given to a consumer. `fields` is None where the stream no longer has it."""

    stream_id: str
    deliveries: int
    fields: Mapping[bytes, bytes] | None


class TakenOver(NamedTuple):
    """What came of looking for entries that others left.

    Attributes:
        number: of those that are now this consumer's.
        gone: those that were pending but no longer are in the stream; told once, and by Redis 7 and newer.
        cursor: where to go on; `BEGINNING` when all have been looked at.
    """

    number: int
    gone: list[str]
    cursor: str


class GroupStanding(NamedTuple):
    """Where a group stands.

    Attributes:
        lag: entries that it has not been given yet; None where the server cannot tell (before Redis 7, or after
            entries were deleted).
        pending: entries that were given out and not acknowledged.
        settled: all up to this id was given out and acknowledged.
    """

    lag: int | None
    pending: int
    settled: str


class StreamGroup:
    """A stream, a group of it and one of the group's consumers, through `client`.

    Every exchange raises errors of the library, or TimeoutError after `deadline_s`.
    """

    def __init__(self, client: Redis, key: str, group: str, name: str, deadline_s: float) -> None:
        self._client, self._key, self._group, self._name, self._deadline_s = client, key, group, name, deadline_s
        client.set_response_callback("XAUTOCLAIM", _as_it_came)  # the library's callback hides the cursor

    async def make(self, start: str) -> bool:
        """Make the group, and the stream, if it is not there: behind entry `start`. Whether it was made."""
        async with asyncio.timeout(self._deadline_s):
            try:
                await self._client.xgroup_create(self._key, self._group, start, mkstream=True)
            except ResponseError as error:
                if not str(error).startswith("BUSYGROUP"):
                    raise
                return False
        return True

    async def read(self, block_s: float) -> Entry | None:
        """The next entry that the group was not given yet, waiting up to `block_s` for one."""
        async with asyncio.timeout(block_s + self._deadline_s):
            answer: Any = await self._client.xreadgroup(
                self._group, self._name, {self._key: ">"}, count=1, block=max(round(block_s * 1000), 1)
            )
        entries = [entry for _, found in answer or () for entry in found]
        return Entry(entries[0][0].decode(), 1, entries[0][1]) if entries else None

    async def unfinished(self, after: str) -> tuple[str, int] | None:
        """Id and deliveries so far of this consumer's next pending entry behind `after`."""
        async with asyncio.timeout(self._deadline_s):
            found: Any = await self._client.xpending_range(
                self._key, self._group, f"({after}", "+", 1, consumername=self._name
            )
        return next(((each["message_id"].decode(), each["times_delivered"]) for each in found), None)

    async def again(self, stream_id: str, deliveries: int) -> Entry | None:
        """A pending entry of this consumer's once more; None if another has done it meanwhile.

        It counts as a delivery, whether the answer comes or not; `deliveries` is with it.
        """
        async with asyncio.timeout(self._deadline_s):
            found: Any = await self._client.xclaim(self._key, self._group, self._name, 0, [stream_id])
            fields = next((fields for _, fields in found), None)
            if fields is None and await self._client.xrange(self._key, stream_id, stream_id):
                return None
        return Entry(stream_id, deliveries, fields)

    async def take_over(self, idle_ms: int, cursor: str) -> TakenOver:
        """Make some of what any consumer left unacknowledged for `idle_ms` this one's, uncounted; from `cursor` on."""
        async with asyncio.timeout(self._deadline_s):
            answer: Any = await self._client.xautoclaim(
                self._key, self._group, self._name, idle_ms, cursor, CLAIM_BATCH, justid=True
            )
        gone = [stream_id.decode() for found in answer[2:3] for stream_id in found]
        return TakenOver(len(answer[1]), gone, answer[0].decode())

    async def stay(self, stream_ids: Iterable[str]) -> None:
        """Say that these are still worked on, so that nobody takes them over; not a delivery."""
        ids = iter(stream_ids)
        while some := tuple(islice(ids, STAY_BATCH)):
            async with asyncio.timeout(self._deadline_s):
                await self._client.xclaim(self._key, self._group, self._name, 0, [*some], justid=True)

    async def give_back(self, entries: Sequence[Entry], idle_ms: int) -> None:
        """Say that nobody works on these: that they were given out does not count, and any consumer may take them.

        Those that another consumer has taken over meanwhile stay with it.
        """
        own = self._client.pipeline(transaction=False)
        back = self._client.pipeline(transaction=False)
        for entry in entries:
            own.xpending_range(self._key, self._group, entry.stream_id, entry.stream_id, 1, self._name)
        async with asyncio.timeout(self._deadline_s):
            for entry, found in zip(entries, await own.execute(), strict=True):
                if found:
                    untried = max(entry.deliveries - 1, 0)
                    how: dict[str, Any] = {"idle": idle_ms, "retrycount": untried, "justid": True}
                    back.xclaim(self._key, self._group, self._name, 0, [entry.stream_id], **how)
            await back.execute()

    async def standing(self) -> GroupStanding:
        """Where the group stands; raises ResponseError ``NOGROUP`` where it is no more."""
        async with asyncio.timeout(self._deadline_s):
            groups = await self._groups()
            own = next((each for each in groups if each["name"] == self._group.encode()), None)
            if own is None:
                raise ResponseError(f"NOGROUP No such consumer group {self._group}")
            oldest = (await self._client.xpending(self._key, self._group))["min"] if own["pending"] else None
        settled = _before(oldest) if oldest else own["last-delivered-id"].decode()
        return GroupStanding(own.get("lag"), own["pending"], settled)

    async def _groups(self) -> list[dict[str, Any]]:
        try:
            found: Any = await self._client.xinfo_groups(self._key)
        except ResponseError as error:
            if "no such key" not in str(error):
                raise
            return []
        return list(found)

    async def ack(self, stream_ids: Iterable[str]) -> None:
        """These are done; those that are no longer pending are left."""
        async with asyncio.timeout(self._deadline_s):
            await self._client.xack(self._key, self._group, *stream_ids)

    async def add(self, dead: str, most: int, letter: Mapping[FieldT, EncodableT]) -> None:
        """Put `letter` into stream `dead`, which keeps about `most`; a lost answer may repeat it.

        The entry is to be acknowledged afterwards. A transaction of both would not help: where the server refuses the
        first command of one, it does the second all the same.
        """
        async with asyncio.timeout(self._deadline_s):
            await self._client.xadd(dead, dict(letter), maxlen=most, approximate=True)


def _as_it_came(response: Any, **_: Any) -> Any:
    return response


def _before(stream_id: bytes) -> str:
    """The greatest id below."""
    ms, n = place(stream_id)
    return f"{ms}-{n - 1}" if n else f"{max(ms - 1, 0)}-{2**64 - 1 if ms else 0}"

"""How far each group of a stream has come, and how far the stream reaches back: one look, in a few exchanges."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

from redis.exceptions import ResponseError

from streams.redis.stream import place

if TYPE_CHECKING:
    from collections.abc import Mapping

    from redis.asyncio import Redis

    from streams.redis.stream import Place

MOST_GROUPS = 50
"""Groups that are looked at; a stranger may have made thousands."""

NAME_CHARACTERS = 64


class GroupSeen(NamedTuple):
    """One group.

    Attributes:
        name: what can be shown of it.
        behind: entries of the stream that it was not given yet; about, where the server cannot tell.
        pending: entries that it was given and has not acknowledged.
        given, following: the entries that it was given last, and is to be given next; None if there is none.
        undone_ms: when the oldest entry was added that it has not acknowledged, or was not given; None without one.
        undone_rank: how many entries the stream has from that one on; about.
        missed: entries that were trimmed before it was given them, as far as the server can tell.
        lost_pending: entries were trimmed that it was given and has not acknowledged.
    """

    name: str
    behind: int
    pending: int
    given: Place
    following: Place | None
    undone_ms: int | None
    undone_rank: int
    missed: int
    lost_pending: bool


class StreamSeen(NamedTuple):
    """A stream: how many entries it has, and its groups."""

    length: int = 0
    groups: tuple[GroupSeen, ...] = ()


async def look(client: Redis, key: str, deadline_s: float) -> StreamSeen:
    """How things stand; an empty one where there is no such stream.

    Raises errors of the library, or TimeoutError.
    """
    async with asyncio.timeout(deadline_s):
        try:
            stream, groups = await _together(client, key)
        except ResponseError as error:
            if "no such key" not in str(error):
                raise
            return StreamSeen()
        span = _Span(stream)
        undone = [await _undone(client, key, group, span) for group in groups]
    found = tuple(span.group(group, *oldest) for group, oldest in zip(groups, undone, strict=True))
    return StreamSeen(span.length, found)


async def _together(client: Redis, key: str) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]]:
    """The stream and its groups of one moment: between two an entry may come, and one go."""
    transaction = client.pipeline(transaction=True)
    transaction.xinfo_stream(key)
    transaction.xinfo_groups(key)
    stream, groups = await transaction.execute()
    return stream, groups[:MOST_GROUPS]


async def _undone(client: Redis, key: str, group: Mapping[str, Any], span: _Span) -> tuple[Place | None, Place | None]:
    """The oldest entry that it has not acknowledged, and the oldest that it was not given."""
    pending: Any = None
    following: Any = None
    if group["pending"]:
        try:
            pending = (await client.xpending(key, group["name"]))["min"]
        except ResponseError:  # the group is gone meanwhile
            return None, None
    given = group["last-delivered-id"]
    if place(given) < span.last:
        following = await client.xrange(key, b"(" + given, count=1)
    return place(pending) if pending else None, place(following[0][0]) if following else None


class _Span:
    """From where to where the stream reaches, as ids ``(ms, n)``."""

    def __init__(self, stream: Mapping[str, Any]) -> None:
        self.length = int(stream["length"])
        self.last = place(stream["last-generated-id"])
        self.first = place(stream["first-entry"][0]) if stream["first-entry"] else self.last

    def group(self, group: Mapping[str, Any], pending: Place | None, following: Place | None) -> GroupSeen:
        """One of its groups, with the oldest entries that it has not acknowledged, and was not given."""
        given, lag = place(group["last-delivered-id"]), group.get("lag")
        behind = self._behind(given, lag)
        undone = pending or following
        rank = min(max(self._rank(pending), behind + group["pending"]), self.length) if pending else behind
        name = "".join(c if c.isprintable() else "?" for c in group["name"].decode(errors="replace"))
        return GroupSeen(
            name[:NAME_CHARACTERS],
            behind,
            group["pending"],
            given,
            following,
            undone[0] if undone else None,
            rank,
            missed=max(lag - self.length, 0) if lag is not None and given < self.first else 0,
            lost_pending=pending is not None and pending < self.first,
        )

    def _behind(self, given: Place, lag: int | None) -> int:
        if given >= self.last:
            return 0
        if given < self.first:
            return self.length
        return min(self._rank(given) if lag is None else lag, self.length)

    def _rank(self, at: Place) -> int:
        """About how many entries there are from `at` on, as if they had come evenly."""
        span_ms = self.last[0] - self.first[0]
        share = (self.last[0] - at[0]) / span_ms if span_ms > 0 else 1.0
        return max(1, round(self.length * min(max(share, 0.0), 1.0)))

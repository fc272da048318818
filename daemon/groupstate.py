"""Whether a group of the stream of alerts is about to lose entries, or has lost some. Pure.

A group loses what is trimmed from the stream before its consumers are done with it: what is older than the stream
keeps, or more than it holds. Of both the share is told that the group has used up; at `SLOW` it is warned of, which
with a week's retention is three and a half days before the first entry is lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from streams.redis.groups import GroupSeen
    from streams.redis.stream import Place

SLOW = 0.5
WELL = 0.25

Condition = Literal["caught_up", "slow", "lost"]


class Kept(NamedTuple):
    """How long entries stay in the stream, and how many."""

    ms: int
    entries: int


class GroupState(NamedTuple):
    """How a group stands.

    Attributes:
        condition: ``caught_up`` as long as nothing is wrong.
        used: share of the retention that its oldest undone entry has used up; beyond 1 it may go at any moment.
        given, following: the entries that it was given last, and is to be given next; None if there is none.
    """

    condition: Condition = "caught_up"
    used: float = 0.0
    given: Place = (0, 0)
    following: Place | None = None


def judged(before: GroupState, seen: GroupSeen, now_ms: int, kept: Kept) -> GroupState:
    """How the group stands now. One that has lost entries has not caught up before it reads again."""
    used = _used(seen, now_ms, kept)
    condition: Condition = before.condition
    if seen.missed or seen.lost_pending or _skipped(before, seen):
        condition = "lost"
    elif used >= SLOW and condition == "caught_up":
        condition = "slow"
    elif used <= WELL and (condition != "lost" or before.given != seen.given):
        condition = "caught_up"
    return GroupState(condition, used, seen.given, seen.following)


def _used(seen: GroupSeen, now_ms: int, kept: Kept) -> float:
    if seen.undone_ms is None:
        return 0.0
    return max((now_ms - seen.undone_ms) / kept.ms, seen.undone_rank / kept.entries, 0.0)


def _skipped(before: GroupState, seen: GroupSeen) -> bool:
    """The next entry to be given is another one, though none was given: a server that does not count tells it so."""
    if before.following is None or seen.following is None:
        return False
    return before.given == seen.given and before.following != seen.following

"""When a group is slow, has lost entries, and has caught up again."""

from __future__ import annotations

import pytest

from daemon.groupstate import GroupState, Kept, judged
from streams.redis.groups import GroupSeen

KEPT = Kept(ms=1_000_000, entries=1_000)
NOW_MS = 50_000_000


def seen(age_ms: int | None, rank: int = 1, *, given: int = 1, following: int | None = 2, missed: int = 0) -> GroupSeen:
    undone_ms = None if age_ms is None else NOW_MS - age_ms
    behind = 0 if following is None else rank
    return GroupSeen(
        "g", behind, 0, (given, 0), following and (following, 0), undone_ms, rank, missed, lost_pending=False
    )


def of(before: GroupState, group: GroupSeen) -> GroupState:
    return judged(before, group, NOW_MS, KEPT)


@pytest.mark.parametrize(
    ("group", "used"),
    [
        (seen(None, 0), 0.0),
        (seen(0), 0.001),
        (seen(400_000), 0.4),
        (seen(400_000, 700), 0.7),
        (seen(3_000_000), 3.0),
        (seen(-5_000, 0), 0.0),
    ],
)
def test_the_share_used_up_is_the_greater_of_age_and_number(group: GroupSeen, used: float) -> None:
    assert of(GroupState(), group).used == pytest.approx(used)


def test_a_group_is_slow_at_half_and_has_caught_up_at_a_quarter() -> None:
    state, conditions = GroupState(), []
    for age_ms in (100_000, 499_000, 500_000, 490_000, 900_000, 251_000, 250_000, 499_000):
        state = of(state, seen(age_ms))
        conditions.append(state.condition)
    assert conditions == ["caught_up"] * 2 + ["slow"] * 4 + ["caught_up"] * 2


def test_what_the_server_counts_as_missed_is_lost_until_the_group_has_caught_up() -> None:
    lost = of(GroupState("slow"), seen(990_000, missed=3))
    assert lost.condition == "lost"
    assert of(lost, seen(900_000)).condition == "lost"
    assert of(lost, seen(0)).condition == "lost", "what is left is young, but nobody has read on"
    assert of(lost, seen(None, 0, given=9)).condition == "caught_up"


def test_an_entry_in_hand_that_was_trimmed_is_lost() -> None:
    assert of(GroupState(), seen(0)._replace(lost_pending=True)).condition == "lost"


def test_without_a_count_it_is_lost_when_the_next_entry_changes_though_none_was_given() -> None:
    before = of(GroupState(), seen(990_000, given=1, following=2))
    assert of(before, seen(990_000, given=1, following=2)).condition == "slow"
    assert of(before, seen(990_000, given=2, following=5)).condition == "slow", "it was given one"
    assert of(before, seen(None, 0, given=4, following=None)).condition == "caught_up"
    assert of(before, seen(990_000, given=1, following=5)).condition == "lost"

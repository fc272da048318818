from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.engine.episodes import NEVER_MS, Episodes, alert_id
from daemon.engine.errors import StateError
from daemon.engine.language import parse
from daemon.engine.rules import Rule

if TYPE_CHECKING:
    from streams.types import Flags

MINUTE_MS = 60_000
HOLDS = (parse("close > 5"),)


def rules(*cooldowns_s: int, tick: int | None = None) -> list[Rule]:
    return [
        Rule(f"r{n}", (), HOLDS, seconds * 1_000, evaluate="tick" if n == tick else "close")
        for n, seconds in enumerate(cooldowns_s)
    ]


def told(episodes: Episodes, minute: int, *held: bool, judged: Flags | None = None) -> list[int]:
    """Rules that alert for the one symbol in row 2."""
    conditions = np.array(held).reshape(-1, 1)
    found, positions = episodes.step(conditions, np.array([2]), minute * MINUTE_MS, judged)
    assert positions.tolist() == [0] * len(found)
    for rule in found.tolist():
        episodes.tell(rule, 2, minute * MINUTE_MS)
    return found.tolist()


def test_a_condition_that_stays_true_alerts_once() -> None:
    episodes = Episodes(rules(0), 4)
    assert [told(episodes, minute, True) for minute in range(3)] == [[0], [], []]
    assert episodes.start_ms[0, 2] == 0


def test_a_condition_that_comes_back_alerts_again() -> None:
    episodes = Episodes(rules(0), 4)
    assert [told(episodes, m, held) for m, held in enumerate([True, False, True])] == [[0], [], [0]]


def test_within_the_cooldown_an_episode_is_silent_to_its_end() -> None:
    episodes = Episodes(rules(180), 4)
    held = [True, False, True, True, True, False, True]
    assert [told(episodes, minute, now) for minute, now in enumerate(held)] == [[0], [], [], [], [], [], [0]]


def test_the_cooldown_counts_from_the_bar_of_the_last_alert() -> None:
    episodes = Episodes(rules(180), 4)
    held = [True, False, True, False, False, True]
    assert [told(episodes, minute, now) for minute, now in enumerate(held)] == [[0], [], [], [], [], [0]]
    episodes = Episodes(rules(180), 4)
    held = [True, False, False, True]
    assert [told(episodes, minute, now) for minute, now in enumerate(held)] == [[0], [], [], [0]]


def test_alerts_come_by_position_then_by_rule() -> None:
    episodes = Episodes(rules(0, 0, 0), 8)
    conditions = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]], np.bool_)
    found, positions = episodes.step(conditions, np.array([5, 0, 3]), 1)
    assert list(zip(positions.tolist(), found.tolist(), strict=True)) == [
        (0, 1),
        (0, 2),
        (1, 0),
        (1, 2),
        (2, 0),
        (2, 1),
    ]
    assert episodes.start_ms[1].tolist() == [NEVER_MS, NEVER_MS, NEVER_MS, 1, NEVER_MS, 1, NEVER_MS, NEVER_MS]


def test_a_forming_bar_alerts_once_however_often_its_condition_comes_and_goes() -> None:
    episodes = Episodes(rules(0), 4)
    flickers = [told(episodes, 7, held) for held in (True, False, True, False, True)]
    assert flickers == [[0], [], [], [], []]
    assert told(episodes, 7, True) == []
    assert told(episodes, 8, False) == []
    assert told(episodes, 8, True) == [0]
    assert episodes.start_ms[0, 2] == 8 * MINUTE_MS


def test_rules_that_are_not_asked_stay_as_they_are() -> None:
    episodes, second = Episodes(rules(0, 0), 4), np.array([False, True])
    assert told(episodes, 0, True, True) == [0, 1]
    assert told(episodes, 1, False, False, judged=second) == []
    assert told(episodes, 1, True, True) == [1]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.lists(st.booleans(), min_size=12, max_size=12)), max_size=12),
    st.lists(st.integers(0, 4), min_size=3, max_size=3),
    st.permutations(range(4)),
)
def test_episodes_agree_with_one_rule_and_symbol_at_a_time(
    steps: list[tuple[bool, list[bool]]], cooldowns: list[int], order: list[int]
) -> None:
    chosen = rules(*(60 * minutes for minutes in cooldowns), tick=1)
    episodes, rows, ticking = Episodes(chosen, 4), np.array(order), np.array([False, True, False])
    active, last = {}, {}
    for minute, (tick, flags) in enumerate(steps):
        conditions = np.array(flags).reshape(3, 4)
        expected = []
        for position, row in enumerate(order):
            for number, rule in enumerate(chosen):
                if tick and rule.evaluate == "close":
                    continue
                key, held = (number, row), bool(conditions[number, position])
                waited = minute * MINUTE_MS - last.get(key, NEVER_MS)
                if held and not active.get(key) and waited >= max(rule.cooldown_ms, 1):
                    expected.append((position, number))
                    last[key] = minute * MINUTE_MS
                active[key] = held
        found, positions = episodes.step(conditions, rows, minute * MINUTE_MS, ticking if tick else None)
        assert list(zip(positions.tolist(), found.tolist(), strict=True)) == expected
        for position, number in expected:
            episodes.tell(number, order[position], minute * MINUTE_MS)


def test_saved_episodes_go_on_where_they_were() -> None:
    first = Episodes(rules(180, 0), 4)
    told(first, 0, True, True)
    told(first, 1, False, True)
    second = Episodes(rules(180, 0), 1)
    second.load_arrays({key: array.copy() for key, array in first.to_arrays().items()})
    assert told(second, 2, True, True) == told(first, 2, True, True) == []
    assert {key: array.tolist() for key, array in first.to_arrays().items()} == {
        key: array.tolist() for key, array in second.to_arrays().items()
    }


def test_a_changed_rule_starts_anew_beside_one_that_goes_on() -> None:
    first = Episodes(rules(60, 60), 4)
    told(first, 0, True, True)
    second = Episodes([rules(60)[0], Rule("r1", (), (parse("close > 6"),), 60_000)], 4)
    second.load_arrays(first.to_arrays())
    assert told(second, 1, True, True) == [1]


def test_saved_arrays_that_do_not_fit_are_refused_and_change_nothing() -> None:
    episodes = Episodes(rules(0), 4)
    told(episodes, 0, True)
    arrays = {key: array.copy() for key, array in episodes.to_arrays().items()}
    short = dict(arrays)
    short.popitem()
    long = {**arrays, "other@1/state": np.zeros(9)}
    for broken in (short, long):
        with pytest.raises(StateError):
            episodes.load_arrays(broken)
    assert told(episodes, 1, True) == []


def test_more_room_keeps_what_was_and_a_forgotten_row_starts_anew() -> None:
    episodes = Episodes(rules(0), 3)
    told(episodes, 0, True)
    episodes.reserve(9)
    assert told(episodes, 1, True) == []
    episodes.zero(2)
    assert told(episodes, 1, True) == [0]


def test_the_id_depends_on_rule_version_symbol_and_start_alone() -> None:
    same = alert_id("r", "abc", b"TWLO", 1)
    assert same == alert_id("r", "abc", b"TWLO", 1)
    assert len(same) == 32
    others = {
        alert_id(*parts) for parts in (("s", "abc", b"TWLO", 1), ("r", "abd", b"TWLO", 1), ("r", "abc", b"TWL", 1))
    }
    assert len(others | {alert_id("r", "abc", b"TWLO", 2), same}) == 5


@pytest.mark.parametrize("row", [-1, 4])
def test_a_row_without_room_is_refused(row: int) -> None:
    with pytest.raises(IndexError, match="reserve first"):
        Episodes(rules(0), 4).step(np.ones((1, 1), np.bool_), np.array([row]), 0)


def states(minutes: list[tuple[bool, bool]], *, anchors: dict[int, int] | None = None, **said: object) -> list[int]:
    """Minutes at which one rule alerts, given whether its condition and its until hold at each."""
    rule = Rule("r", (), HOLDS, until=HOLDS[0] if said.pop("until", False) else None, **said)
    episodes, told, anchor = Episodes([rule], 1), [], NEVER_MS
    for minute, (held, ended) in enumerate(minutes):
        anchor = (anchors or {}).get(minute, anchor)
        found, _ = episodes.step(
            np.array([[held]]),
            np.array([0]),
            minute * MINUTE_MS,
            ended=np.array([[ended]]),
            seen_ms=(minute + 1) * MINUTE_MS,
            anchor_ms=anchor,
        )
        if len(found):
            episodes.tell(0, 0, minute * MINUTE_MS)
            told.append(minute)
    return told


def held(*minutes: bool) -> list[tuple[bool, bool]]:
    return [(minute, False) for minute in minutes]


def test_a_condition_has_to_hold_for_as_long_as_the_rule_says() -> None:
    assert states(held(True, True, True, True), hold_ms=2 * MINUTE_MS) == [2]
    assert states(held(True, False, True, True, False), hold_ms=2 * MINUTE_MS) == []
    assert states(held(True, True, True), hold_ms=20_000) == [1]


def test_the_episode_of_a_held_condition_counts_from_where_it_began() -> None:
    episodes = Episodes([Rule("r", (), HOLDS, hold_ms=60_000)], 1)
    for minute in range(2):
        episodes.step(np.array([[True]]), np.array([0]), minute * MINUTE_MS, seen_ms=(minute + 1) * MINUTE_MS)
    assert episodes.start_ms[0, 0] == 0


def test_an_episode_with_an_until_lasts_to_there_however_often_its_condition_comes_and_goes() -> None:
    flickers = held(True, False, True, False, True)
    assert states(flickers, until=True) == [0]
    assert states([*flickers, (False, True), (True, False)], until=True) == [0, 6]


def test_after_its_until_a_rule_is_armed_again_when_its_condition_has_been_false() -> None:
    assert states([(True, False), (True, True), (True, False), (False, False), (True, False)], until=True) == [0, 4]


def test_an_until_is_not_waited_for_over_the_end_of_a_session() -> None:
    minutes = held(True, False, True, True)
    assert states(minutes, until=True, anchors={2: 2 * MINUTE_MS}) == [0, 2]

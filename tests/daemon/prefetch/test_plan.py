from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.prefetch.plan import HORIZON_MS, HOUR_MS, MINUTE_MS, Budget, Kind, picks, worth

T0 = 1_736_000_000_000
SHORT, LONG, DEAR = (Kind("short", 1, HORIZON_MS // 2), Kind("long", 1, 4 * HORIZON_MS), Kind("dear", 3, HORIZON_MS))
KINDS = (SHORT, LONG, DEAR)
CHANCES = st.lists(st.floats(0, 1) | st.just(float("nan")), min_size=1, max_size=15)


def test_worth_is_the_chance_while_it_is_fresh_but_an_hour_at_most_times_what_is_saved_a_call() -> None:
    found = worth(np.array([0.36]), np.array([100.0, 100.0, 90.0]), KINDS)
    assert found[0] == pytest.approx([100 * (1 - 0.8), 100 * (1 - 0.64**2), 30 * 0.36])


@given(CHANCES, st.data())
def test_a_plan_keeps_to_the_calls_allowed_and_takes_the_best_that_are_missing(
    chances: list[float], data: st.DataObject
) -> None:
    chance = np.array(chances)
    there = np.array(data.draw(st.lists(st.booleans(), min_size=3 * len(chance), max_size=3 * len(chance))))
    there = there.reshape(-1, 3)
    allowed = data.draw(st.integers(0, 20))
    saved_ms = np.array([100.0, 50.0, 200.0])
    found = picks(chance, saved_ms, there, allowed, KINDS)
    values = worth(chance, saved_ms, KINDS)
    chosen = {(pick.position, pick.kind) for pick in found}
    assert len(chosen) == len(found)
    spent = sum(KINDS[pick.kind].calls for pick in found)
    assert spent <= allowed
    assert not any(there[place] for place in chosen)
    assert [pick.worth_ms for pick in found] == sorted((pick.worth_ms for pick in found), reverse=True)
    left = [
        place
        for place in np.ndindex(there.shape)
        if not there[place] and values[place] > 0 and place not in chosen and KINDS[place[1]].calls <= allowed - spent
    ]
    assert not left
    worst = min((pick.worth_ms for pick in found), default=np.inf)
    better = [p for p in np.ndindex(there.shape) if not there[p] and p not in chosen and values[p] > worst]
    assert all(KINDS[place[1]].calls > 1 for place in better)


def test_nothing_is_planned_while_somebody_waits_for_what_he_needs() -> None:
    missing = np.zeros((1, 3), np.bool_)
    assert picks(np.array([0.9]), np.full(3, 100.0), missing, 5, KINDS)
    assert not picks(np.array([0.9]), np.full(3, 100.0), missing, 5, KINDS, yields=True)


@given(st.lists(st.tuples(st.integers(-MINUTE_MS, 10 * MINUTE_MS), st.integers(0, 50)), max_size=60))
def test_no_stretch_of_time_sees_more_calls_than_the_bucket_and_what_flowed_in(steps: list[tuple[int, int]]) -> None:
    budget = Budget(calls_per_hour=300, burst=0.1)
    now_ms, spent = T0, 0
    budget.refill(now_ms)
    for passed_ms, wanted in steps:
        now_ms += passed_ms
        budget.refill(now_ms)
        calls = min(wanted, budget.allowed)
        budget.spend(calls)
        spent += calls
    latest_ms = max([T0, *(T0 + sum(step[0] for step in steps[: i + 1]) for i in range(len(steps)))])
    assert spent <= 300 * (latest_ms - T0) / HOUR_MS + 1e-6


def test_an_hour_gives_the_budget_of_an_hour() -> None:
    budget = Budget(calls_per_hour=300)
    spent = 0
    for minute in range(61):
        budget.refill(T0 + minute * MINUTE_MS)
        spent += budget.allowed
        budget.spend(budget.allowed)
    assert spent == 300


def test_more_than_is_allowed_cannot_be_spent() -> None:
    with pytest.raises(ValueError, match="1 calls of 0"):
        Budget().spend(1)


def test_a_budget_that_pays_half_of_what_it_has_to_is_halved_and_comes_up_again() -> None:
    budget = Budget(pays=0.02, memory_calls=1_000)
    for _ in range(100):
        budget.tune(hits=1, calls=100)
    assert budget.share == pytest.approx(0.5, abs=0.02)
    for _ in range(100):
        budget.tune(hits=2, calls=100)
    assert budget.share == pytest.approx(1.0, abs=0.02)


def test_however_little_it_pays_a_rest_is_left_to_see_whether_it_would() -> None:
    budget = Budget(floor=0.1, memory_calls=1_000)
    for _ in range(200):
        budget.tune(hits=0, calls=100)
    assert budget.share == 0.1


def test_a_new_budget_is_trusted_through_a_morning_without_a_hit() -> None:
    budget = Budget(calls_per_hour=300)
    for _ in range(330):
        budget.tune(hits=0, calls=5)
    assert budget.share == 1.0


def test_time_without_a_call_proves_nothing() -> None:
    budget = Budget(memory_calls=100)
    for _ in range(10_000):
        budget.tune(hits=0, calls=0)
    assert budget.share == 1.0


def test_a_share_of_the_budget_flows_at_that_share() -> None:
    budget = Budget(calls_per_hour=300, burst=1.0, floor=0.1, memory_calls=1_000)
    for _ in range(300):
        budget.tune(hits=0, calls=100)
    budget.refill(T0)
    budget.refill(T0 + HOUR_MS)
    assert budget.allowed == 30

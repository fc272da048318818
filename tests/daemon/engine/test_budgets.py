from __future__ import annotations

import numpy as np
import pytest

from daemon.engine.budgets import SAMPLE, Budgets
from daemon.engine.errors import StateError
from daemon.engine.language import parse
from daemon.engine.rules import Rule

WHERE = (parse("close > 5"),)
BUDGET = 10
MINUTES = 390


def budgets(budget: int = BUDGET, name: str = "r") -> Budgets:
    return Budgets([Rule(name, (), WHERE, budget=budget), Rule("free", (), WHERE)])


def admit(one: Budgets, value: float, chance: float, number: int, left: float, **said: bool) -> bool:
    return bool(one.admit(0, np.array([value]), lambda places: np.full(len(places), chance), number, left, **said)[0])


def day(one: Budgets, number: int, values: list[list[float]]) -> list[float]:
    """Values that pass in a day of so many minutes, each with its candidates; steered after each."""
    passed = []
    for minute, now in enumerate(values):
        left = float(len(values) - minute)
        for place, value in enumerate(now):
            chance = (minute * 7 + place * 3) % 97 / 97
            if admit(one, value, chance, number, left):
                passed.append(value)
        one.steer(number, left - 1.0)
    return passed


def market(seed: int, candidates: float) -> list[list[float]]:
    """A day's candidates: more of them early, values without a pattern."""
    random = np.random.default_rng(seed)
    rate = 2.0 * candidates / MINUTES * np.linspace(2.0, 0.0, MINUTES) / 2.0
    return [random.normal(size=random.poisson(now)).tolist() for now in rate]


def test_a_rule_without_a_budget_tells_everything() -> None:
    one = budgets()
    assert one.admit(1, np.full(99, np.nan), np.zeros_like, 5, 100.0).all()
    assert one.standing(1) == {}


def test_fewer_candidates_than_the_budget_all_pass() -> None:
    one = budgets()
    for number in range(3):
        values = [[float(minute)] if minute % 60 == 5 else [] for minute in range(MINUTES)]
        assert len(day(one, number, values)) == 7


@pytest.mark.parametrize("candidates", [40, 200, 2_000])
def test_about_as_many_as_the_budget_pass_and_they_are_among_the_best(candidates: int) -> None:
    one = budgets()
    passed = [day(one, number, market(number, candidates)) for number in range(20)]
    counts = [len(values) for values in passed]
    assert 0.7 * BUDGET <= np.mean(counts) <= 1.3 * BUDGET
    assert max(counts) <= 2 * BUDGET
    everything = [value for number in range(2, 20) for minute in market(number, candidates) for value in minute]
    told = [value for values in passed[2:] for value in values]
    assert np.median(told) > np.quantile(everything, 1.0 - 1.5 * BUDGET / candidates)


def test_candidates_whose_value_is_not_known_are_spread_over_the_day() -> None:
    one = budgets()
    counts = [len(day(one, number, [[np.nan]] * MINUTES)) for number in range(10)]
    assert 0.7 * BUDGET <= np.mean(counts[1:]) <= 1.3 * BUDGET
    assert max(counts) <= 2 * BUDGET


def test_a_day_begins_with_the_threshold_of_a_whole_day_and_not_with_that_of_an_evening() -> None:
    one, random, counts = budgets(), np.random.default_rng(1), []
    for number in range(20):
        opening = random.normal(50.0, 10.0, 60)
        passed = one.admit(0, opening, lambda places: np.full(len(places), 0.5), number, 390.0)
        later = [[5.0] if minute % 3 == 0 else [] for minute in range(MINUTES)]
        counts.append(int(passed.sum()) + len(day(one, number, later)))
        if number > 1:
            assert set(np.sort(opening)[-5:]) <= set(opening[passed])
    assert 0.7 * BUDGET <= np.mean(counts[1:]) <= 1.3 * BUDGET


def test_a_day_far_busier_than_those_before_stays_within_twice_the_budget() -> None:
    one = budgets()
    for number in range(5):
        day(one, number, market(number, 50))
    busy = day(one, 5, [[5.0 + minute / 9, 4.0] for minute in range(MINUTES)])
    assert BUDGET <= len(busy) <= 2 * BUDGET


def test_late_candidates_neither_spend_nor_steer() -> None:
    first, second = budgets(), budgets()
    values = market(1, 300)
    for number in range(2):
        day(first, number, values)
        day(second, number, values)
        for _ in range(50):
            admit(second, 99.0, 0.5, number, 0.0, late=True)
    assert first.standing(0) == second.standing(0)
    assert admit(second, 99.0, 0.5, 1, 0.0, late=True)


def test_a_first_day_is_not_over_in_its_first_minute() -> None:
    one = budgets()
    passed = sum(admit(one, float(n), 0.5, 0, float(MINUTES)) for n in range(100))
    assert passed <= BUDGET // 2


def test_what_is_kept_of_a_day_is_bounded_and_stands_for_all_of_it() -> None:
    one = budgets()
    values = [[float(minute % 100) + n / 100 for n in range(20)] for minute in range(MINUTES)]
    counts = [len(day(one, number, values)) for number in range(6)]
    assert 0.7 * BUDGET <= np.mean(counts[1:]) <= 1.3 * BUDGET
    assert one.to_arrays()[next(name for name in one.to_arrays() if name.endswith("values"))].shape == (6, SAMPLE)


def test_saved_budgets_go_on_bit_for_bit_and_changed_rules_begin_anew() -> None:
    first = budgets()
    for number in range(3):
        day(first, number, market(number, 300))
    arrays = {name: array.copy() for name, array in first.to_arrays().items()}
    second, other = budgets(), budgets(name="other")
    second.load_arrays(arrays)
    other.load_arrays(arrays)
    assert day(second, 3, market(3, 300)) == day(first, 3, market(3, 300))
    assert other.standing(0)["candidates"] == 0.0


@pytest.mark.parametrize("spoil", ["day", "values"])
def test_saved_arrays_that_do_not_fit_are_refused(spoil: str) -> None:
    arrays = budgets().to_arrays()
    name = next(name for name in arrays if name.endswith(spoil))
    with pytest.raises(StateError):
        budgets().load_arrays({**arrays, name: np.zeros(3)})


def test_candidates_that_come_together_are_as_one_after_the_other() -> None:
    alone, together = budgets(), budgets()
    for number in range(3):
        for minute, values in enumerate(market(number, 400)):
            best, left = np.sort(np.array(values))[::-1], float(MINUTES - minute)
            passed = [admit(alone, value, 0.5, number, left) for value in best.tolist()]
            assert together.admit(0, best, lambda places: np.full(len(places), 0.5), number, left).tolist() == passed
            for one in (alone, together):
                one.steer(number, left - 1.0)
    assert alone.standing(0) == together.standing(0)


def test_thresholds_are_the_same_whether_anybody_looks_at_them_meanwhile_or_not() -> None:
    alone, looked_at = budgets(), budgets()
    for number in range(8):
        values = market(number, 150)
        for minute, now in enumerate(values):
            left = float(len(values) - minute)
            told = [[admit(one, value, 0.5, number, left) for value in now] for one in (alone, looked_at)]
            assert told[0] == told[1]
            for one in (alone, looked_at):
                one.steer(number, left - 1.0)
            looked_at.standing(0)
    both = alone.to_arrays(), looked_at.to_arrays()
    for name in both[0]:
        np.testing.assert_array_equal(both[0][name], both[1][name])

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from daemon.engine.outcomes import Move, Outcome
from daemon.judgement import ALIKE, BETTER, WORSE, Judge

DAY_MS = 86_400_000


def outcome(number: int, day: int, size: float, beside: list[float], rule: str = "r") -> Outcome:
    return Outcome(
        id=f"{number:032x}",
        rule=rule,
        rule_version="1",
        symbol="S",
        bar_start_ms=day * DAY_MS + 50_000_000,
        price=10.0,
        atr=0.1,
        moves={"15m": Move(0.01, size, -size / 2)},
        random={f"P{n}": {"15m": Move(-0.01, other / 2, -other)} for n, other in enumerate(beside)},
    )


def judged(outcomes: list[Outcome]) -> object:
    judge = Judge()
    judge.add(outcomes)
    return judge.judgements()["r"]["15m"]


def test_means_and_precision_are_those_of_the_moves() -> None:
    found = judged([outcome(1, 1, 3.0, [1.0, 5.0]), outcome(2, 2, 4.0, [4.0, 2.0])])
    assert (found.alerts, found.days, found.move, found.random_move) == (2, 2, 3.5, 3.0)
    assert found.precision == (0.5 + 0.75) / 2
    assert (found.best, found.worst) == (3.5, -1.75)
    assert (found.forward, found.random_forward) == (0.01, -0.01)
    assert found.difference == 0.5


def test_one_alert_a_day_has_the_interval_of_independent_ones() -> None:
    random = np.random.default_rng(3)
    values = random.normal(1.0, 2.0, 15)
    found = judged([outcome(n, n, 10.0 + value, [10.0]) for n, value in enumerate(values.tolist())])
    low, high = stats.t.interval(0.95, 14, loc=values.mean(), scale=stats.sem(values))
    assert found.low == pytest.approx(low)
    assert found.high == pytest.approx(high)


def test_alerts_of_one_day_do_not_make_a_rule_surer() -> None:
    random = np.random.default_rng(4)
    days = random.normal(0.5, 1.0, 12).tolist()
    once = judged([outcome(n, n, 10.0 + value, [10.0]) for n, value in enumerate(days)])
    often = judged([outcome(9 * n + k, n, 10.0 + value, [10.0]) for n, value in enumerate(days) for k in range(9)])
    assert often.low == pytest.approx(once.low)
    assert often.alerts == 108


@pytest.mark.parametrize(("shift", "verdict"), [(3.0, BETTER), (-3.0, WORSE), (0.0, ALIKE)])
def test_the_verdict_goes_by_the_interval(shift: float, verdict: str) -> None:
    noise = np.tile([-0.5, 0.5], 10)
    found = judged([outcome(n, n, 10.0 + shift + value, [10.0]) for n, value in enumerate(noise.tolist())])
    assert found.verdict == verdict


def test_of_one_day_nothing_can_be_told() -> None:
    found = judged([outcome(1, 1, 30.0, [1.0])])
    assert (found.low, found.high, found.verdict) == (None, None, ALIKE)


def test_what_says_nothing_is_left_out() -> None:
    judge = Judge()
    unknown = outcome(1, 1, 3.0, [1.0])
    judge.add([outcome(2, 1, 3.0, []), Outcome(**{**_fields(unknown), "moves": {"15m": Move(0.0, None, None)}})])
    assert judge.judgements() == {}


def _fields(one: Outcome) -> dict[str, object]:
    return {name: getattr(one, name) for name in one.__struct_fields__}

from __future__ import annotations

import math

import numpy as np
import pytest

from daemon.scoring.errors import StateError
from daemon.scoring.judge import Judge
from daemon.scoring.questions import Lesson


def lesson(score: np.ndarray, answer: np.ndarray, phase: int = 0, base: float = 0.5) -> Lesson:
    n = len(score)
    return Lesson(0, 0, phase, base, np.arange(n), np.zeros((n, 1), np.float32), score, answer, np.zeros(n, int))


def slow_auc(score: np.ndarray, answer: np.ndarray) -> float:
    pairs = [(a > b) + (a == b) / 2 for a in score[answer] for b in score[~answer]]
    return float(np.mean(pairs))


def test_figures_equal_those_of_a_slow_twin() -> None:
    random = np.random.default_rng(5)
    score = random.beta(2, 4, 900)
    answer = random.random(900) < score
    judge = Judge()
    for part in np.array_split(np.arange(900), 20):
        judge.add(lesson(score[part], answer[part], base=0.3))
    quality = judge.quality()
    assert quality.questions == 900
    assert quality.base_rate == pytest.approx(answer.mean())
    assert quality.auc == pytest.approx(slow_auc(score, answer), abs=5e-4)
    assert quality.log_loss == pytest.approx(-np.where(answer, np.log(score), np.log(1 - score)).mean())
    assert quality.base_log_loss == pytest.approx(-np.where(answer, math.log(0.3), math.log(0.7)).mean())


def test_nothing_judged_gives_no_figures() -> None:
    quality = Judge().quality()
    assert quality[:2] == (0, 0)
    assert np.isnan(quality[2:]).all()


def test_questions_without_a_score_move_the_base_rate_only() -> None:
    judge = Judge()
    judge.add(lesson(np.full(3000, np.nan), np.ones(3000, np.bool_)))
    assert (judge.quality().questions, judge.quality().unscored) == (0, 3000)
    assert judge.base(0) > 0.99


def test_answers_of_one_kind_have_no_auc() -> None:
    judge = Judge()
    judge.add(lesson(np.array([0.0, 1.0, 0.5]), np.ones(3, np.bool_)))
    quality = judge.quality()
    assert math.isnan(quality.auc)
    assert math.isfinite(quality.log_loss)


def test_each_phase_has_its_own_base_rate_leaning_on_all() -> None:
    judge = Judge()
    assert judge.base(4) == 0.5
    judge.add(lesson(np.full(10_000, 0.5), np.arange(10_000) % 10 < 8, phase=1))
    judge.add(lesson(np.full(10_000, 0.5), np.arange(10_000) % 10 < 2, phase=2))
    assert judge.base(1) == pytest.approx(0.8, abs=0.01)
    assert judge.base(2) == pytest.approx(0.2, abs=0.01)
    assert judge.base(3) == pytest.approx(0.5, abs=0.01)


def test_a_judge_survives_as_arrays() -> None:
    judge, again = Judge(), Judge()
    judge.add(lesson(np.array([0.2, 0.7, np.nan]), np.array([False, True, True]), phase=5))
    again.load_arrays(judge.to_arrays())
    assert again.quality() == judge.quality()
    assert again.base(5) == judge.base(5)
    with pytest.raises(StateError):
        again.load_arrays({"bins": np.zeros(3)})

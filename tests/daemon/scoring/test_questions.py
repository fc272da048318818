from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from daemon.scoring.errors import StateError
from daemon.scoring.featurering import FeatureRing
from daemon.scoring.questions import ANY, PHASES, Questions, phase_of
from daemon.scoring.targets import Target

if TYPE_CHECKING:
    from daemon.scoring.questions import Lesson

MINUTE_MS = 60_000
SYMBOLS = np.array([b"MSFT", b"AAPL", b"BRK.B", b"AA"], "S16")
START_MS = 1_736_000_000_000 // MINUTE_MS * MINUTE_MS


def at(minute: int) -> int:
    return START_MS + minute * MINUTE_MS


def fresh(target: Target = ANY, capacity: int = 1024) -> Questions:
    return Questions(FeatureRing(2, target.horizon_minutes + 1, capacity), target, capacity=capacity)


def ask(questions: Questions, minute: int, rows: list[int], close: float = 100.0, atr: float = 1.0) -> int:
    n = len(rows)
    questions.ring.keep(at(minute), np.array(rows), np.array(rows, np.float64)[:, None] + [[0.25, 0.5]])
    score = np.array(rows) / 10
    return questions.ask(at(minute), np.array(rows), score, np.full(n, close), np.full(n, atr), phase=3, base=0.4)


def bar(questions: Questions, minute: int, row: int, high: float, low: float) -> None:
    questions.observe(at(minute), np.array([row]), np.array([high]), np.array([low]), np.array([100.0]))


def closes(questions: Questions, first: int, last: int) -> list[Lesson | None]:
    return [
        questions.answer(at(minute), SYMBOLS, np.zeros(len(SYMBOLS), np.int64)) for minute in range(first, last + 1)
    ]


def test_an_answer_is_known_at_the_close_of_the_last_minute_and_not_before() -> None:
    questions = fresh()
    assert ask(questions, 0, [0, 1, 2]) == 3
    bar(questions, 7, 1, 104.5, 100.0)
    *before, lesson = closes(questions, 1, 15)
    assert before == [None] * 14
    assert lesson is not None
    assert (lesson.minute_ms, lesson.asked_ms, lesson.phase, lesson.base) == (at(15), at(0), 3, 0.4)
    assert SYMBOLS[lesson.rows].tolist() == [b"AAPL", b"BRK.B", b"MSFT"]
    assert lesson.answer.tolist() == [True, False, False]
    assert lesson.score.tolist() == [0.1, 0.2, 0.0]
    assert lesson.features.tolist() == [[1.25, 1.5], [2.25, 2.5], [0.25, 0.5]]
    assert questions.pending == 0


@pytest.mark.parametrize(
    ("minute", "high", "low", "moved"),
    [
        (1, 104.1, 100.0, True),
        (15, 100.0, 95.9, True),
        (15, 104.1, 100.0, True),
        (8, 104.0, 96.0, False),
        (0, 110.0, 90.0, False),
        (16, 110.0, 90.0, False),
    ],
)
def test_price_has_to_pass_the_threshold_within_the_window(minute: int, high: float, low: float, moved: bool) -> None:
    questions = fresh()
    ask(questions, 0, [0])
    lesson = None
    for now in range(1, 16):
        if now == max(min(minute, 15), 1):
            bar(questions, minute, 0, high, low)
        lesson = questions.answer(at(now), SYMBOLS, np.zeros(len(SYMBOLS), np.int64))
    assert lesson is not None
    assert lesson.answer.tolist() == [moved]


def test_answers_equal_those_of_a_slow_twin_on_random_bars() -> None:
    random = np.random.default_rng(11)
    minutes, rows = 60, len(SYMBOLS)
    close = 100 + np.cumsum(random.normal(0, 1, (minutes, rows)), axis=0)
    high, low = close + random.exponential(0.7, close.shape), close - random.exponential(0.7, close.shape)
    traded = random.random(close.shape) < 0.6
    questions = fresh(capacity=1)
    answered = 0
    for m in range(minutes):
        here = np.flatnonzero(traded[m])
        questions.observe(at(m), here, high[m, here], low[m, here], np.ones(len(here)))
        lesson = questions.answer(at(m), SYMBOLS, np.zeros(len(SYMBOLS), np.int64))
        if lesson is not None:
            asked = m - 15
            expected = [twin(close, high, low, traded, asked, row) for row in lesson.rows]
            assert lesson.answer.tolist() == expected
            assert set(lesson.rows) == set(np.flatnonzero(traded[asked]))
            answered += 1
        questions.ring.keep(at(m), here, np.zeros((len(here), 2)))
        questions.ask(at(m), here, np.zeros(len(here)), close[m, here], np.ones(len(here)), phase=0, base=0.5)
    assert answered > 40


def twin(close: np.ndarray, high: np.ndarray, low: np.ndarray, traded: np.ndarray, asked: int, row: int) -> bool:
    return any(
        traded[m, row] and (high[m, row] > close[asked, row] + 4 or low[m, row] < close[asked, row] - 4)
        for m in range(asked + 1, asked + 16)
    )


def test_no_question_without_a_known_atr_above_zero() -> None:
    questions = fresh()
    atr = np.array([np.nan, 0.0, np.inf, 1.0])
    asked = questions.ask(at(0), np.arange(4), np.zeros(4), np.full(4, 50.0), atr, phase=0, base=0.5)
    assert asked == 1
    lesson = closes(questions, 1, 15)[-1]
    assert lesson is not None
    assert lesson.rows.tolist() == [3]


def test_order_of_a_lesson_does_not_depend_on_which_symbol_came_first() -> None:
    seen = []
    for order in ([0, 1, 2, 3], [3, 1, 0, 2]):
        questions = fresh()
        ask(questions, 0, [0, 1, 2, 3])
        lesson = None
        for minute in range(1, 16):
            lesson = questions.answer(at(minute), SYMBOLS[order], np.zeros(len(SYMBOLS), np.int64))
        assert lesson is not None
        seen.append(SYMBOLS[order][lesson.rows].tolist())
    assert seen[0] == seen[1] == sorted(SYMBOLS.tolist())


def test_a_window_with_a_minute_that_never_closed_is_never_answered() -> None:
    questions = fresh()
    ask(questions, 0, [0, 1])
    assert closes(questions, 1, 7) + closes(questions, 9, 20) == [None] * 19
    assert (questions.lapsed, questions.pending) == (2, 0)


def test_after_a_long_silence_old_questions_lapse_and_new_ones_are_asked() -> None:
    questions = fresh()
    ask(questions, 0, [0, 1])
    assert questions.answer(at(500), SYMBOLS, np.zeros(len(SYMBOLS), np.int64)) is None
    ask(questions, 500, [1])
    assert (questions.lapsed, questions.pending) == (2, 1)
    lesson = closes(questions, 501, 515)[-1]
    assert lesson is not None
    assert lesson.rows.tolist() == [1]


def test_a_released_row_takes_its_questions_with_it() -> None:
    questions = fresh()
    ask(questions, 0, [0, 1])
    questions.zero(0)
    questions.zero(5000)
    lesson = closes(questions, 1, 15)[-1]
    assert lesson is not None
    assert lesson.rows.tolist() == [1]


def test_features_beyond_float32_are_kept_as_missing() -> None:
    questions = fresh()
    ask(questions, 0, [0])
    questions.ring.keep(at(0), np.zeros(1, np.int64), np.array([[1e308, -1e308]]))
    lesson = closes(questions, 1, 15)[-1]
    assert lesson is not None
    assert np.isinf(lesson.features).all()


def test_features_of_all_targets_are_kept_once_and_survive_as_arrays() -> None:
    ring, again = FeatureRing(2, 31), FeatureRing(2, 31, capacity=1)
    both = [Questions(ring, Target(horizon_minutes=minutes)) for minutes in (15, 30)]
    for questions in both:
        ask(questions, 0, [0, 1])
    again.load_arrays(ring.to_arrays())
    assert [questions.answer(at(1), SYMBOLS, np.zeros(4, np.int64)) for questions in both] == [None, None]
    lessons = [closes(questions, 2, last)[-1] for questions, last in zip(both, (15, 30), strict=True)]
    for lesson in lessons:
        assert lesson is not None
        assert lesson.features.tolist() == again.of(at(0), lesson.rows).tolist() == [[1.25, 1.5], [0.25, 0.5]]
    with pytest.raises(StateError, match="float32"):
        FeatureRing(2, 16).load_arrays(ring.to_arrays())


def test_pending_questions_survive_as_arrays() -> None:
    whole = fresh(capacity=2)
    saved: dict[str, np.ndarray] = {}
    for minute in range(30):
        bar(whole, minute, minute % 4, 100 + minute, 100 - minute)
        whole.answer(at(minute), SYMBOLS, np.zeros(len(SYMBOLS), np.int64))
        ask(whole, minute, [0, 2, 3])
    saved = whole.to_arrays()
    again = fresh(capacity=64)
    again.load_arrays(saved)
    again.ring.load_arrays(whole.ring.to_arrays())
    assert again.pending == whole.pending
    for minute in range(30, 50):
        bar(whole, minute, 0, 101.0, 99.0)
        bar(again, minute, 0, 101.0, 99.0)
        left, right = (
            whole.answer(at(minute), SYMBOLS, np.zeros(len(SYMBOLS), np.int64)),
            again.answer(at(minute), SYMBOLS, np.zeros(len(SYMBOLS), np.int64)),
        )
        assert (left is None) == (right is None)
        if left is not None and right is not None:
            assert all(np.array_equal(a, b) for a, b in zip(left, right, strict=True))


@pytest.mark.parametrize("other", [fresh(Target(horizon_minutes=20)), fresh(Target(horizon_minutes=5))])
def test_arrays_of_other_questions_are_refused_and_change_nothing(other: Questions) -> None:
    questions = fresh()
    ask(questions, 0, [1])
    with pytest.raises(StateError):
        questions.load_arrays(other.to_arrays())
    with pytest.raises(StateError):
        questions.load_arrays({})
    assert questions.pending == 1


def test_phases_are_half_hours_of_the_session() -> None:
    assert [phase_of(minute) for minute in (-5, 0, 29, 30, 389, 390, 9999)] == [0, 0, 0, 1, 12, 12, 12]
    assert PHASES == 13

"""Several questions at once, put to bars of which the answers are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import talib

from daemon.engine import rules
from daemon.engine.engine import Engine, Settings
from daemon.engine.plan import Plan
from daemon.engine.sessions import SessionTable
from daemon.engine.vocabulary import Vocabulary
from daemon.scoring.targets import Target, conditions
from streams.bars import MINUTE_MS, concat, empty

if TYPE_CHECKING:
    from daemon.scoring.questions import Lesson
    from daemon.scoring.view import View
    from streams.bars import BarBatch

OPEN = 1_736_173_800_000
AHEAD = (
    "(future_high > close + atr(14) or future_low < close - 2 * atr(14)) and future_close > low and future_volume > 250"
)
TARGETS = (
    Target("moves", horizon_minutes=5, threshold_atr=1.0),
    Target("up", "up_excursion", horizon_minutes=5, threshold_atr=1.0),
    Target("rises", "direction", horizon_minutes=3),
    Target("rose", "close > close[2]", horizon_minutes=2, where="close > 50 and volume > 0"),
    Target("ahead", AHEAD, horizon_minutes=4),
)


class Recorder:
    """A teacher that only listens."""

    def __init__(self) -> None:
        self.heard: list[Lesson] = []

    def teach(self, lesson: Lesson) -> None:
        self.heard.append(lesson)

    def view(self, minute_ms: int) -> View | None:  # noqa: ARG002 (a teacher is asked for a minute)
        return None


def bars_of(minutes: int = 90, symbols: int = 6, seed: int = 1, *, silent: float = 0.0) -> BarBatch:
    random = np.random.default_rng(seed)
    closes = 50 * np.exp(np.cumsum(random.normal(0, 0.002, (minutes, symbols)), axis=0))
    batches = []
    for m in range(minutes):
        for s in range(symbols):
            if s and random.random() < silent:
                continue
            batch = empty(1)
            batch.symbol[0] = f"S{s}".encode()
            batch.start_ms[0], batch.length_ms[0] = OPEN + m * MINUTE_MS, MINUTE_MS
            batch.arrival_ms[0] = OPEN + (m + 1) * MINUTE_MS
            close = closes[m, s]
            batch.values[:6, 0] = [close, close + 0.05, close - 0.05, close, 100.0, np.nan]
            batches.append(batch)
    return concat(batches)


def engine_of(teacher: Recorder) -> Engine:
    sessions = SessionTable(np.array([OPEN]), np.array([OPEN + 390 * MINUTE_MS]))
    ruleset = rules.load('[[rule]]\nname = "none"\nwhere = "close < 0"\n', "none")
    plan = Plan(
        ruleset, rules.features(["rsi(14)"]), asked=rules.conditions(conditions(TARGETS), Vocabulary(future=True))
    )
    return Engine(plan, sessions, teacher, Settings(targets=TARGETS))


@pytest.fixture(scope="module")
def bars() -> BarBatch:
    return bars_of()


def heard(bars: BarBatch, size: int = 50) -> list[Lesson]:
    teacher = Recorder()
    engine = engine_of(teacher)
    for at in range(0, bars.size, size):
        engine.step(bars.take(slice(at, at + size)))
    engine.advance(2**60)
    return teacher.heard


def plain(lessons: list[Lesson]) -> list[tuple[object, ...]]:
    return [
        (x.target, x.minute_ms, x.asked_ms, x.rows.tolist(), x.answer.tolist(), x.features.tobytes()) for x in lessons
    ]


def test_each_target_is_answered_at_its_own_horizon_as_the_bars_say(bars: BarBatch) -> None:
    lessons = heard(bars)
    close = bars.values[3].reshape(90, 6)
    for lesson in lessons:
        target = TARGETS[lesson.target]
        m = (lesson.asked_ms - OPEN) // MINUTE_MS
        assert lesson.minute_ms == lesson.asked_ms + target.horizon_minutes * MINUTE_MS
        now, after = close[m, lesson.rows], close[m + 1 : m + 1 + target.horizon_minutes, lesson.rows]
        if target.name == "rises":
            assert lesson.answer.tolist() == (after[-1] > now).tolist()
        elif target.name == "rose":
            assert lesson.answer.tolist() == (after[-1] > now).tolist()
            assert (now > 50).all()
        elif target.name == "up":
            assert not lesson.answer[after.max(axis=0) + 0.05 < now].any()
    moves, up = ([x for x in lessons if x.target == number] for number in (0, 1))
    assert all((a.answer >= b.answer).all() for a, b in zip(moves, up, strict=True))
    assert sum(x.answer.sum() for x in moves) > sum(x.answer.sum() for x in up) > 20
    assert {lesson.target for lesson in lessons} == {0, 1, 2, 3, 4}


@pytest.mark.parametrize("cut", [100, 205, 333])
def test_pending_questions_of_all_targets_survive_a_restart(bars: BarBatch, cut: int) -> None:
    first, second = Recorder(), Recorder()
    before, after = engine_of(first), engine_of(second)
    for at in range(cut):
        before.step(bars.take(slice(at, at + 1)))
    after.load_arrays({name: array.copy() for name, array in before.to_arrays().items()})
    for at in range(cut, bars.size):
        after.step(bars.take(slice(at, at + 1)))
    after.advance(2**60)
    assert plain([*first.heard, *second.heard]) == plain(heard(bars))


def test_nothing_asked_or_answered_until_a_minute_depends_on_what_comes_after_it(bars: BarBatch) -> None:
    cut_ms = OPEN + 60 * MINUTE_MS
    past, future = bars.take(bars.start_ms < cut_ms), bars.take(bars.start_ms >= cut_ms)
    future.values[:4] *= 3.0
    known = [plain([x]) for x in heard(bars) if x.minute_ms < cut_ms]
    assert len(known) > 100
    assert [plain([x]) for x in heard(concat([past, future])) if x.minute_ms < cut_ms] == known
    assert [plain([x]) for x in heard(past) if x.minute_ms < cut_ms] == known


def test_a_state_of_other_targets_is_refused(bars: BarBatch) -> None:
    engine = engine_of(Recorder())
    engine.step(bars)
    arrays = engine.to_arrays()
    other = engine_of(Recorder())
    with pytest.raises(Exception, match="targets"):
        other.load_arrays({**arrays, "engine/targets": np.zeros(3, np.uint8)})


def test_what_is_frozen_with_a_question_does_not_depend_on_what_comes_until_its_answer(bars: BarBatch) -> None:
    cut_ms = OPEN + 60 * MINUTE_MS
    past, future = bars.take(bars.start_ms < cut_ms), bars.take(bars.start_ms >= cut_ms)
    future.values[:4] *= np.random.default_rng(2).uniform(0.5, 2.0, future.size)

    def pending(bars: BarBatch) -> list[tuple[object, ...]]:
        lessons = [x for x in heard(bars) if x.asked_ms < cut_ms <= x.minute_ms]
        return [
            (x.target, x.asked_ms, x.base, x.rows.tolist(), x.features.tobytes(), x.score.tobytes()) for x in lessons
        ]

    assert len(pending(bars)) >= 5
    assert pending(concat([past, future])) == pending(bars)


@pytest.mark.parametrize("question", ["up_excursion", "direction"])
def test_a_state_from_before_there_were_targets_is_of_large_moves_only(bars: BarBatch, question: str) -> None:
    def engine(target: Target) -> Engine:
        plan = Plan(rules.load('[[rule]]\nname = "none"\nwhere = "close < 0"\n', "none"), rules.features(["rsi(14)"]))
        sessions = SessionTable(np.array([OPEN]), np.array([OPEN + 390 * MINUTE_MS]))
        return Engine(plan, sessions, Recorder(), Settings(targets=(target,)))

    before = engine(Target())
    before.step(bars)
    arrays = {name: array.copy() for name, array in before.to_arrays().items() if name != "engine/targets"}
    engine(Target()).load_arrays(arrays)
    with pytest.raises(Exception, match="targets"):
        engine(Target(question=question)).load_arrays(arrays)


def test_a_condition_of_the_future_is_answered_by_the_bars_of_the_window_wherever_they_are() -> None:
    bars, teacher = bars_of(silent=0.4, seed=5), Recorder()
    engine = engine_of(teacher)
    engine.step(bars)
    engine.advance(2**60)
    lessons = [lesson for lesson in teacher.heard if TARGETS[lesson.target].name == "ahead"]
    answers = []
    for lesson in lessons:
        for row, answer in zip(lesson.rows.tolist(), lesson.answer.tolist(), strict=True):
            own = bars.take(bars.symbol == engine.symbols.symbols[row])
            after_ms = own.start_ms - lesson.asked_ms
            window = own.take((after_ms > 0) & (after_ms <= 4 * MINUTE_MS)).values
            known = own.take(own.start_ms <= lesson.asked_ms).values
            atr = talib.ATR(known[1], known[2], known[3], 14)[-1]
            close, low = known[3, -1], known[2, -1]
            holds = bool(
                window.size
                and (window[1].max() > close + atr or window[2].min() < close - 2 * atr)
                and window[3, -1] > low
                and window[4].sum() > 250
            )
            answers.append((holds, answer))
    assert all(holds == answer for holds, answer in answers)
    assert 30 < sum(answer for _, answer in answers) < len(answers) - 30


def test_a_condition_is_answered_only_where_every_minute_of_the_window_had_a_bar() -> None:
    bars, teacher = bars_of(silent=0.4), Recorder()
    engine = engine_of(teacher)
    engine.step(bars)
    engine.advance(2**60)
    traded = set(zip(bars.symbol.tolist(), bars.start_ms.tolist(), strict=True))
    asked = [lesson for lesson in teacher.heard if TARGETS[lesson.target].name == "rose"]
    for lesson in asked:
        symbols = engine.symbols.symbols[lesson.rows].tolist()
        assert all((one, lesson.asked_ms + k * MINUTE_MS) in traded for one in symbols for k in (1, 2))
    assert sum(len(lesson.rows) for lesson in asked) > 20
    assert engine.learning.lapsed > 20

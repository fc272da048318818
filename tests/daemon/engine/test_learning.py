"""How good the engine's scores have been is told of its lessons, and goes on after a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from daemon.engine import rules
from daemon.engine.engine import Engine, Settings
from daemon.engine.plan import Plan
from daemon.engine.sessions import SessionTable
from streams.bars import MINUTE_MS
from tests.daemon.engine.test_engine import DAY, FEATURES, OPEN, RULES, engine_of, run, wander

if TYPE_CHECKING:
    from daemon.scoring.questions import Lesson


@pytest.fixture(scope="module")
def sessions() -> SessionTable:
    opens = np.array([OPEN + day * DAY for day in range(5)])
    return SessionTable(opens, opens + 390 * MINUTE_MS)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan(rules.load(RULES, "test.toml"), rules.features(FEATURES))


def heard(engine: Engine) -> list[Lesson]:
    """Lessons that the engine has given."""
    lessons: list[Lesson] = engine.learning._teacher.heard  # type: ignore[attr-defined]
    return lessons


def test_every_answered_question_is_judged_once(plan: Plan, sessions: SessionTable) -> None:
    engine = engine_of(plan, sessions)
    run(engine, wander(9, 120), 100)
    (told,) = engine.learning.figures()
    quality, lessons = engine.learning.judge.quality(), heard(engine)
    assert told.lessons == len(lessons)
    assert told.questions + told.unscored == sum(len(lesson.answer) for lesson in lessons)
    assert (told.questions, told.unscored, told.base_rate) == (quality.questions, quality.unscored, quality.base_rate)
    assert told.log_loss == pytest.approx(quality.log_loss)
    assert told.base_log_loss == pytest.approx(quality.base_log_loss)
    assert told.auc == pytest.approx(quality.auc, abs=2e-3)
    assert [part.number for part in told.by_phase] == [1, 2, 3]  # in the first half hour there was no view


def test_a_stop_and_start_changes_no_figure(plan: Plan, sessions: SessionTable) -> None:
    bars = wander(9, 120)
    whole, first = engine_of(plan, sessions), engine_of(plan, sessions)
    run(whole, bars, 100)
    first.step(bars.take(slice(0, 700)))
    second = Engine(plan, sessions, first.learning._teacher, Settings())
    second.load_arrays({name: array.copy() for name, array in first.to_arrays().items()})
    run(second, bars.take(slice(700, None)), 100)
    assert second.learning.figures() == whole.learning.figures()


def test_a_state_of_before_there_were_cards_is_taken_and_the_card_begins_anew(
    plan: Plan, sessions: SessionTable
) -> None:
    first = engine_of(plan, sessions)
    run(first, wander(9, 60), 100)
    saved = {name: array for name, array in first.to_arrays().items() if not name.startswith("card/")}
    second = Engine(plan, sessions, first.learning._teacher, Settings())
    second.load_arrays(saved)
    assert second.learning.judge.quality() == first.learning.judge.quality()
    assert second.learning.figures()[0].lessons == 0


def test_without_features_there_is_no_model_to_tell_of(sessions: SessionTable) -> None:
    engine = engine_of(Plan(rules.load(RULES, "test.toml"), ()), sessions)
    assert engine.learning.figures() == []

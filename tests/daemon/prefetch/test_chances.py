from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from daemon.clock import SystemClock
from daemon.prefetch import chances as module
from daemon.prefetch.chances import FEATURES, Chances, prior, prior_arrays
from daemon.prefetch.demand import COLUMNS
from daemon.prefetch.plan import HORIZON_MS, MINUTE_MS
from daemon.scoring.link import Link
from tests.fakes.program import environment
from tests.fakes.teacher import ModelTeacher

if TYPE_CHECKING:
    from pathlib import Path

    from streams.types import Floats

T0 = 1_736_000_000_000 // MINUTE_MS * MINUTE_MS
SYMBOLS = np.array([f"S{i}" for i in range(40)], "S16")


def columns(**known: float) -> Floats:
    return np.array([[known.get(name, np.nan) for name in COLUMNS]])


def market(random: np.random.Generator) -> Floats:
    """Candidates of which nothing tells more than chance."""
    return random.random((len(SYMBOLS), len(COLUMNS)))


def test_before_anything_is_learned_score_and_nearness_tell() -> None:
    chances = Chances(ModelTeacher(FEATURES, prior()))
    (usual,) = chances.of(columns())
    assert usual == pytest.approx(0.0474, abs=1e-3)
    assert chances.of(columns(score=0.9))[0] > usual > chances.of(columns(score=0.1))[0]
    assert chances.of(columns(distance=0.1))[0] > usual > chances.of(columns(distance=1.0))[0]


def test_it_learns_from_what_was_needed_what_makes_a_need_likely() -> None:
    """Only the loud sector is ever asked about, whatever score and distance say."""
    random, teacher = np.random.default_rng(3), ModelTeacher(FEATURES, prior())
    chances = Chances(teacher)
    place = COLUMNS.index("sector")
    for minute in range(0, 1_600 * 40, 40):  # rounds apart, so that needs answer one round each
        now_ms = T0 + minute * MINUTE_MS
        seen = market(random)
        chances.learn(now_ms)
        chances.ask(SYMBOLS, seen, now_ms)
        for number in np.flatnonzero(seen[:, place] > 0.8).tolist():
            chances.needed(bytes(SYMBOLS[number]), now_ms + MINUTE_MS)
    test = market(random)
    chance = chances.of(test)
    needed = test[:, place] > 0.8
    assert chance[needed].min() > chance[~needed & (test[:, place] < 0.5)].max()
    assert chances.answered == 1_599 * len(SYMBOLS)


@pytest.mark.parametrize(("after_ms", "used"), [(0, False), (1, True), (HORIZON_MS, True), (HORIZON_MS + 1, False)])
def test_a_need_after_the_question_and_within_half_an_hour_answers_it(after_ms: int, used: bool) -> None:
    teacher = ModelTeacher(FEATURES, prior())
    chances = Chances(teacher)
    chances.ask(SYMBOLS[:2], market(np.random.default_rng(1))[:2], T0)
    chances.needed(b"S1", T0 + after_ms)
    assert chances.learn(T0 + HORIZON_MS) == 0
    assert chances.learn(T0 + HORIZON_MS + 1) == 2
    assert [lesson.answer.tolist() for lesson in teacher.lessons] == [[False, used]]


def test_questions_and_needs_are_bounded_and_what_gives_way_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_PENDING", 2)
    monkeypatch.setattr(module, "MOST_NEEDS", 2)
    chances = Chances(ModelTeacher(FEATURES, prior()))
    for minute in range(3):
        chances.ask(SYMBOLS, market(np.random.default_rng(1)), T0 + minute)
        chances.needed(b"S1", T0 + minute)
    assert (chances.pending, chances.unanswered, chances.forgotten) == (2, 1, 1)


def test_a_learners_process_goes_on_from_the_prior() -> None:
    with Link(FEATURES, SystemClock(), patience_s=50.0) as link:
        link.load_arrays(prior_arrays())
        here = ModelTeacher(FEATURES, prior())
        both = [Chances(link), Chances(here)]
        random = np.random.default_rng(5)
        for chances in both:
            chances.ask(SYMBOLS, market(np.random.default_rng(5)), T0)
            chances.needed(b"S7", T0 + MINUTE_MS)
            chances.learn(T0 + 2 * HORIZON_MS)
        some = market(random)
        np.testing.assert_array_equal(both[0].of(some), both[1].of(some))
        assert (both[0].of(some) != prior().score(some)).any()


def test_whoever_prefetches_does_not_import_what_learns(tmp_path: Path) -> None:
    program = (
        "import sys, daemon.prefetch.prefetcher, daemon.prefetch.chances, daemon.prefetch.candidates;"
        "sys.exit(bool({'river', 'pandas'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", program], env=environment(tmp_path), check=False).returncode == 0

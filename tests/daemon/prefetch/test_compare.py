from __future__ import annotations

import numpy as np
import pytest

from daemon.prefetch.chances import FEATURES, Chances, prior
from daemon.prefetch.compare import Blind, Idle, Minute, Ours, TopByScore, run
from daemon.prefetch.demand import Candidates
from daemon.prefetch.plan import KINDS, MINUTE_MS
from tests.fakes.teacher import ModelTeacher

T0 = 1_736_000_000_000 // MINUTE_MS * MINUTE_MS
SYMBOLS = np.array([f"S{i:02}" for i in range(60)], "S16")
BUDGET = 60.0


def market(minutes: int, *, loudest: bool) -> list[Minute]:
    """Every tenth minute one symbol has an alert: the one of the highest score, or the lowest."""
    random = np.random.default_rng(2)
    score = np.sort(random.random(len(SYMBOLS)))[::-1].copy()
    blank, sector = np.full(len(SYMBOLS), np.nan), np.zeros(len(SYMBOLS), np.int64)
    some = Candidates(SYMBOLS, score, blank, blank, blank, sector)
    place = 0 if loudest else -1
    alerted = [SYMBOLS[[place]] if minute % 10 == 9 else SYMBOLS[:0] for minute in range(minutes)]
    return [Minute(T0 + i * MINUTE_MS, some, one, np.zeros(len(one), np.int64)) for i, one in enumerate(alerted)]


def ours() -> Ours:
    return Ours(BUDGET, Chances(ModelTeacher(FEATURES, prior())), sectors=1)


def test_without_prefetch_nothing_is_spent_and_only_what_was_fetched_before_is_ready() -> None:
    outcome = run(Idle(), market(100, loudest=True))
    assert (outcome.figures.calls, outcome.figures.hits, outcome.figures.saved_ms) == (0, 0, 0)
    assert outcome.alerts == 10
    assert 0 < outcome.enriched < 10
    assert outcome.figures.needs == 10 * len(KINDS)


@pytest.mark.parametrize("way", ["random", "top", "ours"])
def test_every_way_keeps_to_the_same_budget(way: str) -> None:
    ways = {"random": Blind(BUDGET, np.random.default_rng(1)), "top": TopByScore(BUDGET), "ours": ours()}
    outcome = run(ways[way], market(300, loudest=True))
    assert 0 < outcome.figures.calls <= 299
    assert outcome.figures.saved_ms == pytest.approx(119.0 * outcome.figures.hits)


def test_where_scores_tell_the_top_by_score_is_there_at_once() -> None:
    assert run(TopByScore(BUDGET), market(200, loudest=True)).enriched == 20


def test_where_scores_mislead_ours_learns_it() -> None:
    minutes = market(600, loudest=False)
    assert run(TopByScore(BUDGET), minutes).figures.hits < run(ours(), minutes).figures.hits


def test_two_alerts_in_a_minute_do_not_help_each_other() -> None:
    minutes = market(10, loudest=True)
    twice = minutes[-1]._replace(alerted=SYMBOLS[[0, 0]], sectors=np.zeros(2, np.int64))
    assert run(Idle(), [*minutes[:-1], twice]).enriched == 0

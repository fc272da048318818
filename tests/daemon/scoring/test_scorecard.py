"""Figures of a scorecard equal those of slow twins, stay finite, and go on after a restart."""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.scoring.errors import StateError
from daemon.scoring.scorecard import (
    CALIBRATION_BINS,
    CERTAIN,
    DAY_MS,
    GROUP_FULL,
    ROLLING,
    SESSIONS,
    Grade,
    Scorecard,
    session_day,
)

if TYPE_CHECKING:
    from streams.types import Flags, Floats


def open_ms(day: int) -> int:
    """Half past two in the afternoon, UTC."""
    return day * DAY_MS + 52_200_000


class Minute(NamedTuple):
    """Arguments of `Scorecard.add`."""

    probability: Floats
    answer: Flags
    base: float = 0.3
    phase: int = 0
    sector: int | np.ndarray = 0
    day: int = 20_000


def card(*minutes: Minute) -> Scorecard:
    made = Scorecard()
    for one in minutes:
        sector = np.broadcast_to(np.asarray(one.sector, np.int64), len(one.answer))
        rest: dict[str, Any] = {
            "base": one.base,
            "phase": one.phase,
            "sector": sector,
            "asked_ms": open_ms(one.day),
        }
        made.add(one.probability, one.answer, **rest)
    return made


def market(seed: int, n: int, lean: float = -1.0, spread: float = 1.0, truth: float = 1.0) -> tuple[Floats, Flags]:
    """Probabilities, and answers whose true logit is `truth` times as far from 0 as predicted."""
    random = np.random.default_rng(seed)
    logit = random.normal(lean, spread, n)
    return 1 / (1 + np.exp(-logit)), random.random(n) < 1 / (1 + np.exp(-truth * logit))


def exact_auc(score: Floats, answer: Flags) -> float:
    """By ranks, equal scores sharing theirs."""
    _, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    yes = int(answer.sum())
    return float((ranks[answer].sum() - yes * (yes + 1) / 2) / (yes * (len(answer) - yes)))


def exact_loss(score: Floats, answer: Flags) -> float:
    right = [p if yes else 1 - p for p, yes in zip(score, answer, strict=True)]
    return math.fsum(-math.log(max(p, CERTAIN)) for p in right) / len(right)


def exact_calibration_error(score: Floats, answer: Flags) -> float:
    order = np.argsort(score)
    parts = np.array_split(order, CALIBRATION_BINS)
    return sum(len(part) * abs(score[part].mean() - answer[part].mean()) for part in parts) / len(score)


@pytest.mark.parametrize(
    ("lean", "spread"), [(-1.0, 0.8), (-5.0, 1.0), (0.0, 0.2), (0.5, 3.0)], ids=["usual", "rare", "timid", "bold"]
)
def test_figures_equal_those_of_slow_twins(lean: float, spread: float) -> None:
    score, answer = market(7, 40_000, lean, spread, 0.7)
    parts = np.array_split(np.arange(40_000), 50)
    grade = card(
        *(Minute(score[part], answer[part], phase=i % 13, day=i) for i, part in enumerate(parts))
    ).since_start()
    assert (grade.questions, grade.unscored) == (40_000, 0)
    assert grade.base_rate == pytest.approx(answer.mean())
    assert grade.log_loss == pytest.approx(exact_loss(score, answer))
    assert grade.base_log_loss == pytest.approx(exact_loss(np.full(40_000, 0.3), answer))
    assert grade.brier == pytest.approx(((score - answer) ** 2).mean())
    assert grade.base_brier == pytest.approx(((0.3 - answer) ** 2).mean())
    assert grade.auc == pytest.approx(exact_auc(score, answer), abs=1e-3)
    assert grade.calibration_error == pytest.approx(exact_calibration_error(score, answer), abs=2e-3)
    assert grade.precision_top == pytest.approx(answer[np.argsort(-score)[:400]].mean(), abs=0.01)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), n=st.integers(50, 2_000), lean=st.floats(-4, 4), spread=st.floats(0.3, 4))
def test_any_market_is_ranked_as_by_the_slow_twin(seed: int, n: int, lean: float, spread: float) -> None:
    score, answer = market(seed, n, lean, spread)
    answer[:2] = True, False
    grade = card(Minute(score, answer)).since_start()
    assert grade.auc == pytest.approx(
        exact_auc(score, answer), abs=max(1e-3, 0.5 / answer.sum(), 0.5 / (~answer).sum())
    )
    assert grade.log_loss == pytest.approx(exact_loss(score, answer))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 1.0, 1e-300, 1e308, -5.0, 0.5]),
            st.booleans(),
            st.integers(-3, 99),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_whatever_a_model_says_figures_stay_finite(said: list[tuple[float, bool, int]]) -> None:
    score, answer, sector = (np.array(column) for column in zip(*said, strict=True))
    made = card(Minute(score, answer, sector=sector), Minute(np.array([0.2, 0.9]), np.array([False, True])))
    for grade in (made.since_start(), made.rolling()):
        assert all(math.isfinite(figure) for figure in grade)
    assert all(math.isfinite(figure) for group in made.by_sector() for figure in group[:-1])
    Scorecard().load_arrays(made.to_arrays())


def test_nothing_judged_gives_no_figures() -> None:
    empty = card()
    for grade in (empty.since_start(), empty.rolling()):
        assert grade[:2] == (0, 0)
        assert np.isnan(grade[2:]).all()
    assert empty.calibration() == empty.by_phase() == empty.by_sector() == empty.sessions() == []


def test_questions_without_a_score_are_counted_and_nothing_else() -> None:
    made = card(Minute(np.array([np.nan, 0.5, np.nan]), np.array([True, True, False]), day=3))
    assert made.since_start()[:3] == (1, 2, 1.0)
    assert made.minutes == 1
    assert [(one.day, one.questions) for one in made.sessions()] == [(3, 1)]


def test_a_session_in_which_nothing_was_scored_has_no_loss() -> None:
    assert card(Minute(np.full(3, np.nan), np.ones(3, np.bool_))).sessions() == []


def test_answers_of_one_kind_have_no_auc() -> None:
    grade = card(Minute(np.array([0.1, 0.6]), np.array([True, True]))).since_start()
    assert math.isnan(grade.auc)
    assert grade.precision_top == 1.0


def test_calibration_bins_hold_as_many_each_and_their_exact_means() -> None:
    score, answer = market(3, 20_000)
    table = card(Minute(score, answer)).calibration()
    assert len(table) == CALIBRATION_BINS
    assert sum(one.questions for one in table) == 20_000
    assert all(800 < one.questions < 1200 for one in table)
    assert sum(one.questions * one.predicted for one in table) == pytest.approx(score.sum())
    assert sum(one.questions * one.share for one in table) == pytest.approx(answer.sum())


def test_one_and_the_same_probability_is_one_calibration_bin_told_exactly() -> None:
    (one,) = card(Minute(np.full(1000, 0.35), np.arange(1000) < 300)).calibration()
    assert one == pytest.approx((0.35, 0.3, 1000))


def test_phases_and_sectors_have_figures_of_their_own() -> None:
    score, answer = market(11, 30_000)
    sector = np.arange(30_000) % 3 * 30
    halves = np.arange(30_000) < 10_000
    made = card(
        Minute(score[halves], answer[halves], 0.2, 4, sector[halves]),
        Minute(score[~halves], answer[~halves], 0.4, 12, sector[~halves]),
    )
    assert [one.number for one in made.by_phase()] == [4, 12]
    assert [one.number for one in made.by_sector()] == [0, 30, 60]
    groups = [
        *zip(made.by_phase(), (halves, ~halves), strict=True),
        *zip(made.by_sector(), (sector == number for number in (0, 30, 60)), strict=True),
    ]
    for told, chosen in groups:
        base = np.where(halves, 0.2, 0.4)[chosen]
        assert told.questions == chosen.sum()
        assert told.base_rate == pytest.approx(answer[chosen].mean())
        assert told.log_loss == pytest.approx(exact_loss(score[chosen], answer[chosen]))
        assert told.base_log_loss == pytest.approx(exact_loss(base, answer[chosen]))
        assert told.auc == pytest.approx(exact_auc(score[chosen], answer[chosen]), abs=0.01)


def test_a_sector_number_that_no_card_has_counts_as_unknown() -> None:
    made = card(Minute(np.full(3, 0.5), np.ones(3, np.bool_), sector=np.array([-1, 64, 2**40])))
    assert [(one.number, one.questions) for one in made.by_sector()] == [(0, 3)]


def test_rolling_figures_are_those_of_a_card_that_began_with_the_last_sessions() -> None:
    days = [market(seed, 3_000, -1 + seed / 10) for seed in range(9)]
    minutes = [Minute(*day, day=7 * number) for number, day in enumerate(days)]
    rolling, younger = card(*minutes).rolling(), card(*minutes[-ROLLING:]).since_start()
    assert rolling == pytest.approx(younger, abs=1e-4)
    assert rolling.auc == younger.auc


def test_sessions_are_told_with_their_losses_and_the_oldest_are_forgotten() -> None:
    days = [market(seed, 50) for seed in range(SESSIONS + 6)]
    made = card(*(Minute(*day, day=number) for number, day in enumerate(days)))
    told = made.sessions()
    assert [one.day for one in told] == list(range(6, SESSIONS + 6))
    assert [one.log_loss for one in told] == pytest.approx([exact_loss(*day) for day in days[6:]])
    assert made.since_start().questions == 50 * (SESSIONS + 6)


def test_a_group_that_runs_full_is_halved_and_keeps_its_ranks() -> None:
    made = card(Minute(*market(1, 1_000)))
    before = made.by_phase()[0].auc
    arrays = made.to_arrays()
    arrays["group_bins"][0] *= GROUP_FULL // int(arrays["group_bins"][0].max())
    made.load_arrays(arrays)
    for _ in range(3):
        made.add(*market(2, 1_000), base=0.3, phase=0, sector=np.zeros(1_000, np.int64), asked_ms=open_ms(20_000))
    assert GROUP_FULL // 4 < made.to_arrays()["group_bins"][0].max() < GROUP_FULL
    assert made.by_phase()[0].auc == pytest.approx(before, abs=1e-4)


def test_a_card_goes_on_where_it_left_off() -> None:
    minutes = [Minute(*market(seed, 200), phase=seed % 13, sector=seed, day=seed // 2) for seed in range(20)]
    whole, half = card(*minutes), card(*minutes[:10])
    later = Scorecard()
    later.load_arrays(half.to_arrays())
    for one in minutes[10:]:
        sector = np.full(200, one.sector, np.int64)
        later.add(one.probability, one.answer, base=0.3, phase=one.phase, sector=sector, asked_ms=open_ms(one.day))
    for name, array in whole.to_arrays().items():
        assert np.array_equal(array, later.to_arrays()[name]), name


def test_a_card_is_small() -> None:
    assert sum(array.nbytes for array in Scorecard().to_arrays().values()) < 100_000


@pytest.mark.parametrize("name", list(Scorecard().to_arrays()))
@pytest.mark.parametrize("damage", ["absent", "shape", "type", "below 0"])
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(name: str, damage: str) -> None:
    made = card(Minute(*market(1, 100)))
    before = made.to_arrays()
    arrays = card(Minute(*market(2, 100))).to_arrays()
    if damage == "absent":
        del arrays[name]
    elif damage == "shape":
        arrays[name] = arrays[name][:0]
    elif damage == "type":
        arrays[name] = arrays[name].astype(np.float32)
    else:
        arrays[name].flat[0] = -1
    with pytest.raises(StateError, match=name):
        made.load_arrays(arrays)
    assert all(np.array_equal(array, made.to_arrays()[key]) for key, array in before.items())


def test_a_state_that_is_not_finite_is_refused() -> None:
    arrays = card(Minute(*market(2, 100))).to_arrays()
    arrays["sums"][3] = np.nan
    with pytest.raises(StateError, match="sums"):
        Scorecard().load_arrays(arrays)


def test_a_minute_without_questions_begins_no_session() -> None:
    made = card(Minute(np.zeros(0), np.zeros(0, np.bool_)))
    assert made.since_start() == pytest.approx(Grade(0, 0, *[math.nan] * 8), nan_ok=True)
    assert made.to_arrays()["begun"][0] == made.minutes == 0


@pytest.mark.parametrize("day", ["2024-01-12", "2024-07-12"])
def test_a_session_with_its_hours_before_and_after_is_one(day: str) -> None:
    """In winter those after it end at 1 in the morning, UTC."""
    start_ms = (
        int(datetime.fromisoformat(f"{day}T04:00").replace(tzinfo=ZoneInfo("America/New_York")).timestamp()) * 1000
    )
    made = Scorecard()
    for minute in range(0, 16 * 60, 60):
        one = np.full(1, 0.5)
        asked_ms = start_ms + minute * 60_000
        made.add(one, one > 0, base=0.5, phase=0, sector=np.zeros(1, np.int64), asked_ms=asked_ms)
    (session,) = made.sessions()
    assert (np.datetime64(0, "D") + session.day).astype(str) == day
    assert session_day(start_ms + 40 * 3_600_000) == session.day + 1

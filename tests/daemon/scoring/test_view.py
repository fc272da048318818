from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pytest

from daemon.scoring.errors import StateError
from daemon.scoring.model import Model
from daemon.scoring.scaling import Moments
from daemon.scoring.view import View, from_arrays, to_arrays, untaught
from tests.daemon.scoring.lessons import NAMES, lessons

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WILD = np.array([np.nan, np.inf, -np.inf, 1e308, -1e308, 1e9, 1e10, 0.0, 3.25, -7.0])


def rivers_own(model: Model, names: tuple[str, ...], features: np.ndarray) -> list[float]:
    rows = (dict(zip(names, row, strict=True)) for row in features.tolist())
    return [model.pipeline.predict_proba_one(row)[True] for row in rows]


def test_scores_equal_rivers_own_after_any_number_of_updates() -> None:
    random = np.random.default_rng(3)
    model = Model(NAMES)
    for number, lesson in enumerate(lessons(150)):
        view = model.learn(lesson.minute_ms, lesson.features, lesson.answer)
        if number in {0, 1, 2, 10, 149}:
            features = random.normal(1.0, 3.0, (200, len(NAMES)))
            features[:100][random.random((100, len(NAMES))) < 0.3] = random.choice(WILD, 1)
            features[: len(WILD)] = WILD[:, None]
            assert view.score(features) == pytest.approx(rivers_own(model, NAMES, features), abs=1e-9)


def test_scores_equal_rivers_own_on_real_minutes(data_file: Callable[[str], Path]) -> None:
    bars = duckdb.read_parquet(str(data_file("minute_2025_01.parquet"))).filter("symbol = 'NVDA'").order("ts")
    columns = bars.project("close, high, low, volume").fetchnumpy().values()
    close, high, low, volume = (column.astype(np.float64) for column in columns)
    names = ("move", "range", "volume", "price")
    ratio = close[1:] / close[:-1]
    features = np.column_stack([np.log(ratio), (high - low)[1:] / close[1:], np.log(volume[1:]), close[1:]])
    model = Model(names)
    for batch in np.array_split(features[:4000], 100):
        view = model.learn(0, batch, batch[:, 0] > 0)
    assert view.score(features[4000:4500]) == pytest.approx(rivers_own(model, names, features[4000:4500]), abs=1e-9)


def test_a_model_that_has_learned_nothing_scores_one_half() -> None:
    assert untaught(4).score(np.random.default_rng(1).normal(size=(3, 4))).tolist() == [0.5] * 3


def test_columns_in_either_order_of_memory_score_the_same() -> None:
    view = taught()
    features = np.random.default_rng(2).normal(size=(50, len(NAMES)))
    assert np.array_equal(view.score(features), view.score(np.asfortranarray(features)))


def test_contributions_and_intercept_sum_to_the_logit() -> None:
    view = taught()
    features = np.random.default_rng(2).normal(size=(50, len(NAMES)))
    features[3, 2] = np.nan
    score = view.score(features)
    logit = view.intercept + view.contributions(features).sum(axis=1)
    assert logit == pytest.approx(np.log(score / (1 - score)))


def test_the_farthest_logits_still_give_probabilities() -> None:
    moments = Moments(np.full(40, 9.0), np.zeros(40), np.ones(40))
    for sign in (-100.0, 100.0):
        view = View(0, 9, 0, 0, sign, np.full(40, sign), moments)
        assert 0.0 <= view.score(np.full((1, 40), 5.0))[0] <= 1.0


def test_views_survive_as_arrays_bit_for_bit() -> None:
    views = [untaught(len(NAMES)), taught()]
    again = from_arrays(to_arrays(views, len(NAMES)), len(NAMES))
    for before, after in zip(views, again, strict=True):
        assert before[:5] == after[:5]
        assert before.weights.tobytes() == after.weights.tobytes()
        assert np.array(before.moments).tobytes() == np.array(after.moments).tobytes()


@pytest.mark.parametrize("poison", [np.nan, np.inf, 1e300])
def test_a_state_that_no_model_can_have_is_refused(poison: float) -> None:
    arrays = to_arrays([taught()], len(NAMES))
    arrays["numbers"][0, 1] = poison
    with pytest.raises(StateError, match="no model"):
        from_arrays(arrays, len(NAMES))


def test_a_state_of_another_shape_is_refused() -> None:
    arrays = to_arrays([taught()], len(NAMES))
    for broken in ({}, {"counts": arrays["counts"]}, {**arrays, "counts": arrays["counts"][0]}):
        with pytest.raises(StateError, match="views need"):
            from_arrays(broken, len(NAMES))
    with pytest.raises(StateError, match="numbers"):
        from_arrays(arrays, len(NAMES) + 1)


def taught() -> View:
    model = Model(NAMES)
    for lesson in lessons(20):
        view = model.learn(lesson.minute_ms, lesson.features, lesson.answer)
    return view

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pytest

from daemon.scoring.errors import StateError
from daemon.scoring.model import Model
from daemon.scoring.recipes import DEFAULT_LADDER, Course, Recipe
from daemon.scoring.scaling import Moments
from daemon.scoring.view import Additive, View, from_arrays, level, untaught
from tests.daemon.scoring.lessons import NAMES, lessons, questions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WILD = np.array([np.nan, np.inf, -np.inf, 1e308, -1e308, 1e9, 1e10, 0.0, 3.25, -7.0])
MIXED = (Recipe("logistic"), Recipe("trees", "hoeffding-tree"), Recipe("ad", "adpredictor"))
ONE = Course("x", recipes=(Recipe("logistic"),), memory_rows=1_000)


def taught(course: Course = ONE, count: int = 60) -> View:
    model = Model(NAMES, course)
    for lesson in lessons(count):
        view = model.learn(questions(lesson))
    return view


def rivers_own(model: Model, names: tuple[str, ...], features: np.ndarray) -> list[float]:
    pipeline = model.scaler | model.members[0].regression  # type: ignore[attr-defined]
    return [pipeline.predict_proba_one(dict(zip(names, row, strict=True)))[True] for row in features.tolist()]


def test_scores_equal_those_of_rivers_pipeline_after_any_number_of_updates() -> None:
    random, model = np.random.default_rng(3), Model(NAMES, ONE)
    for number, lesson in enumerate(lessons(150)):
        view = model.learn(questions(lesson))
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
    model, lesson = Model(names, ONE), next(lessons(1))
    for batch in np.array_split(features[:4000], 100):
        answer, score = batch[:, 0] > 0, np.full(len(batch), np.nan)
        asked = lesson._replace(features=batch, answer=answer, score=score, sector=np.zeros(len(batch), np.int64))
        view = model.learn(questions(asked))
    assert view.score(features[4000:4500]) == pytest.approx(rivers_own(model, names, features[4000:4500]), abs=1e-9)


def test_a_model_that_has_learned_nothing_scores_one_half() -> None:
    assert untaught(4).score(np.random.default_rng(1).normal(size=(3, 4))).tolist() == [0.5] * 3


def test_columns_in_either_order_of_memory_score_the_same() -> None:
    view = taught()
    features = np.random.default_rng(2).normal(size=(50, len(NAMES)))
    assert np.array_equal(view.score(features), view.score(np.asfortranarray(features)))


@pytest.mark.parametrize("recipes", [tuple(DEFAULT_LADDER), MIXED])
def test_contributions_and_intercept_sum_to_the_logit(recipes: tuple[Recipe, ...]) -> None:
    view = taught(Course("x", recipes=recipes, memory_rows=1_000))
    features = np.random.default_rng(2).normal(size=(50, len(NAMES)))
    features[3, 2] = np.nan
    score = view.score(features)
    logit = view.intercept + view.contributions(features).sum(axis=1)
    assert logit == pytest.approx(np.log(score / (1 - score)))
    assert view.contributions(features)[:, -1].any() == bool(view.others)


def test_the_farthest_logits_still_give_probabilities() -> None:
    moments = Moments(np.full(40, 9.0), np.zeros(40), np.ones(40))
    for sign in (-100.0, 100.0):
        view = View(0, 9, moments, level(40, sign)._replace(slopes=np.full(40, sign)))
        assert 0.0 <= view.score(np.full((1, 40), 5.0))[0] <= 1.0


@pytest.mark.parametrize("kind", ["logistic", "hoeffding-tree", "adpredictor"])
def test_views_survive_as_arrays_bit_for_bit(kind: str) -> None:
    view = taught(Course("x", recipes=(Recipe("a"), Recipe("b", kind)), memory_rows=1_000))  # type: ignore[arg-type]
    again = from_arrays(view.to_arrays(), len(NAMES))
    features = np.random.default_rng(2).normal(size=(50, len(NAMES)))
    assert again.score(features).tobytes() == view.score(features).tobytes()
    assert (again.champion, again.minute_ms, again.lessons) == (view.champion, view.minute_ms, view.lessons)


@pytest.mark.parametrize(
    ("name", "hostile"),
    [
        ("slopes", np.full(6, np.nan)),
        ("slopes", np.full(6, 1e6)),
        ("slopes", np.zeros(5)),
        ("slopes", np.zeros(6, np.float32)),
        ("moments", np.full((3, 6), -1.0)),
        ("moments", np.full((3, 6), np.inf)),
        ("table", np.full((6, 13), np.nan)),
        ("intercept", np.array([np.inf])),
        ("weights", np.array([1.0])),
        ("counts", np.zeros(3, np.int64)),
    ],
)
def test_arrays_that_no_model_can_have_are_refused(name: str, hostile: np.ndarray) -> None:
    arrays = taught().to_arrays()
    with pytest.raises(StateError):
        from_arrays({**arrays, name: hostile}, len(NAMES))
    with pytest.raises(StateError):
        from_arrays({key: array for key, array in arrays.items() if key != name}, len(NAMES))


def test_a_curve_is_level_beyond_its_outer_knots() -> None:
    moments = Moments(np.full(1, 9.0), np.zeros(1), np.ones(1))
    view = View(0, 1, moments, Additive(0.0, np.zeros(1), np.arange(13.0)[None]))
    logits = np.log(view.score(np.array([[-5.0], [-2.5], [0.0], [2.5], [5.0], [np.nan]])))
    odds = np.exp(logits) / (1 - np.exp(logits))
    assert np.log(odds) == pytest.approx([0.0, 0.0, 6.0, 12.0, 12.0, 6.0], abs=1e-6)

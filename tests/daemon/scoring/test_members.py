from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import numpy as np
import pandas as pd
import pytest
from river import linear_model, optim

from daemon.scoring import members
from daemon.scoring.basis import ClippedScaler, Knots
from daemon.scoring.errors import StateError
from daemon.scoring.members import MOST_DEPTH, ByRow, Regression, member
from daemon.scoring.memory import Batch
from daemon.scoring.recipes import Kind, Recipe
from daemon.scoring.scaling import Moments, scaled
from daemon.scoring.trees import Forest
from daemon.scoring.view import chance_of
from tests.daemon.scoring.lessons import NAMES, lessons

if TYPE_CHECKING:
    from daemon.scoring.members import Member

PLAIN_MOMENTS = Moments(np.full(6, 9.0), np.zeros(6), np.ones(6))
"""Under these a scaled value is itself."""

RECIPES = [
    *(Recipe(kind, kind, size=3) for kind in get_args(Kind)),
    Recipe("knots", basis="knots"),
    *(Recipe(name, optimizer=name) for name in ("adagrad", "adam", "rmsprop", "ftrl")),  # type: ignore[arg-type]
]
NAMED = [recipe.name for recipe in RECIPES]


def batches(count: int, rows: int = 40) -> list[Batch]:
    return [Batch(scaled(PLAIN_MOMENTS, lesson.features), lesson.answer) for lesson in lessons(count, rows)]


def taught(recipe: Recipe, count: int) -> Member:
    model = member(NAMES, recipe)
    for number, batch in enumerate(batches(count)):
        model.learn(batch, batch.first(number % 3 * 10), 1.0)
    return model


@pytest.mark.parametrize("recipe", RECIPES, ids=NAMED)
def test_what_is_compiled_says_what_river_says_after_any_number_of_updates(recipe: Recipe) -> None:
    model = member(NAMES, recipe)
    asked = np.clip(np.random.default_rng(3).normal(0.0, 2.0, (60, 6)), -5.0, 5.0)
    for number, batch in enumerate(batches(41)):
        if number in {0, 1, 2, 10, 40}:
            compiled = chance_of(model.compiled(), PLAIN_MOMENTS, asked)
            assert compiled == pytest.approx(model.chance(asked), abs=1e-9)
        model.learn(batch, batch.first(5), 1.0)
    assert not np.allclose(chance_of(model.compiled(), PLAIN_MOMENTS, asked), 0.5)


@pytest.mark.parametrize("recipe", RECIPES, ids=NAMED)
def test_a_saved_model_goes_on_bit_for_bit_or_says_that_it_must_learn_anew(recipe: Recipe) -> None:
    model, again = taught(recipe, 20), member(NAMES, recipe)
    arrays = model.to_arrays()
    if arrays is None:
        with pytest.raises(StateError):
            again.load_arrays({})
        return
    again.load_arrays({name: array.copy() for name, array in arrays.items()})
    for batch in batches(5):
        for one in (model, again):
            one.learn(batch, batch.first(7), 2.0)
    expected, found = model.to_arrays(), again.to_arrays()
    assert expected is not None
    assert found is not None
    assert {name: array.tobytes() for name, array in expected.items()} == {
        name: array.tobytes() for name, array in found.items()
    }


@pytest.mark.parametrize(
    "recipe", [Recipe("plain"), Recipe("knots", basis="knots"), Recipe("pa", "passive-aggressive")]
)
@pytest.mark.parametrize("hostile", [np.nan, np.inf, 1e9])
def test_hostile_numbers_are_refused(recipe: Recipe, hostile: float) -> None:
    arrays = taught(recipe, 2).to_arrays()
    assert arrays is not None
    numbers = arrays["numbers"].copy()
    numbers[1] = hostile
    for wrong in ({**arrays, "numbers": numbers}, {**arrays, "numbers": numbers[:-1]}, {}):
        with pytest.raises(StateError):
            member(NAMES, recipe).load_arrays(wrong)


@pytest.mark.parametrize("recipe", RECIPES, ids=NAMED)
def test_constant_and_extreme_rows_leave_every_model_finite(recipe: Recipe) -> None:
    model = member(NAMES, recipe)
    for value in (0.0, 5.0, -5.0, 5.0):
        rows = np.full((8, 6), value)
        model.learn(Batch(rows, np.arange(8) % 2 == 0), Batch(rows[:0], np.zeros(0, np.bool_)), 100.0)
        chance = chance_of(model.compiled(), PLAIN_MOMENTS, rows)
        assert ((chance >= 0.0) & (chance <= 1.0)).all()


def test_learning_from_arrays_is_what_river_learns_from_data_frames() -> None:
    ours, rivers = (kind(optim.AdaGrad(0.1), l2=0.01) for kind in (Regression, linear_model.LogisticRegression))
    weight = np.linspace(0.5, 2.0, 40)
    for batch in batches(30):
        ours.learn_rows(batch.rows, list(NAMES), batch.answer.astype(np.float64), weight)
        table, answer = pd.DataFrame(batch.rows, columns=list(NAMES)), pd.Series(batch.answer.astype(np.float64))
        rivers.learn_many(table, answer, w=pd.Series(weight))
    assert ours.weights == pytest.approx(rivers.weights, rel=1e-12, abs=1e-12)
    assert ours.intercept == pytest.approx(rivers.intercept, rel=1e-12)


@pytest.mark.parametrize("optimizer", ["sgd", "adagrad", "adam", "rmsprop", "ftrl"])
def test_a_step_that_runs_away_is_taken_back_with_all_that_the_optimizer_keeps(
    optimizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = taught(Recipe("wild", optimizer=optimizer, rate=1.0), 5)  # type: ignore[arg-type]
    before = model.to_arrays() or {}
    monkeypatch.setattr(members, "MAX_WEIGHT", np.abs(before["numbers"]).max())
    away = Batch(np.outer(np.full(9, 5.0), np.sign(before["numbers"][1:])), np.ones(9, np.bool_))
    while model.learn(away, away.first(0), 1.0):
        before = model.to_arrays() or {}
    assert all(np.array_equal(array, before[name]) for name, array in (model.to_arrays() or {}).items())


def test_linear_models_without_batches_are_bounded_too() -> None:
    model = taught(Recipe("wild", "passive-aggressive"), 5)
    before = model.to_arrays() or {}
    wild = Batch(np.full((1, 6), np.nan), np.array([True]))
    assert not model.learn(wild, wild.first(0), 1.0)
    assert all(np.array_equal(array, before[name]) for name, array in (model.to_arrays() or {}).items())


@pytest.mark.parametrize("kind", ["passive-aggressive", "alma"])
def test_the_rows_that_are_taken_go_on_after_a_restart(kind: Kind) -> None:
    recipe = Recipe("few", kind, rows=10)
    model, again = taught(recipe, 20), member(NAMES, recipe)
    again.load_arrays(model.to_arrays() or {})
    for batch in batches(5):
        for one in (model, again):
            one.learn(batch, batch.first(0), 1.0)
    assert {name: array.tobytes() for name, array in (model.to_arrays() or {}).items()} == {
        name: array.tobytes() for name, array in (again.to_arrays() or {}).items()
    }


@pytest.mark.parametrize("kind", ["hoeffding-tree", "adaptive-forest", "bagging", "adwin-boosting"])
def test_trees_do_not_grow_for_ever(kind: Kind) -> None:
    """In a hurry: what takes these a few hundred rows takes days at the pace that they have."""
    model, random = member(NAMES, Recipe("trees", kind, size=2, rows=5_000)), np.random.default_rng(5)
    assert isinstance(model, ByRow)
    for one in [model.estimator, *getattr(model.estimator, "models", [])]:
        if hasattr(one, "grace_period"):
            one.grace_period, one.delta, one.tau = 10, 0.5, 0.9
    rows = random.normal(size=(5_000, 6))
    model.learn(Batch(rows, random.random(5_000) < 0.5), Batch(rows[:0], np.zeros(0, np.bool_)), 1.0)
    compiled = model.compiled()
    assert isinstance(compiled, Forest)
    assert 50 < len(compiled.feature) / len(compiled.roots) < 2 ** (MOST_DEPTH + 1)


def test_knots_add_up_to_one_and_one_row_is_as_many() -> None:
    knots, rows = Knots(NAMES), batches(1)[0].rows
    many = knots.transform_many(pd.DataFrame(rows, columns=list(NAMES))).to_numpy()
    assert many.reshape(40, 6, 13).sum(axis=2) == pytest.approx(np.ones((40, 6)))
    for row, expected in zip(rows, many, strict=True):
        one = knots.transform_one(dict(zip(NAMES, row.tolist(), strict=True)))
        assert list(one.values()) == expected.tolist()


def test_the_scaler_scales_one_row_as_it_scales_many() -> None:
    scaler = ClippedScaler(NAMES)
    for lesson in lessons(5):
        table = pd.DataFrame(lesson.features.astype(np.float64), columns=list(NAMES))
        scaler.learn_many(table)
    many = scaler.transform_many(table).to_numpy()
    for row, expected in zip(table.to_dict("records"), many, strict=True):
        assert list(scaler.transform_one(row).values()) == expected.tolist()


def test_the_scaler_learns_row_by_row_what_it_learns_at_once() -> None:
    one, many = ClippedScaler(NAMES), ClippedScaler(NAMES)
    for lesson in lessons(5):
        table = pd.DataFrame(lesson.features.astype(np.float64), columns=list(NAMES))
        many.learn_many(table)
        for row in table.to_dict("records"):
            one.learn_one(row)
    assert np.array(one.moments) == pytest.approx(np.array(many.moments), abs=1e-9)

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from river import utils

from daemon.scoring.model import ClippedScaler, Model
from tests.daemon.scoring.lessons import NAMES, lessons

if TYPE_CHECKING:
    from daemon.scoring.view import View


def bits(view: View) -> bytes:
    return np.concatenate([[view.intercept], view.weights, *view.moments]).tobytes()


def test_it_learns_what_the_features_tell() -> None:
    model = Model(NAMES)
    for lesson in lessons(800):
        view = model.learn(lesson.minute_ms, lesson.features, lesson.answer)
    assert view.weights.argmax() == 0
    assert view.weights[-1] == 0.0
    assert (view.lessons, view.resets, view.refused) == (800, 0, 0)
    assert view.minute_ms == lesson.minute_ms


def test_the_same_lessons_give_the_same_view_bit_for_bit() -> None:
    views = []
    for _ in range(2):
        model = Model(NAMES)
        views.append([bits(model.learn(x.minute_ms, x.features, x.answer)) for x in lessons(60)])
    assert views[0] == views[1]


def test_a_model_loaded_from_a_view_goes_on_bit_for_bit() -> None:
    whole, first, second = Model(NAMES), Model(NAMES), Model(NAMES)
    for number, lesson in enumerate(lessons(60)):
        whole.learn(lesson.minute_ms, lesson.features, lesson.answer)
        if number == 30:
            second.load(first.view)
        part = first if number < 30 else second
        part.learn(lesson.minute_ms, lesson.features, lesson.answer)
    assert bits(second.view) == bits(whole.view)


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf, 1e308, -1e308, 1e30])
def test_poisoned_values_count_as_missing_and_never_reach_the_state(poison: float) -> None:
    poisoned, missing = Model(NAMES), Model(NAMES)
    for lesson in lessons(30):
        features = lesson.features.astype(np.float64)
        features[::5, 1] = poison
        poisoned.learn(lesson.minute_ms, features, lesson.answer)
        features[::5, 1] = np.nan
        missing.learn(lesson.minute_ms, features, lesson.answer)
    assert bits(poisoned.view) == bits(missing.view)
    assert poisoned.view.refused == (0 if np.isnan(poison) else 8 * 30)


def test_a_batch_of_nothing_but_poison_leaves_a_sane_model() -> None:
    model = Model(NAMES)
    for value in (np.nan, np.inf, 1e308, 0.0):
        view = model.learn(0, np.full((3, len(NAMES)), value), np.array([True, False, True]))
        assert view.sane()
        assert 0.0 < view.score(np.full((1, len(NAMES)), value))[0] < 1.0


def test_an_empty_lesson_changes_nothing_but_the_count() -> None:
    model = Model(NAMES)
    before = model.view
    after = model.learn(60_000, np.zeros((0, len(NAMES)), np.float32), np.zeros(0, np.bool_))
    assert (bits(after), after.lessons, after.minute_ms) == (bits(before), 1, 60_000)


def test_weights_that_run_away_are_taken_back_to_the_last_good_state() -> None:
    model = Model(NAMES)
    for lesson in lessons(10):
        good = model.learn(lesson.minute_ms, lesson.features, lesson.answer)
    model._regression._weights = utils.VectorDict(dict.fromkeys(NAMES, 1e12))
    view = model.learn(lesson.minute_ms, lesson.features, lesson.answer)
    assert bits(view) == bits(good)
    assert view.resets == 1
    again = model.learn(lesson.minute_ms, lesson.features, lesson.answer)
    assert again.resets == 1
    assert bits(again) != bits(good)


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

from __future__ import annotations

import numpy as np
import pytest

from daemon.scoring.errors import StateError
from daemon.scoring.memory import Batch
from daemon.scoring.model import Model
from daemon.scoring.recipes import Course, Recipe
from daemon.scoring.unusual import ROWS, WINDOW, Unusual
from daemon.scoring.view import from_arrays
from tests.daemon.scoring.lessons import NAMES, lessons, questions

ONE = Course("x", recipes=(Recipe("logistic"),), memory_rows=40_000, unusual=True)


def taught(minutes: int) -> Unusual:
    unusual, random = Unusual(NAMES), np.random.default_rng(1)
    for _ in range(minutes):
        unusual.learn(Batch(random.normal(0.0, 0.7, (40, 6)), np.zeros(40, np.bool_)))
    return unusual


def test_what_lies_apart_is_more_unusual_than_what_does_not() -> None:
    unusual = taught(WINDOW // ROWS)
    assert unusual.compiled is not None
    near, far = (unusual.compiled.score(np.full((1, 6), value))[0] for value in (0.1, 4.5))
    assert far > near + 0.1


def test_it_says_what_river_says() -> None:
    unusual, asked = taught(WINDOW // ROWS), np.random.default_rng(2).normal(0.0, 2.0, (50, 6))
    assert unusual.compiled is not None
    rivers = [unusual.trees.score_one(dict(zip(NAMES, row, strict=True))) for row in asked.tolist()]
    assert unusual.compiled.score(asked) == pytest.approx(rivers, abs=1e-9)


def test_before_a_window_is_full_nothing_is_known() -> None:
    assert taught(WINDOW // ROWS - 1).compiled is None


def test_it_goes_with_the_view() -> None:
    model = Model(NAMES, ONE)
    features = np.random.default_rng(3).normal(1.0, 2.0, (9, 6))
    assert np.isnan(model.view.unusual_of(features)).all()
    for lesson in lessons(WINDOW // ROWS):
        model.learn(questions(lesson))
    known = model.view.unusual_of(features)
    assert np.isfinite(known).all()
    assert from_arrays(model.view.to_arrays(), 6).unusual_of(features).tolist() == known.tolist()


@pytest.mark.parametrize("at", [0, 40, WINDOW // ROWS + 20])
def test_a_saved_one_goes_on_bit_for_bit(at: int) -> None:
    whole, first, second = (Model(NAMES, ONE) for _ in range(3))
    for number, lesson in enumerate(lessons(2 * WINDOW // ROWS + 5)):
        if number == at:
            second.load_arrays(first.to_arrays())
            second.memory._rows[:] = first.memory._rows
        whole.learn(questions(lesson))
        (first if number < at else second).learn(questions(lesson))
    assert second.unusual is not None
    arrays = [model.to_arrays() for model in (whole, second)]
    assert all(arrays[0][name].tobytes() == arrays[1][name].tobytes() for name in arrays[0])
    assert "view/unusual/feature" in arrays[1]


def test_hostile_masses_are_refused() -> None:
    arrays = taught(3).to_arrays()
    for masses in (arrays["masses"][:-1], -arrays["masses"] - 1):
        with pytest.raises(StateError):
            Unusual(NAMES).load_arrays({**arrays, "masses": masses})

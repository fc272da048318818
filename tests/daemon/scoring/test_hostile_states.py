"""Whatever a state holds, it is refused, or the model goes on from it in good health."""

from __future__ import annotations

import re
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from daemon.scoring.errors import StateError
from daemon.scoring.judge import Judge
from daemon.scoring.memory import Batch
from daemon.scoring.model import Model
from daemon.scoring.recipes import Course, Recipe
from daemon.scoring.unusual import ROWS, WINDOW, Unusual
from daemon.scoring.view import from_arrays
from tests.daemon.scoring.lessons import NAMES, lessons, questions

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[Any]]

COURSE = Course(
    "x",
    horizon_minutes=1,
    recipes=(
        *(Recipe(name, optimizer=name, rehearsal=20) for name in ("sgd", "adagrad", "adam", "rmsprop", "ftrl")),  # type: ignore[arg-type]
        Recipe("knots", basis="knots", rehearsal=0),
        Recipe("pa", "passive-aggressive"),
        Recipe("alma", "alma"),
    ),
    memory_rows=2_000,
)
LEARNED, MORE = 40, 2
BATCH = Batch(np.random.default_rng(1).normal(size=(40, len(NAMES))), np.zeros(40, np.bool_))


def whole(array: NDArray[Any], value: float) -> NDArray[Any]:
    with np.errstate(all="ignore"):
        return np.full_like(array, np.clip(value, *_bounds(array)) if array.dtype.kind in "iu" else value)


def _bounds(array: NDArray[Any]) -> tuple[float, float]:
    bounds = np.iinfo(array.dtype)
    return float(bounds.min), float(np.nextafter(float(bounds.max), 0))


def first_only(array: NDArray[Any], value: float) -> NDArray[Any]:
    changed = array.copy()
    changed.reshape(-1)[:1] = whole(array, value).reshape(-1)[:1]
    return changed


DAMAGES: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "empty": lambda a: a[:0],
    "shorter": lambda a: a[:-1],
    "narrower": lambda a: a[..., :1],
    "deeper": lambda a: a[None],
    "no axis": lambda a: a.reshape(-1)[0] if a.size else a,
    "another type": lambda a: a.astype(np.float32 if a.dtype != np.float32 else np.int64),
    "NaN": lambda a: whole(a, np.nan) if a.dtype.kind == "f" else a,
    **{f"all {v:g}": lambda a, v=v: whole(a, v) for v in (-1.0, 0.0, 1e300, -1e300, np.inf, 0.5)},  # type: ignore[misc]
    **{f"first {v:g}": lambda a, v=v: first_only(a, v) for v in (-1.0, 1e300, -1e300)},  # type: ignore[misc]
}


@cache
def saved() -> Arrays:
    model = Model(NAMES, COURSE)
    for lesson in lessons(LEARNED):
        model.learn(questions(lesson))
    return model.to_arrays()


def parts() -> list[str]:
    """Names of all arrays; of parts that are alike, the first."""
    return [name for name in saved() if not re.match("(issued|card|detector|calibration) [1-9]", name)]


def goes_on(arrays: Arrays) -> bool:
    """False where it is refused."""
    model = Model(NAMES, COURSE)
    try:
        model.load_arrays(arrays)
    except StateError:
        return False
    for lesson in islice(lessons(LEARNED + MORE), LEARNED, None):
        view = model.learn(questions(lesson))
        assert np.isfinite(view.score(lesson.features.astype(np.float64))).all()
        from_arrays(view.to_arrays(), len(NAMES))
    assert msgspec.json.encode(model.figures())
    Model(NAMES, COURSE).load_arrays(model.to_arrays())
    return True


def test_a_state_as_it_was_saved_goes_on() -> None:
    assert goes_on(saved())


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.filterwarnings("error")
def test_a_damaged_state_is_refused_or_goes_on_in_good_health(damage: str) -> None:
    arrays = saved()
    for name in parts():
        try:
            goes_on({**arrays, name: np.asarray(DAMAGES[damage](arrays[name]))})
        except Exception as error:
            raise AssertionError(f"{name}: {damage}") from error


def test_a_state_that_lacks_an_array_is_refused_or_goes_on() -> None:
    for name in parts():
        goes_on({key: array for key, array in saved().items() if key != name})


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.filterwarnings("error")
def test_what_is_taken_over_from_a_damaged_state_of_other_features_is_in_good_health(damage: str) -> None:
    arrays = {key: array for key, array in saved().items() if key in {"spec", "moments"} or key.startswith("member")}
    for name, array in arrays.items():
        model = Model([*NAMES[1:], "new"], COURSE)
        model.adopt({**arrays, name: np.asarray(DAMAGES[damage](array))}, "other features")
        for lesson in lessons(MORE):
            view = model.learn(questions(lesson))
        assert view.sane()


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.filterwarnings("error")
def test_a_damaged_judge_is_refused_or_goes_on_in_good_health(damage: str) -> None:
    whole_judge = Judge()
    for lesson in lessons(3):
        whole_judge.add(lesson)
    arrays = whole_judge.to_arrays()
    for name in arrays:
        judge = Judge()
        try:
            judge.load_arrays({**arrays, name: np.asarray(DAMAGES[damage](arrays[name]))})
        except StateError:
            continue
        for lesson in lessons(MORE):
            judge.add(lesson)
        assert 0.0 < judge.base(0) < 1.0
        assert np.isfinite(judge.quality()[:5]).all()


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.filterwarnings("error")
def test_damaged_half_space_trees_are_refused_or_go_on_in_good_health(damage: str) -> None:
    arrays = _masses()
    for name in arrays:
        again = Unusual(NAMES)
        try:
            again.load_arrays({**arrays, name: np.asarray(DAMAGES[damage](arrays[name]))})
        except StateError:
            continue
        for _ in range(WINDOW // ROWS + 1):
            again.learn(BATCH)
        assert again.compiled is not None
        said = again.compiled.score(BATCH.rows)
        assert ((said >= 0.0) & (said <= 1.0)).all()


@cache
def _masses() -> Arrays:
    trees = Unusual(NAMES)
    for _ in range(WINDOW // ROWS + 5):
        trees.learn(BATCH)
    return trees.to_arrays()

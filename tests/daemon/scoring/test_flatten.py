from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from river import anomaly, ensemble, forest, linear_model, tree

from daemon.scoring.errors import StateError
from daemon.scoring.flatten import UncompilableError, chance, flat
from daemon.scoring.trees import UNTOLD, Forest

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = [f"feature {k}" for k in range(6)]
LIMITS = dict.fromkeys(NAMES, (-5.0, 5.0))


def hoeffding() -> tree.HoeffdingTreeClassifier:
    return tree.HoeffdingTreeClassifier(leaf_prediction="mc", grace_period=50, delta=0.1)


CLASSIFIERS: dict[str, Callable[[], Any]] = {
    "tree": hoeffding,
    "adaptive tree": lambda: tree.HoeffdingAdaptiveTreeClassifier(
        leaf_prediction="mc", grace_period=50, delta=0.1, drift_window_threshold=50, seed=1
    ),
    "fast tree": lambda: tree.ExtremelyFastDecisionTreeClassifier(leaf_prediction="mc", grace_period=50),
    "adaptive forest": lambda: forest.ARFClassifier(n_models=5, leaf_prediction="mc", grace_period=50, seed=1),
    "mondrian forest": lambda: forest.AMFClassifier(n_estimators=5, max_nodes=501, seed=1),
    "bag": lambda: ensemble.BaggingClassifier(hoeffding(), n_models=5, seed=1),
    "adaptive bag": lambda: ensemble.ADWINBaggingClassifier(hoeffding(), n_models=5, seed=1),
    "leveraged bag": lambda: ensemble.LeveragingBaggingClassifier(hoeffding(), n_models=5, seed=1),
    "boosted": lambda: ensemble.ADWINBoostingClassifier(hoeffding(), n_models=5, seed=1),
}
"""Parameters that make trees split and drift soon."""


def stream(rows: int, seed: int = 3) -> list[tuple[dict[str, float], bool]]:
    """What tells the answer turns around in the middle; one feature is constant."""
    random = np.random.default_rng(seed)
    values = np.clip(random.normal(0.0, 1.5, (rows, len(NAMES))), -5.0, 5.0)
    values[:, -1] = 0.0
    sign = np.where(np.arange(rows) < rows / 2, 1.0, -1.0)
    answers = sign * values[:, 0] + 0.5 * values[:, 1] + random.normal(0.0, 1.0, rows) > 0.3
    return [(dict(zip(NAMES, row, strict=True)), bool(y)) for row, y in zip(values.tolist(), answers, strict=True)]


def asked(seed: int) -> np.ndarray:
    """Rounded, so that values fall upon thresholds."""
    return np.clip(np.random.default_rng(seed).normal(0.0, 1.5, (40, len(NAMES))).round(1), -5.0, 5.0)


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_flat_trees_say_what_river_says_after_any_number_of_updates(kind: str) -> None:
    estimator, most = CLASSIFIERS[kind](), 1
    for number, (row, answer) in enumerate(stream(2_400)):
        if number in {0, 1, 2, 50, 51} or number % 400 == 0:
            grown, values = flat(estimator, NAMES), asked(number)
            rivers = [
                chance(estimator.predict_proba_one(dict(zip(NAMES, one, strict=True)))) for one in values.tolist()
            ]
            assert grown.score(values) == pytest.approx(rivers, abs=1e-9)
            most = max(most, len(grown.feature))
        estimator.learn_one(row, answer)
    assert most > 1, "no tree has ever split: this shows nothing"


def test_half_space_trees_say_how_unusual_a_row_is_as_river_does() -> None:
    trees = anomaly.HalfSpaceTrees(n_trees=5, height=6, window_size=100, limits=LIMITS, seed=1)
    for number, (row, _) in enumerate(stream(1_000)):
        trees.learn_one(row)
        if number % 170 == 100:
            values = asked(number)
            rivers = [trees.score_one(dict(zip(NAMES, one, strict=True))) for one in values.tolist()]
            assert flat(trees, NAMES).score(values) == pytest.approx(rivers, abs=1e-9)


def test_what_has_no_compiled_form_says_so() -> None:
    for estimator in (tree.HoeffdingTreeClassifier(), linear_model.Perceptron()):
        with pytest.raises(UncompilableError, match=type(estimator).__name__):
            flat(estimator, NAMES)


def grown() -> Forest:
    estimator = CLASSIFIERS["adaptive forest"]()
    for row, answer in stream(1_200):
        estimator.learn_one(row, answer)
    return flat(estimator, NAMES)


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf, 1e308])
def test_whatever_is_asked_a_forest_gives_a_probability(poison: float) -> None:
    score = grown().score(np.full((3, len(NAMES)), poison))
    assert ((score >= 0.0) & (score <= 1.0)).all()


def test_a_forest_survives_as_arrays_and_hostile_ones_are_refused() -> None:
    good = grown()
    arrays, values = good.to_arrays(), asked(1)
    assert np.array_equal(Forest.from_arrays(arrays, len(NAMES)).score(values), good.score(values))
    branch = int(np.flatnonzero(good.feature >= 0)[0])
    for name, at, value in (
        ("left", branch, branch),
        ("left", branch, 0 if branch else -1),
        ("right", branch, 10**6),
        ("feature", branch, len(NAMES)),
        ("feature", branch, -2),
        ("roots", 0, -1),
        ("roots", 0, 10**6),
        ("yes", 0, np.nan),
        ("yes", 0, -1.0),
        ("threshold", branch, np.nan),
        ("weights", 0, np.inf),
    ):
        hostile = arrays[name].copy()
        hostile[at] = value
        with pytest.raises(StateError):
            Forest.from_arrays({**arrays, name: hostile}, len(NAMES))
    with pytest.raises(StateError):
        Forest.from_arrays({**arrays, "yes": arrays["yes"][:-1]}, len(NAMES))
    with pytest.raises(StateError):
        Forest.from_arrays({name: array for name, array in arrays.items() if name != "left"}, len(NAMES))


def test_a_forest_that_has_learned_nothing_says_nothing() -> None:
    assert flat(hoeffding(), NAMES).score(asked(1)).tolist() == [UNTOLD] * 40

"""One model of the ladder each: a River estimator that learns lessons of scaled features and can be compiled.

Imports River. Scaled features are never missing and lie within 5 deviations (`daemon.scoring.scaling`), so nothing
that comes in can spoil an estimator; a step that still leads to numbers that no model can have is taken back.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from river import ensemble, forest, linear_model, optim, tree, utils

from daemon.scoring import flatten
from daemon.scoring.basis import Knots, spread
from daemon.scoring.errors import StateError
from daemon.scoring.memory import evenly
from daemon.scoring.saved import GREATEST, checked
from daemon.scoring.view import KNOTS, MAX_WEIGHT, Probit, level

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from daemon.scoring.memory import Batch
    from daemon.scoring.recipes import Recipe
    from daemon.scoring.view import Additive, Compiled
    from streams.types import Floats, Longs

SEED: Final = 7

MOST_NODES: Final = 501
"""Of a Mondrian tree, which would else grow with every row for as long as the service runs."""

MOST_DEPTH: Final = 8
"""Of a Hoeffding tree, which would else grow by some 40 leaves a day."""

_BOUNDED: Final[Mapping[str, Any]] = {
    "leaf_prediction": "mc",
    "grace_period": 500,
    "delta": 1e-5,
    "max_depth": MOST_DEPTH,
}

_OPTIMIZERS: Final[Mapping[str, Callable[[float], Any]]] = {
    "sgd": optim.SGD,
    "adagrad": optim.AdaGrad,
    "adam": optim.Adam,
    "rmsprop": optim.RMSProp,
    "ftrl": lambda rate: optim.FTRLProximal(alpha=rate),
}
_SQUARES: Final = frozenset({"g2", "v", "n"})
_MEMORIES: Final = _SQUARES | {"m", "z"}
"""What River's optimizers call the numbers that they keep of each weight; of some they take the root."""


class Member(ABC):
    """A model of the ladder.

    Attributes:
        calibrated: whether what it minimises is the log loss, slope and constant included: then nothing is left to put
            right.
        paced: whether it can learn faster for a while: a plain gradient's step may be longer, what adapts its steps to
            the gradients takes no notice, or is thrown off by it.
    """

    calibrated = False
    paced = False

    @abstractmethod
    def learn(self, new: Batch, old: Batch, pace: float) -> bool:
        """Learn the answers of a minute.

        Args:
            new: the minute's, at least one row.
            old: rehearsal, scaled alike; empty where nothing is remembered.
            pace: how many times as fast as usual, where the model is `paced`.

        Returns:
            False where that led to numbers that no model can have: it was taken back.
        """

    @abstractmethod
    def compiled(self) -> Compiled:
        """The present score as plain numbers."""

    @abstractmethod
    def chance(self, values: Floats) -> Floats:
        """River's own probabilities, ``float64[n]``, of scaled rows."""

    @abstractmethod
    def to_arrays(self) -> dict[str, NDArray[Any]] | None:
        """The whole state as numbers, by feature; None where it has to be learned anew."""

    @abstractmethod
    def load_arrays(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on where `to_arrays` left off.

        Raises:
            StateError: the arrays are no state of such a model.
        """


class Regression(linear_model.LogisticRegression):  # type: ignore[misc]
    """River's, which learns mini-batches from arrays too: its `learn_many` spends three quarters on data frames."""

    def learn_rows(self, rows: Floats, columns: Sequence[str], answer: Floats, weight: Floats) -> None:
        """What `learn_many` does with the same numbers, within rounding.

        Args:
            rows: ``float64[n, k]``.
            columns: their names.
            answer: ``float64[n]``, 0 or 1.
            weight: ``float64[n]``.
        """
        saved = self._enter_learn_mode(set(columns))
        try:
            self._fit(columns, answer, weight, partial(self._eval_gradient_many, rows))
        finally:
            self._exit_learn_mode(saved)


class Logistic(Member):
    """River's logistic regression, a mini-batch a lesson: the mean gradient of the new rows and of the rehearsed."""

    calibrated = True

    def __init__(self, features: Sequence[str], recipe: Recipe) -> None:
        self._features, self._recipe = len(features), recipe
        self._knots, self.paced = recipe.basis == "knots", recipe.optimizer == "sgd"
        self._names = Knots(features).columns if self._knots else list(features)
        optimizer = _OPTIMIZERS[recipe.optimizer](recipe.rate)
        self.regression = Regression(optimizer, l2=recipe.l2, intercept_lr=recipe.rate)

    def learn(self, new: Batch, old: Batch, pace: float) -> bool:
        """One step of the optimizer."""
        before = self.to_arrays()
        rows = np.concatenate([new.rows, old.rows])
        share = self._recipe.share if len(old.answer) else 0.0
        weight = np.full(len(rows), share * len(rows) / max(len(old.answer), 1))
        weight[: len(new.answer)] = (1.0 - share) * len(rows) / len(new.answer)
        answer = np.concatenate([new.answer, old.answer]).astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            self.regression.learn_rows(self._inputs(rows), self._names, answer, weight * pace if self.paced else weight)
        return _kept(self, self._numbers(), before)

    def compiled(self) -> Additive:
        """Slopes, or curves."""
        intercept, *weights = self._numbers()
        flat = level(self._features, float(intercept))
        if self._knots:
            return flat._replace(table=np.array(weights).reshape(self._features, len(KNOTS)))
        return flat._replace(slopes=np.array(weights))

    def chance(self, values: Floats) -> Floats:
        """By ``predict_proba_many``."""
        table = pd.DataFrame(self._inputs(values), columns=self._names)
        return np.asarray(self.regression.predict_proba_many(table)[True].to_numpy(), np.float64)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Intercept and weights, what the optimizer keeps of each weight, and its steps."""
        optimizer = self.regression.optimizer
        kept = {name: self._column(getattr(optimizer, name)) for name in self._kept()}
        return {"numbers": self._numbers(), "steps": np.array([optimizer.n_iterations], np.int64), **kept}

    def load_arrays(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """All or nothing."""
        numbers = checked(arrays, "numbers", np.float64, (1 + len(self._names),), -MAX_WEIGHT, MAX_WEIGHT)
        (steps,) = checked(arrays, "steps", np.int64, (1,), 0).tolist()
        optimizer, shape = self.regression.optimizer, (len(self._names),)
        own = {name for name in _MEMORIES if hasattr(optimizer, name)}
        memories = {
            name: checked(arrays, name, np.float64, shape, 0.0 if name in _SQUARES else -GREATEST)
            for name in (own if own & arrays.keys() else ())  # none are kept before the first step
        }
        self._set(numbers)
        optimizer.n_iterations = steps
        for name, kept in memories.items():
            setattr(optimizer, name, defaultdict(float, zip(self._names, kept.tolist(), strict=True)))

    def adopt(self, numbers: Floats | None, own: Longs, theirs: Longs) -> bool:
        """Start from another model's constant and weights, ``float64[1 + k]``, where its features are ours."""
        if self._knots or numbers is None or not np.abs(np.nan_to_num(numbers, nan=np.inf)).max() <= MAX_WEIGHT:
            return False
        mine = self._numbers()
        mine[0], mine[1 + own] = numbers[0], numbers[1 + theirs]
        self._set(mine)
        return True

    def _kept(self) -> list[str]:
        optimizer = self.regression.optimizer
        return [name for name in _MEMORIES if isinstance(getattr(optimizer, name, None), dict)]

    def _column(self, kept: Any) -> Floats:
        return np.array([kept.get(name, 0.0) for name in self._names], np.float64)

    def _numbers(self) -> Floats:
        weights = self.regression.weights
        return np.array([self.regression.intercept, *(weights.get(name, 0.0) for name in self._names)])

    def _set(self, numbers: Floats) -> None:
        intercept, *weights = numbers.tolist()
        values = dict(zip(self._names, weights, strict=True))
        self.regression._weights = utils.VectorDict(values)  # noqa: SLF001 (River has no public way in)
        self.regression.intercept = intercept

    def _inputs(self, values: Floats) -> Floats:
        return spread(values) if self._knots else values


class ByRow(Member):
    """An estimator without mini-batches: some rows of each lesson, evenly, one by one in symbol order."""

    def __init__(self, features: Sequence[str], recipe: Recipe) -> None:
        self._names, self._rows = list(features), recipe.rows
        self._kind, self._lessons = recipe.kind, 0
        self.estimator: Any = _ESTIMATORS[recipe.kind](recipe)

    def learn(self, new: Batch, old: Batch, pace: float) -> bool:  # noqa: ARG002 (neither rehearses nor has a rate)
        """Row by row."""
        before = self.to_arrays()
        count = len(new.answer)
        chosen = evenly(count, self._rows, self._lessons)
        self._lessons += 1
        for row, answer in zip(new.rows[chosen].tolist(), new.answer[chosen].tolist(), strict=True):
            self.estimator.learn_one(self._input(row), answer)
        return before is None or _kept(self, self._numbers(), before)

    def compiled(self) -> Compiled:
        """Slopes, or flat trees."""
        return self._linear() if self._kind in _LINEAR else flatten.flat(self.estimator, self._names)

    def chance(self, values: Floats) -> Floats:
        """By ``predict_proba_one``; where a tree has seen nothing yet, 0.5."""
        return np.array([flatten.chance(self.estimator.predict_proba_one(self._input(row))) for row in values.tolist()])

    def to_arrays(self) -> dict[str, NDArray[Any]] | None:
        """Of the linear ones."""
        if self._kind not in _LINEAR:
            return None
        return {
            "numbers": self._numbers(),
            "steps": np.array([getattr(self.estimator, "k", 0)], np.int64),
            "lessons": np.array([self._lessons], np.int64),
        }

    def load_arrays(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Of the linear ones."""
        if self._kind not in _LINEAR:
            raise StateError(f"no state of a {self._kind} model is kept")
        numbers = checked(arrays, "numbers", np.float64, (1 + len(self._names),), -MAX_WEIGHT, MAX_WEIGHT)
        (steps,) = checked(arrays, "steps", np.int64, (1,), 0).tolist()
        (self._lessons,) = checked({"lessons": np.zeros(1, np.int64), **arrays}, "lessons", np.int64, (1,), 0).tolist()
        weights = getattr(self.estimator, _LINEAR[self._kind])
        weights.update(zip(self._names, numbers[1:].tolist(), strict=True))
        if hasattr(self.estimator, "intercept"):
            self.estimator.intercept = float(numbers[0])
        if hasattr(self.estimator, "k"):
            self.estimator.k = max(steps, 1)

    def _numbers(self) -> Floats:
        linear = self._linear()
        return np.array([linear.intercept, *linear.slopes])

    def _linear(self) -> Additive:
        weights = getattr(self.estimator, _LINEAR[self._kind])
        slopes = np.array([weights.get(name, 0.0) for name in self._names])
        return level(len(self._names), float(getattr(self.estimator, "intercept", 0.0)))._replace(slopes=slopes)

    def _input(self, row: list[float]) -> dict[str, float]:
        return dict(zip(self._names, row, strict=True))


class Bayesian(ByRow):
    """AdPredictor: a Bayesian probit of which knot each feature is nearest to."""

    def compiled(self) -> Probit:
        """Means and variances by feature and knot; a knot never seen has the prior's, 0 and 1."""
        estimator, shape = self.estimator, (len(self._names), len(KNOTS))
        estimator._init_bias(len(self._names))  # noqa: SLF001 (River makes it at the first question)
        bias = next(iter(estimator.means))  # made before any other
        means, variances = np.zeros(shape), np.ones(shape)
        for k, column in enumerate(self._columns):
            for knot, name in enumerate(column):
                means[k, knot] = estimator.means.get(name, 0.0)
                variances[k, knot] = estimator.variances.get(name, 1.0)
        noise = estimator.beta**2 + estimator.variances[bias]
        return Probit(float(estimator.means[bias]), float(noise), means, variances)

    def to_arrays(self) -> None:
        """Learned anew."""

    @property
    def _columns(self) -> list[list[str]]:
        return [[f"{name} @ {knot}" for knot in range(len(KNOTS))] for name in self._names]

    def _input(self, row: list[float]) -> dict[str, float]:
        nearest = np.abs(np.array(row)[:, None] - KNOTS).argmin(axis=1).tolist()
        return {f"{name} @ {knot}": 1.0 for name, knot in zip(self._names, nearest, strict=True)}


def member(features: Sequence[str], recipe: Recipe) -> Member:
    """A fresh model by a recipe."""
    return _CLASSES.get(recipe.kind, ByRow)(features, recipe)


def _kept(model: Member, numbers: Floats, before: Mapping[str, NDArray[Any]]) -> bool:
    """Whether a model may stay as it is; if not, it goes back to where it was."""
    sane = bool(np.abs(np.nan_to_num(numbers, nan=np.inf)).max() <= MAX_WEIGHT)
    if not sane:
        model.load_arrays(before)
    return sane


def _hoeffding(recipe: Recipe, seed: int = SEED) -> Any:  # noqa: ARG001 (one form for all)
    return tree.HoeffdingAdaptiveTreeClassifier(seed=seed, **_BOUNDED)


_ESTIMATORS: Final[Mapping[str, Callable[[Recipe], Any]]] = {
    "passive-aggressive": lambda _: linear_model.PAClassifier(C=0.001),
    "alma": lambda _: linear_model.ALMAClassifier(),
    "adpredictor": lambda _: linear_model.AdPredictor(beta=1.0, epsilon=0.0),
    "hoeffding-tree": _hoeffding,
    "adaptive-forest": lambda recipe: forest.ARFClassifier(n_models=recipe.size, seed=SEED, **_BOUNDED),
    "amf": lambda recipe: forest.AMFClassifier(n_estimators=recipe.size, step=0.1, max_nodes=MOST_NODES, seed=SEED),
    "bagging": lambda recipe: ensemble.BaggingClassifier(_hoeffding(recipe), n_models=recipe.size, seed=SEED),
    "adwin-boosting": lambda recipe: ensemble.ADWINBoostingClassifier(
        _hoeffding(recipe), n_models=recipe.size, seed=SEED
    ),
}
_LINEAR: Final = {"passive-aggressive": "weights", "alma": "w"}
"""Linear ones without mini-batches, and what River calls their weights."""

_CLASSES: Final[Mapping[str, Callable[[Sequence[str], Recipe], Member]]] = {
    "logistic": Logistic,
    "adpredictor": Bayesian,
}

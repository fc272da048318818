"""A compiled score: what the engine scores with, as plain numbers.

The logit is a constant, a function of each scaled feature (a slope, and a line from knot to knot), and the weighted
logits of forests. Every model of the linear family, and every mixture of such in logits, is of that form, so that a
whole ensemble costs no more than one model. Pure: numpy and one compiled loop.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from daemon.scoring.errors import StateError
from daemon.scoring.saved import checked, under
from daemon.scoring.scaling import CLIP, EXTREME, Moments, believable, deviation, scaled, unseen
from daemon.scoring.trees import Forest
from indicators.jit import kernel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from streams.types import Floats, Longs

    Arrays = Mapping[str, NDArray[Any]]

KNOTS = np.array([-2.5, -1.7, -1.2, -0.8, -0.5, -0.25, 0.0, 0.25, 0.5, 0.8, 1.2, 1.7, 2.5])
"""Deviations from the mean between which a feature's function is a line; it is level beyond the outer ones."""

FINE = 20.0
"""Cells of a scaled value in which one deviation is cut to find its piece: every knot lies upon the border of two."""

PIECES = np.searchsorted(KNOTS, (np.arange(2 * CLIP * FINE + 1) + 0.5) / FINE - CLIP)
"""Which of the lines between knots each cell lies on, from that below the first knot to that above the last."""

FAINT = -700.0
"""Logit below which the exponential function would overflow; its probability is 1e-304."""

LEAST = 1e-12
"""No variance of a probit is smaller."""

CERTAIN = 1e-6
"""A forest's probability is taken as no nearer to 0 or 1 than this, where its logit is."""

MAX_WEIGHT = 100.0
"""A feature one deviation off its mean that moves the logit by more than this is no model of anything."""


class Additive(NamedTuple):
    """A logit that is a sum of functions, one a feature.

    Attributes:
        intercept: the constant.
        slopes: ``float64[k]``, on scaled values.
        table: ``float64[k, 13]``, at each of the `KNOTS`.
    """

    intercept: float
    slopes: Floats
    table: Floats

    @classmethod
    def from_arrays(cls, arrays: Arrays, features: int) -> Additive:
        """A saved ``intercept``, ``slopes`` and ``table``.

        Raises:
            StateError: they are none of so many features.
        """
        bounds = -MAX_WEIGHT, MAX_WEIGHT
        (intercept,) = checked(arrays, "intercept", np.float64, (1,), *bounds).tolist()
        slopes = checked(arrays, "slopes", np.float64, (features,), *bounds)
        return cls(intercept, slopes, checked(arrays, "table", np.float64, (features, len(KNOTS)), *bounds))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """As plain arrays."""
        return {"intercept": np.array([self.intercept]), "slopes": self.slopes, "table": self.table}

    def sane(self) -> bool:
        """All numbers finite, none beyond `MAX_WEIGHT`."""
        numbers = np.concatenate([[self.intercept], self.slopes, self.table.ravel()])
        return bool(np.abs(np.nan_to_num(numbers, nan=np.inf)).max() <= MAX_WEIGHT)


class Probit(NamedTuple):
    """A normal distribution's function of a sum of means over the root of a sum of variances, by nearest knot.

    Attributes:
        mean: of what is always there.
        variance: of it, with that of the noise.
        means: ``float64[k, 13]``, by feature and knot.
        variances: ``float64[k, 13]``, above zero.
    """

    mean: float
    variance: float
    means: Floats
    variances: Floats

    def score(self, values: Floats) -> Floats:
        """Probabilities of scaled rows ``float64[n, k]``."""
        chance = np.empty(len(values))
        _probit(np.ascontiguousarray(values), KNOTS, self.mean, self.variance, self.means, self.variances, chance)
        return chance

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """As plain arrays."""
        return {"bias": np.array(self[:2]), "means": self.means, "variances": self.variances}

    @classmethod
    def from_arrays(cls, arrays: Arrays, features: int) -> Probit:
        """What `to_arrays` wrote.

        Raises:
            StateError: it is no such thing.
        """
        mean, variance = checked(arrays, "bias", np.float64, (2,)).tolist()
        means = checked(arrays, "means", np.float64, (features, len(KNOTS)))
        variances = checked(arrays, "variances", np.float64, (features, len(KNOTS)), LEAST)
        if variance < LEAST:
            raise StateError(f"a probit's variance is above zero, not {variance:g}")
        return cls(mean, variance, means, variances)


Compiled = Additive | Forest | Probit


class Weighted(NamedTuple):
    """What is no sum of functions, and what its logit counts for."""

    weight: float
    part: Forest | Probit


class View(NamedTuple):
    """A model's compiled score after the answers of one market minute.

    Attributes:
        minute_ms: start of the minute at whose close the newest answers learned were known; 0 before any.
        lessons: market minutes learned.
        moments: of the features, see `daemon.scoring.scaling`.
        additive: the additive part of the logit.
        others: the rest of it; none for the linear family.
        champion: name of the model it was taken from.
        unusual: half-space trees over the same scaled features; None where none are kept, or they know too little yet.
    """

    minute_ms: int
    lessons: int
    moments: Moments
    additive: Additive
    others: tuple[Weighted, ...] = ()
    champion: str = ""
    unusual: Forest | None = None

    @property
    def intercept(self) -> float:
        """What the logit is where each feature adds nothing."""
        return self.additive.intercept

    def score(self, features: Floats) -> Floats:
        """Probability that the question's answer is yes.

        Args:
            features: ``float64[n, k]``, C order is fastest; a missing value (NaN, infinite, beyond 1e9)
                counts as the feature's mean.

        Returns:
            ``float64[n]`` in [0, 1], never NaN. Equals River's ``predict_proba_one`` within 1e-9.
        """
        features = np.ascontiguousarray(features)
        logit = np.empty(len(features))
        moments, additive = self.moments, self.additive
        inverse = 1.0 / deviation(moments)
        if additive.table.any():
            lines = _pieces_of(additive)
            _curves(features, moments.mean, inverse, additive.intercept, *lines, PIECES, logit)
        else:
            _lines(features, moments.mean, inverse, additive.intercept, additive.slopes, logit)
        return probability(logit + self._rest(features)) if self.others else probability(logit)

    def contributions(self, features: Floats) -> Floats:
        """What each feature, and last all that is no sum, add to the logit, ``float64[n, k + 1]``.

        `intercept` is the rest.
        """
        features = np.ascontiguousarray(features)
        values = scaled(self.moments, features)
        curves = [np.interp(column, KNOTS, row) for column, row in zip(values.T, self.additive.table, strict=True)]
        return np.column_stack([self.additive.slopes * values + np.array(curves).T, self._rest(features)])

    def unusual_of(self, features: Floats) -> Floats:
        """How unusual rows are, ``float64[n]`` from 0, as ever, to 1, never seen; NaN where that is not known."""
        if self.unusual is None:
            return np.full(len(features), np.nan)
        return self.unusual.score(scaled(self.moments, np.ascontiguousarray(features)))

    def sane(self) -> bool:
        """Moments that features can have, and no weight beyond `MAX_WEIGHT`."""
        return self.additive.sane() and believable(self.moments)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """As plain arrays; the champion's name is in them, too."""
        others = {
            f"{_kind(part)} {number}/{name}": array
            for number, (_, part) in enumerate(self.others)
            for name, array in part.to_arrays().items()
        }
        return {
            "counts": np.array([self.minute_ms, self.lessons], np.int64),
            "moments": np.array(self.moments),
            **self.additive.to_arrays(),
            "weights": np.array([weight for weight, _ in self.others], np.float64),
            "champion": np.frombuffer(self.champion.encode(), np.uint8),
            **others,
            **{f"unusual/{name}": array for name, array in (self.unusual.to_arrays() if self.unusual else {}).items()},
        }

    def _rest(self, features: Floats) -> Floats:
        total = np.zeros(len(features))
        if self.others:
            values = scaled(self.moments, features)
            for weight, part in self.others:
                total += weight * logit_of(part.score(values))
        return total


def untaught(features: int) -> View:
    """The view of a model of `features` features that has learned nothing: it scores 0.5."""
    return View(0, 0, unseen(features), level(features))


def warm(features: int) -> None:
    """Compile what scores, apart from the line that every view scores with."""
    view, row = untaught(features), np.zeros((1, features))
    table = np.ones_like(view.additive.table)
    view._replace(additive=view.additive._replace(table=table)).score(row)


def level(features: int, intercept: float = 0.0) -> Additive:
    """A logit that no feature moves."""
    return Additive(intercept, np.zeros(features), np.zeros((features, len(KNOTS))))


def from_arrays(arrays: Arrays, features: int) -> View:
    """The view that `View.to_arrays` wrote, bit for bit.

    Raises:
        StateError: arrays absent, of a wrong shape or type, of another number of features, or no sane model.
    """
    minute_ms, lessons = checked(arrays, "counts", np.int64, (2,), 0).tolist()
    moments = Moments(*checked(arrays, "moments", np.float64, (3, features), -np.inf, np.inf))
    additive = Additive.from_arrays(arrays, features)
    weights = checked(arrays, "weights", np.float64, (None,), 0.0, MAX_WEIGHT)
    champion = checked(arrays, "champion", np.uint8, (None,)).tobytes().decode(errors="replace")
    others = tuple(Weighted(weight, _other(arrays, number, features)) for number, weight in enumerate(weights.tolist()))
    trees = under(arrays, "unusual")
    unusual = Forest.from_arrays(trees, features) if trees else None
    view = View(minute_ms, lessons, moments, additive, others, champion, unusual)
    if not view.sane():
        raise StateError("a view holds moments that no features can have")
    return view


def chance_of(compiled: Compiled, moments: Moments, features: Floats) -> Floats:
    """Probabilities by one compiled model, ``float64[n]``, of rows that are not scaled yet."""
    if isinstance(compiled, Additive):
        return View(0, 0, moments, compiled).score(features)
    return compiled.score(scaled(moments, np.ascontiguousarray(features)))


def probability(logit: Floats) -> Floats:
    """The logistic function, ``float64[n]``, of logits however large."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.maximum(logit, FAINT))))


def logit_of(chance: Floats) -> Floats:
    """The logit of probabilities; bounded, see `CERTAIN`."""
    chance = np.clip(chance, CERTAIN, 1.0 - CERTAIN)
    return np.asarray(np.log(chance / (1.0 - chance)))


@kernel
def _lines(features: Floats, mean: Floats, inverse: Floats, intercept: float, slopes: Floats, logit: Floats) -> None:
    """Any comparison with NaN is false: what is missing adds nothing."""
    for row in range(features.shape[0]):
        total = intercept
        for k in range(features.shape[1]):
            value = features[row, k]
            if abs(value) <= EXTREME:
                total += slopes[k] * min(max((value - mean[k]) * inverse[k], -CLIP), CLIP)
        logit[row] = total


@kernel
def _curves(
    features: Floats,
    mean: Floats,
    inverse: Floats,
    intercept: float,
    bases: Floats,
    slopes: Floats,
    pieces: Longs,
    logit: Floats,
) -> None:
    """What is missing counts as the mean, where a curve may add something."""
    for row in range(features.shape[0]):
        total = intercept
        for k in range(features.shape[1]):
            value, place = features[row, k], 0.0
            if abs(value) <= EXTREME:
                place = min(max((value - mean[k]) * inverse[k], -CLIP), CLIP)
            piece = pieces[int((place + CLIP) * FINE)]
            total += bases[k, piece] + slopes[k, piece] * place
        logit[row] = total


def _pieces_of(additive: Additive) -> tuple[Floats, Floats]:
    """Each feature's function as lines ``base + slope * place``, ``float64[k, 14]`` each.

    One between two knots, and one beyond either end.
    """
    rise = np.diff(additive.table, axis=1) / np.diff(KNOTS)
    level_out = np.zeros((len(rise), 1))
    slopes = np.hstack([level_out, rise, level_out])
    at, height = np.append(KNOTS[:1], KNOTS), np.hstack([additive.table[:, :1], additive.table])
    return height - slopes * at, slopes + additive.slopes[:, None]


@kernel
def _probit(
    values: Floats, knots: Floats, mean: float, variance: float, means: Floats, variances: Floats, chance: Floats
) -> None:
    """The first of two knots that are equally near."""
    for row in range(values.shape[0]):
        total, spread = mean, variance
        for k in range(values.shape[1]):
            nearest = 0
            for knot in range(1, len(knots)):
                if abs(values[row, k] - knots[knot]) < abs(values[row, k] - knots[nearest]):
                    nearest = knot
            total += means[k, nearest]
            spread += variances[k, nearest]
        chance[row] = 0.5 * math.erfc(-total / math.sqrt(2.0 * spread))


def _kind(part: Forest | Probit) -> str:
    return "probit" if isinstance(part, Probit) else "forest"


def _other(arrays: Arrays, number: int, features: int) -> Forest | Probit:
    if forest := under(arrays, f"forest {number}"):
        return Forest.from_arrays(forest, features)
    return Probit.from_arrays(under(arrays, f"probit {number}"), features)

"""A model as plain numbers: what the engine scores with.

A `View` is the whole learned state of the linear model, so it is also what a new learner goes on from and
what a snapshot keeps. Pure: numpy and one compiled loop.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from daemon.scoring.errors import StateError
from daemon.scoring.scaling import CLIP, EXTREME, Moments, deviation, scaled, unseen
from indicators.jit import kernel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from streams.types import Floats, Longs

    Arrays = Mapping[str, NDArray[Any]]

FAINT = -700.0
"""Logit below which the exponential function would overflow; its probability is 1e-304."""

MAX_WEIGHT = 100.0
"""A feature one deviation off its mean that moves the logit by more than this is no model of anything."""


class View(NamedTuple):
    """A linear model after the answers of one market minute.

    Attributes:
        minute_ms: start of the minute at whose close the newest answers learned were known; 0 before any.
        lessons: market minutes learned.
        resets: how often learning went astray and the state before it was taken back.
        refused: feature values that were infinite or beyond all bounds, and counted as missing.
        intercept: of the model.
        weights: ``float64[k]``, one a feature, on scaled values.
        moments: of the features, see `daemon.scoring.scaling`.
    """

    minute_ms: int
    lessons: int
    resets: int
    refused: int
    intercept: float
    weights: Floats
    moments: Moments

    def score(self, features: Floats) -> Floats:
        """Probability that the question's answer is yes.

        Args:
            features: ``float64[n, k]``, C order is fastest; a missing value (NaN, infinite, beyond 1e9)
                counts as the feature's mean.

        Returns:
            ``float64[n]`` in [0, 1], never NaN. Equals River's ``predict_proba_one`` within 1e-9. Cost:
            about 25 ns a row of 24 features.
        """
        score = np.empty(len(features))
        slopes = self.weights / deviation(self.moments)
        bounds = np.abs(self.weights) * CLIP
        _probability(np.ascontiguousarray(features), self.moments.mean, slopes, bounds, self.intercept, score)
        return score

    def contributions(self, features: Floats) -> Floats:
        """What each feature adds to the score's logit, ``float64[n, k]``; `intercept` is the rest."""
        return self.weights * scaled(self.moments, np.ascontiguousarray(features))

    def sane(self) -> bool:
        """All numbers finite, no variance negative, no weight beyond `MAX_WEIGHT`."""
        numbers = np.concatenate([[self.intercept], self.weights, *self.moments])
        return bool(
            np.isfinite(numbers).all()
            and (self.moments.variance >= 0).all()
            and np.abs(numbers[: 1 + len(self.weights)]).max() <= MAX_WEIGHT
        )


def untaught(features: int) -> View:
    """The view of a model of `features` features that has learned nothing: it scores 0.5."""
    return View(0, 0, 0, 0, 0.0, np.zeros(features), unseen(features))


@kernel
def _probability(
    features: Floats, mean: Floats, slopes: Floats, bounds: Floats, intercept: float, score: Floats
) -> None:
    """Logistic function of the sum of clipped terms; any comparison with NaN is false: missing adds 0."""
    for row in range(features.shape[0]):
        logit = intercept
        for k in range(features.shape[1]):
            value = features[row, k]
            if abs(value) <= EXTREME:
                term = (value - mean[k]) * slopes[k]
                logit += min(max(term, -bounds[k]), bounds[k])
        score[row] = 1.0 / (1.0 + math.exp(-max(logit, FAINT)))


def to_arrays(views: Sequence[View], features: int) -> dict[str, NDArray[Any]]:
    """Any number of views of that many features as two arrays, for a snapshot or the wire."""
    counts = np.array([view[:4] for view in views], np.int64).reshape(len(views), 4)
    rows = [np.concatenate([[view.intercept], view.weights, *view.moments]) for view in views]
    return {"counts": counts, "numbers": np.array(rows).reshape(len(views), 1 + 4 * features)}


def from_arrays(arrays: Arrays, features: int) -> list[View]:
    """The views that `to_arrays` wrote, bit for bit.

    Raises:
        StateError: arrays absent, of a wrong shape or type, of another number of features, or no sane model.
    """
    counts = _checked(arrays, "counts", np.int64, 4)
    numbers = _checked(arrays, "numbers", np.float64, 1 + 4 * features)
    if len(counts) != len(numbers):
        raise StateError(f"views have {len(counts)} rows of counts but {len(numbers)} rows of numbers")
    views = [_view(count, row) for count, row in zip(counts, numbers, strict=True)]
    if not all(view.sane() for view in views):
        raise StateError("views hold numbers that no model can have")
    return views


def _checked(arrays: Arrays, name: str, dtype: type, width: int) -> NDArray[Any]:
    array = arrays.get(name)
    if array is None or array.dtype != dtype or array.shape[1:] != (width,):
        found = "nothing" if array is None else f"{array.dtype}{list(array.shape)}"
        raise StateError(f"views need {name} as {np.dtype(dtype)}[n, {width}], found {found}")
    return array


def _view(count: Longs, row: Floats) -> View:
    minute_ms, lessons, resets, refused = (int(value) for value in count)
    weights, *moments = row[1:].reshape(4, -1).copy()
    return View(minute_ms, lessons, resets, refused, float(row[0]), weights, Moments(*moments))

"""The River pipeline that learns: clipped scaling and logistic regression, one mini-batch a market minute.

Imports River, which takes seconds: only the learner's process imports this module.

A lesson is one step of stochastic gradient descent along the mean gradient of its rows. On the real minutes
of January 2025, asked every minute, a rate of 0.005 does best (asked every fifth minute, 0.02), and AdaGrad
is worse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from river import base, linear_model, optim, utils

from daemon.scoring.scaling import EXTREME, Moments, merge, scaled, unseen
from daemon.scoring.view import View, untaught

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from streams.types import Flags, Floats

RATE = 0.005
"""Learning rate of weights and intercept."""


class ClippedScaler(base.MiniBatchTransformer):  # type: ignore[misc]
    """Scales to deviations from the running mean, clipped; missing values become 0, the mean.

    Unlike River's ``StandardScaler`` it holds out against anything: see `daemon.scoring.scaling` for the
    laws.

    Args:
        features: names, in the order of the columns of `moments`.
    """

    def __init__(self, features: Sequence[str]) -> None:
        self.features = tuple(features)
        self.moments = unseen(len(self.features))

    def learn_one(self, x: dict[str, float]) -> None:
        """Take one row into the moments."""
        self.moments = merge(self.moments, self._row(x))

    def transform_one(self, x: dict[str, float]) -> dict[str, float]:
        """Scale one row; a feature that `x` leaves out counts as missing."""
        row = scaled(self.moments, self._row(x))[0]
        return dict(zip(self.features, row.tolist(), strict=True))

    def learn_many(self, X: pd.DataFrame) -> None:  # noqa: N803 (River's name)
        """Take n rows into the moments, as one step."""
        self.moments = merge(self.moments, _rows(X))

    def transform_many(self, X: pd.DataFrame) -> pd.DataFrame:  # noqa: N803 (River's name)
        """Scale n rows."""
        return pd.DataFrame(scaled(self.moments, _rows(X)), columns=X.columns)

    def _row(self, x: dict[str, float]) -> Floats:
        return np.array([[x.get(name, np.nan) for name in self.features]], np.float64)


def _rows(table: pd.DataFrame) -> Floats:
    return np.ascontiguousarray(table.to_numpy(np.float64))


class Model:
    """A pipeline, fenced: nothing that comes in as a feature or answer can spoil it.

    Args:
        features: names, one a column.

    Attributes:
        pipeline: River's, with the steps `ClippedScaler` and `LogisticRegression`.
        view: the state after the last lesson.
    """

    def __init__(self, features: Sequence[str]) -> None:
        self._names = list(features)
        optimizer = optim.SGD(RATE)
        self._scaler = ClippedScaler(features)
        self._regression = linear_model.LogisticRegression(optimizer, intercept_lr=RATE)
        self.pipeline: Any = self._scaler | self._regression
        self.view = untaught(len(self._names))

    def load(self, view: View) -> None:
        """Become what `view` was taken from."""
        self._scaler.moments = Moments(*(column.copy() for column in view.moments))
        weights = dict(zip(self._names, view.weights.tolist(), strict=True))
        self._regression._weights = utils.VectorDict(weights)  # noqa: SLF001 (River has no public way in)
        self._regression.intercept = view.intercept
        self.view = view

    def learn(self, minute_ms: int, features: NDArray[np.float32] | Floats, answer: Flags) -> View:
        """Learn the answers of one market minute.

        Args:
            minute_ms: start of the minute at whose close they were known.
            features: ``[n, k]``; what is infinite or beyond all bounds counts as missing and is counted as
                refused.
            answer: ``bool[n]``.

        Returns:
            The state afterwards. When learning led to numbers that no model can have, the state before it,
            with `resets` one higher.
        """
        before = self.view
        table = pd.DataFrame(features.astype(np.float64), columns=self._names)
        if len(table):
            with np.errstate(over="ignore", invalid="ignore"):  # what runs away is taken back below
                self.pipeline.learn_many(table, pd.Series(answer.astype(np.float64)))
        refused = before.refused + int((np.abs(features) > EXTREME).sum())
        after = self._taken(View(minute_ms, before.lessons + 1, before.resets, refused, *before[4:]))
        if not after.sane():
            after = View(minute_ms, after.lessons, before.resets + 1, refused, *before[4:])
            self.load(after)
        self.view = after
        return after

    def _taken(self, view: View) -> View:
        """`view` with the pipeline's present numbers; moments are replaced, never changed: no copy."""
        weights = np.array([self._regression.weights.get(name, 0.0) for name in self._names])
        return view._replace(intercept=float(self._regression.intercept), weights=weights, moments=self._scaler.moments)

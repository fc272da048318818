"""Learners that see whole days at once: LightGBM and logistic regression, trained offline on the same questions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lightgbm
import numpy as np
from scipy.optimize import minimize

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from streams.types import Flags, Floats

    Trained = Callable[[NDArray[np.float32]], Floats]

TREES = 150
LIGHTGBM = {
    "objective": "binary",
    "num_leaves": 15,
    "learning_rate": 0.05,
    "min_data_in_leaf": 500,
    "num_threads": 1,
    "deterministic": True,
    "seed": 1,
    "verbose": -1,
}
_PENALTY = 1e-4
_CLIP = 5.0


def boosted(features: NDArray[np.float32], answer: Flags) -> Trained:
    """Gradient boosting with the parameters that are the bar."""
    booster = lightgbm.train(LIGHTGBM, lightgbm.Dataset(features, answer.astype(np.float64)), TREES)
    return lambda rows: np.asarray(booster.predict(rows, num_threads=1))


def logistic(features: NDArray[np.float32], answer: Flags) -> Trained:
    """Logistic regression by L-BFGS on features scaled by their training days' moments, clipped as technic clips."""
    mean, deviation = np.nanmean(features, axis=0), np.nanstd(features, axis=0)
    deviation[deviation == 0.0] = np.inf

    def scaled(rows: NDArray[np.float32]) -> Floats:
        return np.nan_to_num(np.clip((rows - mean) / deviation, -_CLIP, _CLIP)).astype(np.float64)

    values, sign = scaled(features), np.where(answer, 1.0, -1.0)

    def loss(weights: Floats) -> tuple[float, Floats]:
        margin = sign * (values @ weights[1:] + weights[0])
        pull = -sign / (1.0 + np.exp(margin))
        gradient = np.concatenate([[pull.mean()], values.T @ pull / len(pull) + _PENALTY * weights[1:]])
        return float(np.logaddexp(0.0, -margin).mean() + _PENALTY / 2 * weights[1:] @ weights[1:]), gradient

    weights = minimize(loss, np.zeros(1 + values.shape[1]), jac=True, method="L-BFGS-B").x
    return lambda rows: np.asarray(1.0 / (1.0 + np.exp(-(scaled(rows) @ weights[1:] + weights[0]))))

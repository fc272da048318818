"""River transformers between features and models: clipped scaling, and curves of a feature as weights of its knots.

Imports River.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from river import base

from daemon.scoring.scaling import merge, scaled, unseen
from daemon.scoring.view import KNOTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.types import Floats


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


class Knots(base.MiniBatchTransformer):  # type: ignore[misc]
    """Spreads each scaled value over the two `KNOTS` that it lies between; linear models learn a curve by it.

    Args:
        features: names, in the order of their columns.
    """

    def __init__(self, features: Sequence[str]) -> None:
        self.features = tuple(features)
        self.columns = [f"{name} @ {knot:g}" for name in self.features for knot in KNOTS]

    def learn_one(self, x: dict[str, float]) -> None:
        """Nothing."""

    def transform_one(self, x: dict[str, float]) -> dict[str, float]:
        """The weights of one row."""
        row = spread(np.array([[x[name] for name in self.features]]))[0]
        return dict(zip(self.columns, row.tolist(), strict=True))

    def learn_many(self, X: pd.DataFrame) -> None:  # noqa: N803 (River's name)
        """Nothing."""

    def transform_many(self, X: pd.DataFrame) -> pd.DataFrame:  # noqa: N803 (River's name)
        """The weights of n rows."""
        return pd.DataFrame(spread(_rows(X)), columns=self.columns)


def spread(values: Floats) -> Floats:
    """``float64[n, k]`` scaled values as weights of knots, ``float64[n, k * 13]``; those of a value sum up to 1."""
    rows, features = values.shape
    place = np.clip(values, KNOTS[0], KNOTS[-1])
    left = np.clip(np.searchsorted(KNOTS, place, side="right") - 1, 0, len(KNOTS) - 2)
    share = (place - KNOTS[left]) / (KNOTS[left + 1] - KNOTS[left])
    weights = np.zeros((rows, features, len(KNOTS)))
    np.put_along_axis(weights, left[..., None], (1.0 - share)[..., None], axis=2)
    np.put_along_axis(weights, left[..., None] + 1, share[..., None], axis=2)
    return weights.reshape(rows, features * len(KNOTS))


def _rows(table: pd.DataFrame) -> Floats:
    return np.ascontiguousarray(table.to_numpy(np.float64))

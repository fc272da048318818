"""Online calibration of one model's probabilities: Platt's, a slope and a shift of the logit, learned as answers come.

Imports River. Learned from scores as issued, so that it mends what a model has proved to get wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from river import linear_model, optim, utils

from daemon.scoring.errors import StateError
from daemon.scoring.saved import checked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from streams.types import Flags, Floats

RATE: Final = 0.001
LEAST: Final = 0.2
MOST: Final = 3.0
"""Bounds of the slope: a calibration never turns a score around, and never makes it certain."""

_LOGIT: Final = "logit"


class Calibration:
    """River's logistic regression of the answer on a model's logit; at the start it changes nothing."""

    def __init__(self) -> None:
        self._regression = linear_model.LogisticRegression(optim.SGD(RATE), intercept_lr=RATE)
        self._set(1.0, 0.0)

    @property
    def slope(self) -> float:
        """Of the logit."""
        return float(self._regression.weights[_LOGIT])

    @property
    def shift(self) -> float:
        """Of the logit."""
        return float(self._regression.intercept)

    def learn(self, logit: Floats, answer: Flags) -> None:
        """One step along the mean gradient of a lesson."""
        self._regression.learn_many(pd.DataFrame({_LOGIT: logit}), pd.Series(answer.astype(np.float64)))
        self._set(min(max(self.slope, LEAST), MOST), min(max(self.shift, -MOST), MOST))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Slope and shift."""
        return {"numbers": np.array([self.slope, self.shift])}

    def load_arrays(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on where `to_arrays` left off.

        Raises:
            StateError: the numbers are none of a calibration.
        """
        slope, shift = checked(arrays, "numbers", np.float64, (2,), -MOST, MOST).tolist()
        if slope < LEAST:
            raise StateError(f"a calibration's slope is {LEAST:g} at least, not {slope:g}")
        self._set(slope, shift)

    def _set(self, slope: float, shift: float) -> None:
        self._regression._weights = utils.VectorDict({_LOGIT: slope})  # noqa: SLF001 (River has no public way in)
        self._regression.intercept = shift

"""Whether a model has begun to fail: River's ADWIN and Page-Hinkley over its log loss, one value a lesson.

Imports River. River's detectors give no state away, so what they were fed since they began is kept, and fed again to
those of a new process: they then stand where the old ones stood. They begin anew after `MOST` values, and when they
have found a drift.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from river import drift

from daemon.scoring.errors import StateError
from daemon.scoring.saved import checked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

MOST = 2_048
"""Values after which a detector begins anew: five sessions."""

GREATEST = 25.0
"""No mean log loss is further from another: probabilities are taken as no nearer to 0 or 1 than 1e-9."""

DELTA = 1e-6
"""Of ADWIN: losses of lessons a minute apart depend on each other, which its bound does not know of."""

THRESHOLD = 15.0
"""Of Page-Hinkley, in nats: a session whose lessons are worse by 0.04 each."""


class Detector:
    """Watches the log loss of one model beyond that of the base rate.

    ADWIN finds that the mean of late differs from that before; Page-Hinkley that the sum of what lies above the mean
    has gone too far. Only worse is drift.
    """

    def __init__(self) -> None:
        self._begin()

    def add(self, value: float) -> str:
        """One lesson's value; which detector has found a drift for the worse, or nothing."""
        if len(self._fed) == MOST:
            self._begin()
        found = self._feed(value)
        if found:
            self._begin()
        return found

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """What they were fed since they began, ``float64[n]``."""
        return {"fed": np.array(self._fed)}

    def load_arrays(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Stand where `to_arrays` left off.

        Raises:
            StateError: not what a detector is fed; nothing was changed.
        """
        fed = checked(arrays, "fed", np.float64, (None,), -GREATEST, GREATEST)
        if len(fed) > MOST:
            raise StateError(f"a detector is fed {MOST:,} values at most, not {len(fed):,}")
        self._begin()
        for value in fed.tolist():
            self._feed(value)

    def _begin(self) -> None:
        self._fed: list[float] = []
        self._adwin = drift.ADWIN(delta=DELTA, clock=8)
        self._page_hinkley = drift.PageHinkley(min_instances=60, delta=0.005, threshold=THRESHOLD, mode="up")

    def _feed(self, value: float) -> str:
        before = self._adwin.estimation
        self._fed.append(value)
        self._adwin.update(value)
        self._page_hinkley.update(value)
        if self._adwin.drift_detected and self._adwin.estimation > before:
            return "ADWIN"
        return "Page-Hinkley" if self._page_hinkley.drift_detected else ""

"""Features of the last minutes as they were when questions were asked, once for all targets. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from daemon.scoring.errors import StateError
from streams.bars import MINUTE_MS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from streams.types import Floats, Longs


class FeatureRing:
    """Keeps them as float32, slot ``minute % slots`` for each minute; O(1) memory a symbol.

    Args:
        features: number of features k.
        slots: minutes that are kept.
        capacity: rows to hold; grows by doubling.
    """

    def __init__(self, features: int, slots: int, capacity: int = 1024) -> None:
        self._values = np.zeros((capacity, slots, features), np.float32)

    def reserve(self, capacity: int) -> None:
        """Hold at least `capacity` rows."""
        have = len(self._values)
        if capacity > have:
            added = np.full((max(capacity, 2 * have) - have, *self._values.shape[1:]), 0.0, np.float32)
            self._values = np.concatenate([self._values, added])

    def keep(self, minute_ms: int, rows: Longs, features: Floats) -> None:
        """Features ``float64[n, k]`` of `rows` at a minute; what float32 cannot hold becomes infinite, i.e. missing."""
        self.reserve(int(rows.max(initial=-1)) + 1)
        with np.errstate(over="ignore"):
            self._values[rows, self._slot(minute_ms)] = features

    def of(self, minute_ms: int, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """``float32[n, k]``, what was kept of a minute that is among the last `slots`."""
        kept: NDArray[np.float32] = self._values[rows, self._slot(minute_ms)]
        return kept

    def zero(self, rows: Longs) -> None:
        """Forget rows."""
        self._values[rows[rows < len(self._values)]] = 0.0

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The whole state, a view that is good until the next call."""
        return {"features": self._values}

    def load_arrays(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on where `to_arrays` left off.

        Raises:
            StateError: saved of other features or for other horizons; nothing was changed.
        """
        saved = arrays.get("features")
        if saved is None or saved.dtype != np.float32 or saved.shape[1:] != self._values.shape[1:]:
            found = "none" if saved is None else f"{saved.dtype}{list(saved.shape[1:])}"
            raise StateError(f"features of questions are float32{list(self._values.shape[1:])} a row, saved: {found}")
        self.reserve(len(saved))
        self._values[: len(saved)] = saved

    def _slot(self, minute_ms: int) -> int:
        return minute_ms // MINUTE_MS % self._values.shape[1]

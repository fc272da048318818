"""What is taken when the market's minute closes and stays until the next one does: one column a value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from daemon.engine.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from streams.types import Floats, Longs

_PREFIX = "frozen/"


class Frozen:
    """The frozen columns of all rows.

    Args:
        texts: canonical text of each column's expression, in order; the number of a column is its place. Empty for
            what is not saved.
        capacity: rows.

    Attributes:
        columns: ``float64[k, capacity]``, NaN where not known; a program reads it by `Op.FROZEN`.
    """

    def __init__(self, texts: Iterable[str], capacity: int) -> None:
        self._texts = tuple(texts)
        self.columns: Floats = np.full((len(self._texts), capacity), np.nan)

    def put(self, column: int, rows: Longs, values: Floats) -> None:
        """Freeze a column: `values` ``float64[n]`` at `rows` ``int64[n]``, all other rows are not known."""
        self.columns[column] = np.nan
        self.columns[column, rows] = values

    def reserve(self, capacity: int) -> None:
        """Make room for `capacity` rows; the array is a new one."""
        more = capacity - self.columns.shape[1]
        if more > 0:
            self.columns = np.pad(self.columns, ((0, 0), (0, more)), constant_values=np.nan)

    def zero(self, rows: Longs | int) -> None:
        """Forget rows; what is not saved is told anew by whoever told it."""
        for number, text in enumerate(self._texts):
            if text:
                self.columns[number, rows] = np.nan

    def to_arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """``frozen/TEXT``: ``float64[capacity]`` of each column; views, good until the next minute."""
        return {f"{_PREFIX}{text}": self.columns[number] for number, text in enumerate(self._texts) if text}

    def load_arrays(self, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Go on where `to_arrays` left off; columns it did not hold are not known until the next minute closes.

        Raises:
            StateError: a column is none; nothing was changed.
        """
        held = {number: arrays.get(f"{_PREFIX}{text}") for number, text in enumerate(self._texts)}
        found = {number: array for number, array in held.items() if array is not None}
        if any(array.ndim != 1 for array in found.values()):
            raise StateError("saved cross-sections do not fit together")
        self.columns[:] = np.nan
        for number, array in found.items():
            self.reserve(len(array))
            self.columns[number, : len(array)] = array

"""What look-back remembers: the last values, at closed bars, of names and outputs that are looked back at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from daemon.engine.errors import StateError
from indicators.frame import CORRECTIONS
from indicators.jit import kernel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.types import Floats, Longs

_PREFIX = "lag/"


class Lags:
    """One ring a leaf, all in one array; O(depth) lines of 8 bytes a row each, O(1) a bar.

    Args:
        depths: bars that each leaf is looked back at, by the leaf's canonical text; with those that can be corrected
            rounded up to a power of two.
        capacity: rows.

    Attributes:
        rings: ``float64[lines, capacity]``, NaN where a row has seen fewer bars. Leaf by leaf; the value n
            bars ago stands in line ``first + ((count - n) & (depth - 1))`` of its leaf.
        count: ``int64[capacity]``, bars that each row has put in.
        first: first line of each leaf.
    """

    def __init__(self, depths: Mapping[str, int], capacity: int) -> None:
        self.depths = {text: 1 << (bars + CORRECTIONS - 1).bit_length() for text, bars in depths.items()}
        ends = np.cumsum([0, *self.depths.values()]).tolist()
        self.first = dict(zip(self.depths, ends, strict=False))
        self._places = np.array([*zip(ends, self.depths.values(), strict=False)], np.int64).reshape(-1, 2)
        self.rings = np.full((ends[-1], capacity), np.nan)
        self.count = np.zeros(capacity, np.int64)

    @property
    def capacity(self) -> int:
        """Rows there is room for."""
        return len(self.count)

    def push(self, rows: Longs, values: Floats) -> None:
        """Remember the values of a closed bar: rows ``int64[n]``, unique; values ``float64[n, leaves]``."""
        _push(rows, values, self._places, self.rings, self.count)

    def rewind(self, rows: Longs, bars: Longs) -> None:
        """Forget the newest bars of each row, ``int64[n]`` how many, at most `CORRECTIONS`: they are pushed anew."""
        self.count[rows] = np.maximum(self.count[rows] - bars, 0)

    def amend(self, text: str, rows: Longs, values: Floats) -> None:
        """Put another value of one leaf in place of the one that was last remembered: ``float64[n]`` at `rows`."""
        lines = self.first[text] + ((self.count[rows] - 1) & (self.depths[text] - 1))
        self.rings[lines, rows] = values

    def reserve(self, capacity: int) -> None:
        """Make room for `capacity` rows; the arrays are new ones."""
        more = capacity - self.capacity
        if more > 0:
            self.rings = np.pad(self.rings, ((0, 0), (0, more)), constant_values=np.nan)
            self.count = np.pad(self.count, (0, more))

    def zero(self, rows: Longs | int) -> None:
        """Forget rows."""
        self.rings[:, rows] = np.nan
        self.count[rows] = 0

    def to_arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """``count``, and ``lag/TEXT`` for every leaf: float64[depth, capacity]; views, good until the next bar."""
        leaves = {f"{_PREFIX}{text}": self._lines(text) for text in self.depths}
        return {"count": self.count, **leaves}

    def load_arrays(self, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Go on where `to_arrays` left off; leaves it did not hold start unknown, deeper ones partly so.

        Raises:
            StateError: the arrays do not fit together; nothing was changed.
        """
        count = arrays.get("count")
        if count is None or any(_misfit(arrays.get(f"{_PREFIX}{text}"), len(count)) for text in self.depths):
            raise StateError("saved look-back does not fit together")
        self.reserve(len(count))
        self.rings[:] = np.nan
        self.count[:] = 0
        self.count[: len(count)] = count
        for text in self.depths.keys() & {key.removeprefix(_PREFIX) for key in arrays}:
            _relay(arrays[f"{_PREFIX}{text}"], count, self._lines(text))

    def _lines(self, text: str) -> Floats:
        return self.rings[self.first[text] : self.first[text] + self.depths[text]]


def _misfit(ring: np.ndarray[Any, Any] | None, rows: int) -> bool:
    return ring is not None and (ring.ndim != 2 or not len(ring) or ring.shape[1] != rows)  # noqa: PLR2004


def _relay(old: Floats, count: Longs, new: Floats) -> None:
    """Values of a ring into one of another depth, age by age."""
    row = np.arange(len(count))
    for age in range(1, min(len(old), len(new)) + 1):
        new[(count - age) % len(new), row] = old[(count - age) % len(old), row]


@kernel
def _push(rows: Longs, values: Floats, places: Longs, rings: Floats, count: Longs) -> None:
    for leaf in range(places.shape[0]):
        first, depth = places[leaf, 0], places[leaf, 1]
        for i in range(rows.shape[0]):
            rings[first + (count[rows[i]] & (depth - 1)), rows[i]] = values[i, leaf]
    for i in range(rows.shape[0]):
        count[rows[i]] += 1

"""The present day of each row from its own minutes, exact however often the newest of them come again.

A minute bar that may still be corrected is kept as it came; older ones are folded, in order, into one bar of all of
them. What the day amounts to is told when it is over: the older ones, then those that were kept, then the auction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from daemon.engine.errors import StateError
from indicators.frame import CORRECTIONS
from indicators.jit import inlined, kernel
from indicators.ring import CLOSE, HIGH, LOW, OPEN, VOLUME
from streams.bars import MINUTE_MS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from streams.types import Floats, Longs

_MINUTE = 5
_FIELDS = 6


class OwnDay:
    """Regular session so far, and its closing auction; a row takes 0.8 kB.

    Every array is by row. ``older``: ``float64[capacity, 6]``, open, high, low, close and volume of the bars that
    cannot be corrected any more, NaN where there are none, and the newest minute of all (0 before the first);
    ``kept``: ``float64[capacity, 16, 6]``, the five values and the minute of each bar that can be, in the place of its
    minute modulo 16; ``auction``: ``float64[capacity]``, its price, NaN while unknown. Minutes are those since 1970.
    """

    def __init__(self) -> None:
        self._older = _nothing(0)
        self._kept = np.zeros((0, CORRECTIONS, _FIELDS))
        self._auction = np.zeros(0)

    def reserve(self, capacity: int) -> None:
        """Make room for at least `capacity` rows; nothing is known of new ones."""
        more = capacity - len(self._auction)
        if more > 0:
            self._older = np.concatenate([self._older, _nothing(more)])
            self._kept = np.pad(self._kept, ((0, more), (0, 0), (0, 0)))
            self._auction = np.pad(self._auction, (0, more), constant_values=np.nan)

    def put(self, rows: Longs, start_ms: int, bars: Floats) -> None:
        """A regular minute of today, in any order; one that came before is replaced. O(1) a bar.

        Args:
            rows: ``int64[n]``, none twice.
            start_ms: of all bars; nothing is done for a row where it lies 16 minutes or more before the newest.
            bars: ``float64[>=5, n]``, finite.
        """
        _put(_plain(rows, np.int64), _plain(bars, np.float64), start_ms // MINUTE_MS, self._older, self._kept)

    def close_at(self, rows: Longs, prices: Floats) -> None:
        """The auction's price ``float64[n]`` closes the day, whatever minutes came or will come."""
        self._auction[rows] = prices

    def over(self, rows: Longs) -> Floats:
        """The day of `rows` is over: ``float64[5, n]``, NaN where unknown. They begin anew."""
        _fold_all(_plain(rows, np.int64), self._older, self._kept)
        day = self._older[rows, :_MINUTE].T
        day[CLOSE] = np.where(np.isnan(self._auction[rows]), day[CLOSE], self._auction[rows])
        self.zero(rows)
        return day

    def split(self, rows: Longs, ratio: float) -> None:
        """What is known of `rows` in new shares: prices times `ratio`, volumes divided by it."""
        for bars in (self._older, self._kept):
            bars[rows, ..., OPEN:VOLUME] *= ratio
            bars[rows, ..., VOLUME] /= ratio
        self._auction[rows] *= ratio

    def zero(self, rows: Longs | int) -> None:
        """Forget rows."""
        self._older[rows] = _nothing(1)[0]
        self._kept[rows] = 0.0
        self._auction[rows] = np.nan

    def to_arrays(self) -> dict[str, NDArray[np.float64]]:
        """``older``, ``kept`` and ``auction``; views."""
        return {"older": self._older, "kept": self._kept, "auction": self._auction}

    def load_arrays(self, arrays: Mapping[str, NDArray[np.float64]]) -> None:
        """Go on where `to_arrays` left off, bit for bit; copies.

        Raises:
            StateError: an array is missing, or has another shape; nothing was changed.
        """
        mine, rows = self.to_arrays(), len(arrays.get("auction", ()))
        if any(name not in arrays or arrays[name].shape != (rows, *a.shape[1:]) for name, a in mine.items()):
            raise StateError("the saved minutes of the present day are missing or do not fit together")
        self._older, self._kept, self._auction = (np.array(arrays[name], np.float64) for name in mine)


def _nothing(rows: int) -> Floats:
    """`older` of rows that have seen nothing."""
    older = np.full((rows, _FIELDS), np.nan)
    older[:, _MINUTE] = 0.0
    return older


def _plain(array: NDArray[Any], dtype: type[np.generic]) -> NDArray[Any]:
    """In the one layout for which kernels are compiled."""
    return np.require(array, dtype, ["C", "A", "W"])


@inlined
def _fold(row: int, first: int, end: int, older: Floats, kept: Floats) -> None:
    """Bars of the minutes from `first` to `end` - 1 go to the older ones."""
    for minute in range(max(first, 1), end):
        k = minute % CORRECTIONS
        if kept[row, k, _MINUTE] == minute:
            fresh = np.isnan(older[row, OPEN])
            high, low, volume = kept[row, k, HIGH], kept[row, k, LOW], kept[row, k, VOLUME]
            older[row, OPEN] = kept[row, k, OPEN] if fresh else older[row, OPEN]
            older[row, HIGH] = high if fresh else max(older[row, HIGH], high)
            older[row, LOW] = low if fresh else min(older[row, LOW], low)
            older[row, CLOSE] = kept[row, k, CLOSE]
            older[row, VOLUME] = volume if fresh else older[row, VOLUME] + volume
            kept[row, k, _MINUTE] = 0.0


@kernel
def _put(rows: Longs, bars: Floats, minute: int, older: Floats, kept: Floats) -> None:
    for i in range(rows.shape[0]):
        row = rows[i]
        newest = int(older[row, _MINUTE])
        if minute > newest - CORRECTIONS:
            if minute > newest:
                first = newest - CORRECTIONS + 1
                _fold(row, first, min(minute - CORRECTIONS, newest) + 1, older, kept)
                older[row, _MINUTE] = minute
            for field in range(_MINUTE):
                kept[row, minute % CORRECTIONS, field] = bars[field, i]
            kept[row, minute % CORRECTIONS, _MINUTE] = minute


@kernel
def _fold_all(rows: Longs, older: Floats, kept: Floats) -> None:
    for i in range(rows.shape[0]):
        newest = int(older[rows[i], _MINUTE])
        _fold(rows[i], newest - CORRECTIONS + 1, newest + 1, older, kept)

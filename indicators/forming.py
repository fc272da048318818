"""Second bars build the minute that is still forming.

Two slots a row, taken in turn by the minute's number: the vendor's second bars of a new minute arrive before its
minute bar of the old one, so two minutes form at once for a few seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import kernel

if TYPE_CHECKING:
    from indicators.types import Flags, Floats, Longs

OPEN, HIGH, LOW, CLOSE, VOLUME, VWAP = range(6)
_MINUTE_MS = 60_000
_SECOND_MS = 1_000


@kernel
def _accumulate(
    rows: Longs, start_ms: Longs, bars: Floats, minute_ms: Longs, seconds: Longs, forming: Floats, fresh: Flags
) -> None:
    for i in range(rows.shape[0]):
        row = rows[i]
        minute = start_ms[i] // _MINUTE_MS * _MINUTE_MS
        slot = (minute // _MINUTE_MS) % 2
        bit = np.int64(1) << ((start_ms[i] - minute) // _SECOND_MS)
        bar = forming[row, slot]
        if minute_ms[row, slot] != minute:
            if minute < minute_ms[row, slot]:
                fresh[i] = False
                continue
            minute_ms[row, slot] = minute
            seconds[row, slot] = 0
            bar[:] = 0.0
            bar[HIGH], bar[LOW] = -np.inf, np.inf
        fresh[i] = (seconds[row, slot] & bit) == 0
        bar[HIGH] = max(bar[HIGH], bars[HIGH, i])
        bar[LOW] = min(bar[LOW], bars[LOW, i])
        if not fresh[i]:
            continue
        if bit - 1 & seconds[row, slot] == 0:
            bar[OPEN] = bars[OPEN, i]
        if seconds[row, slot] < bit:
            bar[CLOSE] = bars[CLOSE, i]
        seconds[row, slot] |= bit
        typical = (bars[HIGH, i] + bars[LOW, i] + bars[CLOSE, i]) / 3
        bar[VOLUME] += bars[VOLUME, i]
        bar[VWAP] += bars[VOLUME, i] * (typical if np.isnan(bars[VWAP, i]) else bars[VWAP, i])


class Forming:
    """The forming minute of every row: open, extremes, close, summed volume and volume-weighted price.

    State: ``minute_ms int64[capacity, 2]`` (-1 empty), ``seconds int64[capacity, 2]`` (bit s set: second s was
    seen), ``bars float64[capacity, 2, 6]`` (open, high, low, close, volume, sum of price times volume).
    """

    def __init__(self, capacity: int = 1024) -> None:
        self._minute_ms = np.full((capacity, 2), -1, np.int64)
        self._seconds = np.zeros((capacity, 2), np.int64)
        self._bars = np.zeros((capacity, 2, 6))

    def reserve(self, capacity: int) -> None:
        """Make room for at least `capacity` rows."""
        more = capacity - len(self._minute_ms)
        if more > 0:
            self._minute_ms = np.concatenate([self._minute_ms, np.full((more, 2), -1, np.int64)])
            self._seconds = np.concatenate([self._seconds, np.zeros((more, 2), np.int64)])
            self._bars = np.concatenate([self._bars, np.zeros((more, 2, 6))])

    def add(self, rows: Longs, start_ms: Longs, bars: Floats) -> Flags:
        """Take one second bar for each of `rows`.

        A second that was already taken (sent again by the vendor) may widen the extremes and changes nothing
        else: its first volume and close stand until the vendor's minute bar settles the minute.

        Args:
            rows: ``int64[n]``; a row may come several times.
            start_ms: ``int64[n]``, start of each second bar.
            bars: ``float64[>=6, n]``, open, high, low, close, volume, vwap (NaN: the typical price stands in).

        Returns:
            ``bool[n]``, False where the second was taken before or its minute is gone. Cost: O(n).
        """
        fresh = np.empty(len(rows), np.bool_)
        _accumulate(rows, start_ms, bars, self._minute_ms, self._seconds, self._bars, fresh)
        return fresh

    def bars(self, rows: Longs, minute_ms: int) -> Floats:
        """The forming bars of minute `minute_ms`, ``float64[6, n]``, vwap last; NaN where a row has none."""
        slot = minute_ms // _MINUTE_MS % 2
        bars: Floats = np.where(self._minute_ms[rows, slot] == minute_ms, self._bars[rows, slot].T, np.nan)
        bars[VWAP] /= bars[VOLUME]
        return bars

    def rows(self, minute_ms: int) -> Longs:
        """Rows that have second bars of minute `minute_ms`, ascending, ``int64[m]``. Cost: O(capacity)."""
        return np.flatnonzero(self._minute_ms[:, minute_ms // _MINUTE_MS % 2] == minute_ms)

    def waits(self, rows: Longs, minute_ms: int) -> Flags:
        """Where the minute before `minute_ms` still forms, ``bool[n]``: its minute bar has not come yet."""
        before_ms = minute_ms - _MINUTE_MS
        waits: Flags = self._minute_ms[rows, before_ms // _MINUTE_MS % 2] == before_ms
        return waits

    def discard(self, rows: Longs, minute_ms: int) -> None:
        """Forget minute `minute_ms` of `rows`: it is closed."""
        slot = minute_ms // _MINUTE_MS % 2
        done = rows[self._minute_ms[rows, slot] == minute_ms]
        self._minute_ms[done, slot] = -1

    def zero(self, rows: Longs | int) -> None:
        """Forget all of `rows`, before other symbols take them."""
        self._minute_ms[rows] = -1
        self._seconds[rows] = 0
        self._bars[rows] = 0.0

    def to_arrays(self) -> dict[str, Floats | Longs]:
        """The whole state as plain arrays."""
        return {"minute_ms": self._minute_ms, "seconds": self._seconds, "bars": self._bars}

    def load_arrays(self, arrays: dict[str, Floats | Longs]) -> None:
        """Go on where `to_arrays` left off; copies."""
        self._minute_ms = arrays["minute_ms"].astype(np.int64)
        self._seconds = arrays["seconds"].astype(np.int64)
        self._bars = arrays["bars"].astype(np.float64)

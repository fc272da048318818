"""The official close of the day before, of every symbol: what a gap is measured from.

Official closes come from daily bars where there are some. Where there are none the day's own minutes stand in: the
closing auction opens the first bar after the close, if that bar comes; else it is the last regular bar's close. Only
days before the present one are looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from daemon.engine.sessions import Phase

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from streams.types import Floats, Longs, Symbols

STALE_DAYS = 7
"""An official close older than this, in calendar days, is none: the file has ended, or the symbol was away."""


_DAYS = 2_000_000
"""More days than a calendar has: symbol and day make one number."""


class DailyTable:
    """Official daily bars, looked up by symbol and day.

    Args:
        symbol: ``S16[n]``, sorted, then by day.
        day: ``int64[n]``, days since 1970.
        values: ``float64[5, n]``, open, high, low, close, volume, NaN where unknown; the close is known.
    """

    def __init__(self, symbol: Symbols, day: Longs, values: Floats) -> None:
        self.symbols, number = np.unique(symbol, return_inverse=True)
        self.day, self.values = day, values
        self._number = number
        self._order = number * _DAYS + day

    def newest_before(self, symbols: Symbols, day: int) -> Longs:
        """Position of each symbol's newest bar before `day`, ``int64[n]``; -1 where there is none. O(n log days)."""
        if not len(self.day):
            return np.full(len(symbols), -1, np.int64)
        number = np.minimum(np.searchsorted(self.symbols, symbols), len(self.symbols) - 1)
        newest = np.searchsorted(self._order, number * _DAYS + day) - 1
        known = (self.symbols[number] == symbols) & (self._number[newest] == number) & (newest >= 0)
        return np.where(known, newest, -1)

    def closes_before(self, symbols: Symbols, day: int) -> Floats:
        """Official close of each symbol's newest day before `day`, ``float64[n]``; NaN if none, or a stale one."""
        at = self.newest_before(symbols, day)
        closes = np.full(len(symbols), np.nan)
        fresh = np.flatnonzero(at >= 0)
        fresh = fresh[self.day[at[fresh]] >= day - STALE_DAYS]
        closes[fresh] = self.values[3, at[fresh]]
        return closes


class Closes:
    """What each row closed at the day before; one row a symbol, grown by `reserve`.

    Args:
        table: official closes.

    Attributes:
        previous: ``float64[capacity]``, official close of the day before each row's newest bar; NaN while unknown.
    """

    def __init__(self, table: DailyTable) -> None:
        self._table = table
        self.previous = np.zeros(0)
        self._own = np.zeros(0)  # what today's minutes say so far
        self._day = np.zeros(0, np.int64)  # of the newest bar

    def reserve(self, capacity: int) -> None:
        """Make room for at least `capacity` rows; unknown at first."""
        more = max(capacity - len(self.previous), 0)
        self.previous = np.pad(self.previous, (0, more), constant_values=np.nan)
        self._own = np.pad(self._own, (0, more), constant_values=np.nan)
        self._day = np.pad(self._day, (0, more))

    def begin(self, rows: Longs, symbols: Symbols, day: int) -> None:
        """A bar of `day` comes for each of `rows`: where it is the first of its day, look up the day before.

        Args:
            rows: ``int64[n]``, none twice.
            symbols: ``S16[n]``.
            day: days since 1970, in the exchange's time zone.
        """
        new = self._day[rows] < day
        if new.any():
            rows, symbols = rows[new], symbols[new]
            official = self._table.closes_before(symbols, day)
            self.previous[rows] = np.where(np.isnan(official), self._own[rows], official)
            self._own[rows] = np.nan
            self._day[rows] = day

    def take(self, rows: Longs, start_ms: int, bars: Floats, phase: int, close_ms: int) -> None:
        """Closed minute bars of one start for `rows`: ``float64[>=4, n]``; `close_ms` is the close of their day."""
        if phase == Phase.REGULAR:
            self._own[rows] = bars[3]
        elif start_ms == close_ms:
            self._own[rows] = bars[0]

    def zero(self, row: int) -> None:
        """Forget a row."""
        self.previous[row] = self._own[row] = np.nan
        self._day[row] = 0

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The whole state as plain arrays."""
        return {"previous": self.previous, "own": self._own, "day": self._day}

    def load_arrays(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on where `to_arrays` left off; copies."""
        self.previous = arrays["previous"].astype(np.float64)
        self._own = arrays["own"].astype(np.float64)
        self._day = arrays["day"].astype(np.int64)

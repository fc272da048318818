"""Trading days that are over: the official close of the day before, and daily bars with their indicators.

Official daily bars come from a file where there is one. Where it does not know a day, or has ended while the engine
runs on, the day's own minutes stand in: its regular session, closed by the auction, which opens the first bar after the
close; if that bar never comes, by the last regular bar. A day counts from the first bar of a later one on, so that
nothing is known before it is over.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np

from daemon.engine.ownday import OwnDay
from daemon.engine.sessions import DAY_MS, Phase
from indicators import Frame
from indicators.ring import CLOSE, HIGH, LOW, OPEN, VOLUME
from streams.bars import SYMBOL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from daemon.engine.sessions import Moment
    from indicators import Spec
    from streams.types import Flags, Floats, Longs, Symbols

STALE_DAYS = 7
"""An official close older than this, in calendar days, is none: the file has ended, or the symbol was away."""


HISTORY = 400
"""Daily bars that a symbol's indicators start from, where the file has as many."""

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
        self._order = number * _DAYS + day
        self._splits: set[tuple[bytes, int]] = set()
        self._before: dict[bytes, bytes] = {}

    @property
    def closes_only(self) -> int:
        """Bars that lack their high or low: the close stands for it."""
        return int(np.isnan(self.values[HIGH : LOW + 1]).any(axis=0).sum())

    def copy(self) -> DailyTable:
        """One that may be changed while others use this."""
        return deepcopy(self)

    def split(self, symbol: bytes, day: int, ratio: float) -> None:
        """Bars before `day` in new shares: prices times `ratio`, volumes divided by it; once for a symbol and day."""
        if (symbol, day) not in self._splits:
            self._splits.add((symbol, day))
            first, end = self.between(np.array([symbol], SYMBOL), np.zeros(1, np.int64), day)
            bars = slice(int(first[0]), int(end[0]))
            self.values[:VOLUME, bars] *= ratio
            self.values[VOLUME, bars] /= ratio

    def rename(self, old: bytes, new: bytes) -> None:
        """Bars of `old` are those of `new` from now on, unless there are some of that name."""
        if new not in self.symbols:
            self._before[new] = self._before.get(old, old)

    def take_names(self, other: DailyTable) -> None:
        """Symbols that were renamed in another table have been so in this one."""
        for new, old in other._before.items():
            self.rename(old, new)

    def between(self, symbols: Symbols, after: Longs, day: int) -> tuple[Longs, Longs]:
        """Where each symbol's bars after `after` ``int64[n]`` and before `day` stand: first, and one past the last."""
        if not len(self.day):
            none = np.zeros(len(symbols), np.int64)
            return none, none
        if self._before:
            symbols = np.array([self._before.get(symbol, symbol) for symbol in symbols.tolist()], SYMBOL)
        number = np.minimum(np.searchsorted(self.symbols, symbols), len(self.symbols) - 1)
        first = np.searchsorted(self._order, number * _DAYS + after, side="right")
        end = np.searchsorted(self._order, number * _DAYS + day)
        return first, np.where(self.symbols[number] == symbols, end, first)

    def closes_before(self, symbols: Symbols, day: int) -> tuple[Floats, Longs]:
        """Close of each symbol's newest day before `day`, ``float64[n]``, NaN if none or stale; and that day."""
        first, end = self.between(symbols, np.full(len(symbols), day - STALE_DAYS - 1), day)
        closes, days, known = np.full(len(symbols), np.nan), np.zeros(len(symbols), np.int64), first < end
        closes[known], days[known] = self.values[CLOSE, end[known] - 1], self.day[end[known] - 1]
        return closes, days


class Days:
    """What is known of each row's days before the present one.

    Args:
        table: official daily bars.
        specs: indicators to compute on daily bars.

    Attributes:
        table: in use.
        previous: ``float64[capacity]``, official close of the day before each row's newest bar; NaN while unknown.
        frame: daily bars; a bar's start is midnight UTC of its date.
    """

    def __init__(self, table: DailyTable, specs: Iterable[Spec] = ()) -> None:
        self.table = table
        self.frame = Frame(specs)
        self._day = np.zeros(0, np.int64)  # of the newest bar
        self.previous = np.zeros(0)
        self._own = OwnDay()
        self.reserve(self.frame.capacity)

    def reserve(self, capacity: int) -> None:
        """Make room for at least `capacity` rows; unknown at first."""
        self.frame.reserve(capacity)
        more = self.frame.capacity - len(self._day)
        if more > 0:
            self._day = np.pad(self._day, (0, more))
            self.previous = np.pad(self.previous, (0, more), constant_values=np.nan)
        self._own.reserve(self.frame.capacity)

    def begin(self, rows: Longs, symbols: Symbols, day: int) -> Longs:
        """A bar of `day` comes for each of `rows`: where it is the first of its day, the days before are over.

        Args:
            rows: ``int64[n]``, none twice.
            symbols: ``S16[n]``.
            day: days since 1970, in the exchange's time zone.

        Returns:
            Rows that have new daily bars.
        """
        new = self._day[rows] < day
        if not new.any():
            return rows[:0]
        rows, symbols = rows[new], symbols[new]
        official, dated = self.table.closes_before(symbols, day)
        own = self._own.over(rows)
        newer = ~np.isnan(own[CLOSE]) & (self._day[rows] > dated)
        self.previous[rows] = np.where(newer | np.isnan(official), own[CLOSE], official)
        self._feed(rows, symbols, day, own)
        self._day[rows] = day
        return rows

    def again(self, rows: Longs, symbols: Symbols) -> Longs:
        """After another table has come into use: days before the present one as they would be, had it always been.

        Left as they are: rows whose day has not begun, and daily bars that are newer than the table's newest.

        Args:
            rows: ``int64[n]``, none twice.
            symbols: ``S16[n]``.

        Returns:
            Rows whose daily bars or previous close have changed. Cost: that of up to `HISTORY` daily bars a row that
            has more of them now, next to nothing for the others.
        """
        changed = np.zeros(len(rows), np.bool_)
        for day in np.unique(self._day[rows][self._day[rows] > 0]).tolist():
            at = np.flatnonzero(self._day[rows] == day)
            changed[at] = self._again(rows[at], symbols[at], day)
        return rows[changed]

    def _again(self, rows: Longs, symbols: Symbols, day: int) -> Flags:
        official = self.table.closes_before(symbols, day)[0]
        told: Flags = ~np.isnan(official) & (official != self.previous[rows])
        self.previous[rows[told]] = official[told]
        if not self.frame.specs:
            return told
        first, end = self.table.between(symbols, np.zeros(len(rows), np.int64), day)
        newest, known = np.full(len(rows), -1), first < end
        newest[known] = self.table.day[end[known] - 1]
        held = np.where(self.frame.count[rows] > 0, self.frame.last_start[rows] // DAY_MS, -1)
        more = (newest > held) | ((newest == held) & (np.minimum(end - first, HISTORY) > self.frame.count[rows]))
        if more.any():
            self.frame.zero(rows[more])
            self._feed(rows[more], symbols[more], day, np.full((5, int(more.sum())), np.nan))
        told |= more
        return told

    def take(self, rows: Longs, start_ms: int, bars: Floats, at: Moment) -> None:
        """Minute bars of one start for `rows`, and what the calendar says of it. O(1) a bar.

        Args:
            rows: ``int64[n]``, none twice. Nothing is done for those whose day is another, or that have had a bar
                16 minutes later.
            start_ms: of all bars. They may come late, and again: the last version holds.
            bars: ``float64[>=5, n]``.
            at: that moment.
        """
        today = self._day[rows] == at.day
        if not today.all():
            rows, bars = rows[today], bars[:, today]
        if at.phase == Phase.REGULAR:
            self._own.put(rows, start_ms, bars)
        elif start_ms == at.close_ms:
            self._own.close_at(rows, bars[OPEN])

    def split(self, row: int, symbol: bytes, day: int, ratio: float) -> bool:
        """Begin `day` in new shares, before its first bar: the days before are over, daily indicators start anew.

        Args:
            row: of the symbol.
            symbol: its bars in the table are in new shares already.
            day: days since 1970.
            ratio: of a new price to an old one.

        Returns:
            False, and nothing was changed, if that day or a later one has begun.
        """
        if self._day[row] >= day:
            return False
        rows = np.array([row])
        self._own.split(rows, ratio)
        self.frame.zero(rows)
        self.begin(rows, np.array([symbol], SYMBOL), day)
        return True

    def zero(self, rows: Longs | int) -> None:
        """Forget rows."""
        self.frame.zero(rows)
        self._day[rows] = 0
        self.previous[rows] = np.nan
        self._own.zero(rows)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The whole state as plain arrays: the frame's under ``frame/``, and ``day``, ``previous``, and `OwnDay`'s."""
        frame = {f"frame/{name}": array for name, array in self.frame.to_arrays().items()}
        return {**frame, "day": self._day, "previous": self.previous, **self._own.to_arrays()}

    def load_arrays(self, arrays: Mapping[str, NDArray[Any]]) -> tuple[str, ...]:
        """Go on where `to_arrays` left off; copies. Returns the keys of indicators that warm up.

        Raises:
            Exception: arrays are missing or do not fit; another one has to be made.
        """
        frame = {name.removeprefix("frame/"): array for name, array in arrays.items() if name.startswith("frame/")}
        fresh = self.frame.load_arrays(frame)
        self._day = arrays["day"].astype(np.int64)
        self.previous = arrays["previous"].astype(np.float64)
        self._own.load_arrays(arrays)
        self.reserve(len(self._day))
        return fresh

    def _feed(self, rows: Longs, symbols: Symbols, day: int, own: Floats) -> None:
        """Close the daily bars that have not been closed yet, oldest first, official ones before our own."""
        if not self.frame.specs:
            return
        last = self.frame.last_start[rows] // DAY_MS * (self.frame.count[rows] > 0)
        first, end = self.table.between(symbols, last, day)
        first = np.maximum(first, end - HISTORY)
        while len(left := np.flatnonzero(first < end)):
            self._close(rows[left], self.table.day[first[left]], self.table.values[:, first[left]])
            first[left] += 1
        known = ~np.isnan(own[CLOSE]) & (self._day[rows] * DAY_MS > self.frame.last_start[rows])
        self._close(rows[known], self._day[rows[known]], own[:, known])

    def _close(self, rows: Longs, day: Longs, values: Floats) -> None:
        """One daily bar for each row; where only its close is known, that is all its prices."""
        if not len(rows):
            return
        prices = np.where(np.isnan(values[:CLOSE]), values[CLOSE], values[:CLOSE])
        prices[HIGH] = np.maximum(prices[HIGH], values[CLOSE])
        prices[LOW] = np.minimum(prices[LOW], values[CLOSE])
        volume = np.nan_to_num(values[VOLUME])
        before = np.where(self.frame.count[rows] > 0, self.frame.bar("close", rows), np.nan)
        bars = np.array([*prices, values[CLOSE], volume, np.full(len(rows), np.nan)])
        outside = np.array([before, np.full(len(rows), np.nan)])
        self.frame.update(rows, day * DAY_MS, bars, day * DAY_MS, outside)

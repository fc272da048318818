"""The minute bars that are known, by day and symbol: what the exchange's REST answers from."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from streams.bars import SYMBOL
from streams.simulator.hours import date_of, trading_day
from streams.simulator.summary import DaySummary

if TYPE_CHECKING:
    from streams.simulator.hours import TradingDay
    from streams.simulator.tape import Prints
    from streams.types import Floats, Longs, Symbols

MOST_ROWS: Final = 8_000_000
"""Minute bars that are kept, about 550 MB: beyond, those of the oldest day go; its daily bars stay."""

COLUMNS: Final = 7
"""Rows of values: open, high, low, close, volume, vwap (NaN where not known), trades."""

_EPOCH = date(1970, 1, 1).toordinal()
_ROOM = 1_024


class Bars(NamedTuple):
    """n bars of one symbol in order of start.

    Attributes:
        start_ms: ``int64[n]``.
        values: ``float64[7, n]``, see `COLUMNS`.
    """

    start_ms: Longs
    values: Floats


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return day.toordinal() - _EPOCH


def day_date(number: int) -> date:
    """The date so many days after 1970-01-01."""
    return date.fromordinal(number + _EPOCH)


class Book:
    """All minute bars so far; one that comes again replaces the earlier one.

    Args:
        most_rows: see `MOST_ROWS`.

    Attributes:
        rows: minute bars held, repeated ones among them.
    """

    def __init__(self, most_rows: int = MOST_ROWS) -> None:
        self.rows = 0
        self._most_rows = most_rows
        self._positions: defaultdict[bytes, int] = defaultdict(lambda: len(self._positions))
        self._days: dict[int, _Day] = {}

    @property
    def symbols(self) -> Symbols:
        """``S16[N]``, all that ever had a bar, by position."""
        return np.array(list(self._positions), SYMBOL)

    @property
    def days(self) -> list[int]:
        """Days that have bars, in order."""
        return sorted(self._days)

    def add(self, prints: Prints) -> None:
        """Take in minute bars of one start and of different symbols, the fields of the day filled."""
        bars = prints.bars
        start_ms = int(bars.start_ms[0])
        day = self._day(date_of(start_ms))
        index = np.fromiter(map(self._positions.__getitem__, bars.symbol.tolist()), np.int64, bars.size)
        trades = np.maximum(np.round(bars.values[4] / prints.trade_size), 1.0)
        values = np.vstack((bars.values[:6], trades))
        day.summary.reserve(len(self._positions))
        day.summary.add(start_ms, index, values, bars.values[6], bars.values[8])
        day.append(start_ms, index, values)
        self.rows += bars.size
        self._make_room()

    def position(self, symbol: bytes) -> int | None:
        """Where a symbol stands, None if it never had a bar."""
        return self._positions.get(symbol)

    def summary(self, day: int) -> DaySummary | None:
        """What a day's bars make, by position, `len(symbols)` long; None for a day without bars."""
        found = self._days.get(day)
        if found is None:
            return None
        found.summary.reserve(len(self._positions))
        return found.summary

    def minutes(self, symbol: bytes, from_ms: int, to_ms: int) -> Bars:
        """The bars of a symbol that start in ``[from_ms, to_ms)``, in order, none twice."""
        position = self.position(symbol)
        days = [self._days[k] for k in self.days if self._days[k].meets(from_ms, to_ms)] if position is not None else []
        pieces = [day.of(position, from_ms, to_ms) for day in days if position is not None]
        if not pieces:
            return Bars(np.zeros(0, np.int64), np.zeros((COLUMNS, 0)))
        return Bars(
            np.concatenate([piece.start_ms for piece in pieces]),
            np.concatenate([piece.values for piece in pieces], axis=1),
        )

    def _day(self, day: date) -> _Day:
        number = day_number(day)
        if number not in self._days:
            self._days[number] = _Day(trading_day(day))
        return self._days[number]

    def _make_room(self) -> None:
        while self.rows > self._most_rows:
            full = [day for day in self.days[:-1] if self._days[day].size]
            if not full:
                return
            self.rows -= self._days[full[0]].clear()


class _Day:
    """One day's minute bars in order of arrival, and their summary."""

    def __init__(self, hours: TradingDay) -> None:
        self.summary = DaySummary(hours)
        self.size = 0
        self._hours = hours
        self._room()

    def meets(self, from_ms: int, to_ms: int) -> bool:
        return self._hours.midnight_ms < to_ms and from_ms < self._hours.end_ms

    def append(self, start_ms: int, index: Longs, values: Floats) -> None:
        end = self.size + len(index)
        self._reserve(end)
        rows = slice(self.size, end)
        self._index[rows], self._start_ms[rows], self._values[:, rows] = index, start_ms, values
        self.size = end

    def of(self, position: int, from_ms: int, to_ms: int) -> Bars:
        """The bars of one symbol in order of start, of equal starts the last that arrived."""
        start_ms = self._start_ms[: self.size]
        wanted = (self._index[: self.size] == position) & (start_ms >= from_ms) & (start_ms < to_ms)
        found = np.flatnonzero(wanted)
        found = found[np.argsort(start_ms[found], kind="stable")]
        last = np.ones(len(found), np.bool_)
        last[:-1] = np.diff(start_ms[found]) > 0
        return Bars(start_ms[found[last]], self._values[:, found[last]])

    def clear(self) -> int:
        """Forget the minute bars, not the summary; returns how many they were."""
        size, self.size = self.size, 0
        self._room()
        return size

    def _room(self) -> None:
        self._index = np.zeros(0, np.int32)
        self._start_ms = np.zeros(0, np.int64)
        self._values = np.zeros((COLUMNS, 0))

    def _reserve(self, size: int) -> None:
        if size <= len(self._index):
            return
        more = max(size, 2 * len(self._index), _ROOM) - len(self._index)
        self._index = np.concatenate((self._index, np.zeros(more, np.int32)))
        self._start_ms = np.concatenate((self._start_ms, np.zeros(more, np.int64)))
        self._values = np.concatenate((self._values, np.zeros((COLUMNS, more))), axis=1)

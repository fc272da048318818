"""Daily bars as they are known at a moment: built of minute bars, and official ones once the day has closed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.bars import SYMBOL
from streams.dailyfile import DailyBars
from streams.simulator.book import day_date, day_number
from streams.simulator.hours import date_of, trading_day
from streams.simulator.summary import CLOSE, HIGH, LOW, OPEN, VOLUME

if TYPE_CHECKING:
    from streams.simulator.book import Book
    from streams.types import Floats, Longs, Symbols


class DayBars(NamedTuple):
    """n daily bars.

    Attributes:
        symbol: ``S16[n]``.
        day: ``int64[n]``, days since 1970-01-01.
        values: ``float64[6, n]``: open, high, low, close of the regular hours, volume and vwap of all hours; only
            vwap may be NaN.
    """

    symbol: Symbols
    day: Longs
    values: Floats


class Days:
    """The daily bars.

    An official bar goes before a built one. What it leaves out is taken from the built one, and if there is none,
    open, high and low are the close.

    Args:
        book: the minute bars.
        official: official ones, of any time; None if there are none.
    """

    def __init__(self, book: Book, official: DailyBars | None = None) -> None:
        self._book = book
        none = DailyBars(np.zeros(0, SYMBOL), np.zeros(0, np.int64), np.zeros((5, 0)), 0)
        self._official = official or none
        self._names = np.unique(self._official.symbol)
        self._by_day = np.argsort(self._official.day, kind="stable")
        self._sorted_days = self._official.day[self._by_day]

    @property
    def symbols(self) -> Symbols:
        """``S16[N]``, all that have a bar of any kind, sorted; also those whose bars are still to come."""
        return np.unique(np.concatenate((self._book.symbols, self._names)))

    def of_day(self, day: int, now_ms: int) -> DayBars:
        """The bars of one day in order of symbol, that of today as it stands."""
        built = self._built(day)
        low, high = np.searchsorted(self._sorted_days, [day, day + 1])
        rows = self._by_day[low:high] if _closed(day, now_ms) else self._by_day[:0]
        symbol, place = np.unique(np.concatenate((built.symbol, self._official.symbol[rows])), return_inverse=True)
        size = len(built.symbol)
        values = _joined(len(symbol), (place[:size], built.values), (place[size:], self._official.values[:, rows]))
        return DayBars(symbol, np.full(len(symbol), day, np.int64), values)

    def of_symbol(self, symbol: bytes, first_day: int, last_day: int, now_ms: int) -> DayBars:
        """The bars of one symbol, first and last day among them, in order of day, that of today as it stands."""
        found = self._official
        start, end = np.searchsorted(found.symbol, symbol), np.searchsorted(found.symbol, symbol, side="right")
        low, high = start + np.searchsorted(found.day[start:end], [first_day, min(last_day, _last_closed(now_ms)) + 1])
        rows = slice(int(low), max(int(low), int(high)))
        built = self._built_of(symbol, first_day, last_day)
        day, place = np.unique(np.concatenate((built.day, found.day[rows])), return_inverse=True)
        size = len(built.day)
        values = _joined(len(day), (place[:size], built.values), (place[size:], found.values[:, rows]))
        return DayBars(np.full(len(day), symbol, SYMBOL), day, values)

    def last_before(self, day: int, now_ms: int) -> int | None:
        """The latest day before `day` on which anything traded, as far as is known."""
        known = min(day - 1, _last_closed(now_ms))
        rows = np.searchsorted(self._sorted_days, known, side="right")
        official = [int(self._sorted_days[rows - 1])] if rows else []
        earlier = (found for found in reversed(self._book.days) if found < day)
        built = next((found for found in earlier if self._built(found).day.size), None)
        return max([*official, *([built] if built is not None else [])], default=None)

    def _built(self, day: int) -> DayBars:
        summary = self._book.summary(day)
        if summary is None:
            return _NONE
        traded = np.flatnonzero(~np.isnan(summary.regular[OPEN]))
        return DayBars(self._book.symbols[traded], np.full(len(traded), day, np.int64), summary.regular[:, traded])

    def _built_of(self, symbol: bytes, first_day: int, last_day: int) -> DayBars:
        position = self._book.position(symbol)
        days = [day for day in self._book.days if first_day <= day <= last_day]
        summaries = [summary for day in days if (summary := self._book.summary(day)) is not None]
        if position is None or not summaries:
            return _NONE
        values = np.stack([summary.regular[:, position] for summary in summaries], axis=1)
        traded = ~np.isnan(values[OPEN])
        return DayBars(np.full(int(traded.sum()), symbol, SYMBOL), np.array(days, np.int64)[traded], values[:, traded])


_NONE = DayBars(np.zeros(0, SYMBOL), np.zeros(0, np.int64), np.zeros((6, 0)))


def _closed(day: int, now_ms: int) -> bool:
    return now_ms >= trading_day(day_date(day)).close_ms


def _last_closed(now_ms: int) -> int:
    """The latest day whose close has passed."""
    today = day_number(date_of(now_ms))
    return today if _closed(today, now_ms) else today - 1


def _joined(size: int, built: tuple[Longs, Floats], official: tuple[Longs, Floats]) -> Floats:
    values = np.full((6, size), np.nan)
    values[:, built[0]] = built[1]
    place, said = official
    values[:5, place] = np.where(np.isnan(said), values[:5, place], said)
    close = values[CLOSE]
    for row in (OPEN, HIGH, LOW):
        values[row] = np.where(np.isnan(values[row]), close, values[row])
    values[HIGH] = np.maximum(values[HIGH], np.maximum(values[OPEN], close))
    values[LOW] = np.minimum(values[LOW], np.minimum(values[OPEN], close))
    values[VOLUME] = np.nan_to_num(values[VOLUME])
    return values

"""Market minutes from the bars of a file, with the totals of the day that the wire carries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from streams.bars import MINUTE_MS, SECOND_MS, BarBatch
from streams.simulator.errors import SourceError
from streams.simulator.hours import date_of, trading_day
from streams.simulator.tape import NOTHING, Minute, Prints, groups

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from streams.barfile import BarFile
    from streams.types import Floats, Longs

ROUND_LOT: Final = 100
"""Average size of a trade, and at most the bar's volume, where the file does not count trades."""

_HIGH, _LOW, _CLOSE, _VOLUME, _VWAP, _DAY = 1, 2, 3, 4, 5, slice(6, 9)


class FileTape:
    """The bars of a file as a source of minutes: minute bars as they are, second bars with minute bars built of them.

    Args:
        file: opened bars.
        from_ms: earlier bars are not served.
        to_ms: nor those that start then or later.

    Attributes:
        start_ms: start of the first minute.
        end_ms: end of the last bar.
        symbols: ``S16[n]``, all of the file, sorted.

    Raises:
        SourceError: the file has no bars in that time.
    """

    def __init__(self, file: BarFile, *, from_ms: int | None = None, to_ms: int | None = None) -> None:
        span = file.span(from_ms, to_ms)
        if span is None:
            raise SourceError(f"{file.path} has no bars in the time asked for")
        self.start_ms, self.end_ms = span[0] // MINUTE_MS * MINUTE_MS, span[1] + file.length_ms
        self.symbols = file.symbols[file.symbols != b""]
        self._file, self._from_ms, self._to_ms = file, from_ms, to_ms

    def earlier(self) -> Iterator[Minute]:
        """The minutes of the file before the first one served, in order; none if it is served from its beginning."""
        if self._from_ms is None:
            return iter(())
        return market_minutes(self._file.indexed(None, self._from_ms), len(self._file.symbols))

    def minutes(self) -> Iterator[Minute]:
        """All minutes in order, each read when it is asked for."""
        return market_minutes(self._file.indexed(self._from_ms, self._to_ms), len(self._file.symbols))


class DayTotals:
    """Volume, official open and vwap of the day so far, by position of a symbol.

    The open is that of the first bar at or after 09:30 New York; before, it is not known. The vwap of the day is
    known while that of every bar is.

    Args:
        symbols: how many there are.
    """

    def __init__(self, symbols: int) -> None:
        self._volume = np.zeros(symbols)
        self._turnover = np.zeros(symbols)
        self._open = np.full(symbols, np.nan)
        self._day = trading_day(date_of(0))

    def add(self, index: Longs, bars: BarBatch) -> Floats:
        """Count bars of one start and of different symbols.

        Args:
            index: ``int64[n]``, positions of their symbols.
            bars: the bars.

        Returns:
            ``float64[3, n]``: the day's volume, open and vwap with these bars; NaN where not known.
        """
        start_ms = int(bars.start_ms[0])
        if not self._day.midnight_ms <= start_ms < self._day.end_ms:
            self._begin(start_ms)
        self._volume[index] += bars.values[_VOLUME]
        self._turnover[index] += bars.values[_VOLUME] * bars.values[_VWAP]
        if start_ms >= self._day.open_ms:
            self._open[index] = np.where(np.isnan(self._open[index]), bars.values[0], self._open[index])
        volume = self._volume[index]
        return np.stack((volume.round(6), self._open[index], (self._turnover[index] / volume).round(4)))

    def _begin(self, start_ms: int) -> None:
        self._day = trading_day(date_of(start_ms))
        self._volume[:], self._turnover[:], self._open[:] = 0.0, 0.0, np.nan


def market_minutes(pieces: Iterable[tuple[BarBatch, Longs]], symbols: int) -> Iterator[Minute]:
    """The minutes of a file of bars of one length.

    Of second bars, the minute bars are built: open of the first, extremes, close of the last, summed volume.

    Args:
        pieces: bars in order of (start, symbol) with positions of their symbols; no minute is cut in two.
        symbols: how many there are.
    """
    totals = DayTotals(symbols)
    for bars, index in pieces:
        for minute in groups(bars.start_ms // MINUTE_MS):
            yield _minute(totals, bars.take(minute), index[minute])


def _minute(totals: DayTotals, bars: BarBatch, index: Longs) -> Minute:
    for moment in groups(bars.start_ms):
        bars.values[_DAY, moment] = totals.add(index[moment], bars.take(moment))
    start_ms = int(bars.start_ms[0]) // MINUTE_MS * MINUTE_MS
    if bars.length_ms[0] == SECOND_MS:
        return Minute(start_ms, _printed(bars), _printed(merged(start_ms, bars, index)))
    return Minute(start_ms, NOTHING, _printed(bars))


def _printed(bars: BarBatch) -> Prints:
    return Prints(bars, np.clip(bars.values[_VOLUME], 1, ROUND_LOT).astype(np.int64))


def merged(start_ms: int, seconds: BarBatch, index: Longs) -> BarBatch:
    """Minute bars of the second bars of one minute, in order of symbol.

    Args:
        start_ms: start of the minute.
        seconds: in order of (start, symbol), the fields of the day filled.
        index: ``int64[n]``, positions of their symbols.
    """
    order = np.argsort(index, kind="stable")
    sorted_index, sorted_values = index[order], seconds.values[:, order]
    first = np.flatnonzero(np.diff(sorted_index, prepend=-1))
    last = np.append(first[1:], len(order)) - 1
    values = sorted_values[:, last].copy()  # the close, and the day as it stood after the last second
    values[0] = sorted_values[0, first]
    values[_HIGH] = np.maximum.reduceat(sorted_values[_HIGH], first)
    values[_LOW] = np.minimum.reduceat(sorted_values[_LOW], first)
    values[_VOLUME] = np.add.reduceat(sorted_values[_VOLUME], first)
    turnover = np.add.reduceat(sorted_values[_VOLUME] * sorted_values[_VWAP], first)
    values[_VWAP] = (turnover / values[_VOLUME]).round(4)
    starts = np.full(len(first), start_ms, np.int64)
    length = np.full(len(first), MINUTE_MS, np.int64)
    return BarBatch(seconds.symbol[order][first], starts, length, starts + length, values)

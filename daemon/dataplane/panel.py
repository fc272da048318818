"""Daily bars of many symbols side by side: one row a symbol, one column a trading day."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.dailyfile import DailyBars
    from streams.types import Floats, Longs, Symbols

OPEN, HIGH, LOW, CLOSE, VOLUME = range(5)


class Split(NamedTuple):
    """From its day on, `old` shares are `new` ones.

    Attributes:
        symbol: zero-padded ASCII as in ``S16``, without the padding.
        day: days since 1970, the first that trades at the new price.
        old, new: the ratio; 1 and 10 for ten new shares for each.
    """

    symbol: bytes
    day: int
    old: float
    new: float


class Panel(NamedTuple):
    """Daily bars as a table.

    Attributes:
        symbols: ``S16[s]``, sorted.
        days: ``int64[d]``, ascending, days since 1970.
        values: ``float64[5, s, d]``, open, high, low, close, volume; NaN where nothing is known.
    """

    symbols: Symbols
    days: Longs
    values: Floats


def panel(bars: DailyBars, symbols: Symbols, days: Longs, splits: Iterable[Split] = ()) -> Panel:
    """Lay out bars by symbol and trading day, prices and volumes in shares of the last day.

    Args:
        bars: as traded, not adjusted.
        symbols: ``S16[s]``, sorted; bars of others are left.
        days: ``int64[d]``, ascending; bars of other days are left.
        splits: those with a day in ``(days[0], today]`` change what lies before them; others change nothing.
    """
    row, column = np.searchsorted(symbols, bars.symbol), np.searchsorted(days, bars.day)
    known = (row < len(symbols)) & (column < len(days))
    known[known] = (symbols[row[known]] == bars.symbol[known]) & (days[column[known]] == bars.day[known])
    values = np.full((5, len(symbols), len(days)), np.nan)
    values[:, row[known], column[known]] = bars.values[:, known]
    _adjust(values, symbols, days, splits)
    return Panel(symbols, days, values)


def _adjust(values: Floats, symbols: Symbols, days: Longs, splits: Iterable[Split]) -> None:
    for split in splits:
        row = int(np.searchsorted(symbols, np.bytes_(split.symbol)))
        if row < len(symbols) and symbols[row] == split.symbol:
            before = slice(0, int(np.searchsorted(days, split.day)))
            values[:VOLUME, row, before] *= split.old / split.new
            values[VOLUME, row, before] *= split.new / split.old

"""The exchange's snapshot as quotes of given symbols. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from daemon.scan.table import Quotes

if TYPE_CHECKING:
    from streams.polygon.rest.answers import Snapshot
    from streams.types import Floats, Symbols

OPEN, HIGH, LOW, CLOSE, VOLUME = range(5)


def quotes(found: Snapshot, symbols: Symbols, day_begins_ms: int) -> tuple[Quotes, Floats]:
    """Today so far, and the previous closes ``float64[s]``, for `symbols` in their order; NaN where not told.

    A minute from before 04:00 of the day is of another day. Before the regular session the day has no open, high and
    low, and the price is that of the last minute.

    Args:
        found: of the exchange, sorted by symbol.
        symbols: ``S16[s]``.
        day_begins_ms: 04:00 New York time.
    """
    at = np.searchsorted(found.symbol, symbols)
    told = at < len(found.symbol)
    told[told] = found.symbol[at[told]] == symbols[told]
    row = np.where(told, at, 0)
    if not len(found.symbol):
        nothing = np.full(len(symbols), np.nan)
        return Quotes(*[nothing] * 5), nothing
    day, minute, previous = (np.where(told, part[:, row], np.nan) for part in (found.day, found.minute, found.previous))
    fresh = told & (found.minute_start_ms[row] >= day_begins_ms)
    price = np.where(fresh, minute[CLOSE], day[CLOSE])
    volume = np.where(fresh, found.accumulated_volume[row], day[VOLUME])
    return Quotes(price, day[OPEN], day[HIGH], day[LOW], volume), previous[CLOSE]

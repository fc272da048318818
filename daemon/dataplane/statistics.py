"""What is the same all day: each symbol's usual days, and how its sector's spread.

Computed once a day from the days before it, so nothing here knows of today.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from daemon.dataplane.panel import CLOSE, HIGH, LOW, VOLUME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from daemon.dataplane.panel import Panel
    from streams.types import Floats, Longs, Symbols

AVERAGE_DAYS: Final = 20
SHORT_DAYS, LONG_DAYS = 20, 250
PERCENTILES: Final = (10.0, 25.0, 50.0, 75.0, 90.0)
STALE_DAYS: Final = 7
"""A close older than this, in calendar days, is no previous close."""

MEASURES: Final = ("average_volume", "average_turnover", "average_range", "previous_change")


class SymbolStatistics(NamedTuple):
    """One row a symbol, ``float64[s]`` each, NaN where too little is known.

    Attributes:
        symbols: ``S16[s]``, sorted.
        previous_close: official close of the last day, in today's shares.
        previous_change: last day's close against the one before, a share: 0.01 is one percent.
        average_volume: shares a day, mean of the last 20 days; of at least 5.
        average_turnover: close times volume, dollars a day, mean of the same days.
        average_range: true range as a share of the close before, mean of the same days.
        high_20, low_20, high_250, low_250: extremes of the last 20 and 250 days; of as many as there are.
        days: days known of the 250.
    """

    symbols: Symbols
    previous_close: Floats
    previous_change: Floats
    average_volume: Floats
    average_turnover: Floats
    average_range: Floats
    high_20: Floats
    low_20: Floats
    high_250: Floats
    low_250: Floats
    days: Floats


class SectorStatistics(NamedTuple):
    """How the symbols of each sector spread.

    Attributes:
        sectors: names, sorted; symbols without one are of ``""``.
        symbols: ``int64[g]``, how many symbols each has.
        mean, deviation: ``float64[g, m]`` over its symbols, by `MEASURES`; the deviation is that of a sample.
        percentiles: ``float64[g, m, 5]``, by `PERCENTILES`.
    """

    sectors: tuple[str, ...]
    symbols: Longs
    mean: Floats
    deviation: Floats
    percentiles: Floats


LEAST_DAYS: Final = 5


def of_symbols(panel: Panel, today: int) -> SymbolStatistics:
    """Statistics for the trading day `today`, of the panel's days before it; those from it on are left.

    Cost: O(symbols * days); 7,000 by 250 in about 0.1 s.
    """
    last = int(np.searchsorted(panel.days, today))
    days, values = panel.days[max(last - LONG_DAYS, 0) : last], panel.values[:, :, max(last - LONG_DAYS, 0) : last]
    close, volume = values[CLOSE], values[VOLUME]
    recent = values[:, :, -AVERAGE_DAYS:]
    newest, before = _last_two(close)
    fresh = today - _day_of_last(close, days) <= STALE_DAYS
    return SymbolStatistics(
        panel.symbols,
        np.where(fresh, newest, np.nan),
        np.where(fresh, newest / before - 1.0, np.nan),
        _mean(volume[:, -AVERAGE_DAYS:]),
        _mean((close * volume)[:, -AVERAGE_DAYS:]),
        _mean(_relative_range(values)[:, -AVERAGE_DAYS:]),
        _extreme(np.fmax, recent[HIGH], recent[CLOSE]),
        _extreme(np.fmin, recent[LOW], recent[CLOSE]),
        _extreme(np.fmax, values[HIGH], close),
        _extreme(np.fmin, values[LOW], close),
        np.isfinite(close).sum(axis=1).astype(np.float64),
    )


def of_sectors(symbols: SymbolStatistics, sector_of: Mapping[bytes, str]) -> SectorStatistics:
    """Means, deviations and percentiles of `MEASURES` over the symbols of each sector; unknown values left out."""
    names = [sector_of.get(symbol, "") for symbol in symbols.symbols.tolist()]
    sectors, group = np.unique(np.array(names, np.str_), return_inverse=True)
    table = np.stack([getattr(symbols, measure) for measure in MEASURES])
    parts = [table[:, group == g] for g in range(len(sectors))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of none the mean is NaN, which is what is meant
        return SectorStatistics(
            tuple(sectors.tolist()),
            np.bincount(group, minlength=len(sectors)).astype(np.int64),
            np.array([np.nanmean(part, axis=1) for part in parts]).reshape(-1, len(MEASURES)),
            np.array([np.nanstd(part, axis=1, ddof=1) for part in parts]).reshape(-1, len(MEASURES)),
            np.array([np.nanpercentile(part, PERCENTILES, axis=1).T for part in parts]).reshape(
                -1, len(MEASURES), len(PERCENTILES)
            ),
        )


def _relative_range(values: Floats) -> Floats:
    """True range as a share of the last close that is known before."""
    close = values[CLOSE]
    before = np.full_like(close, np.nan)
    before[:, 1:] = _filled(close)[:, :-1]
    high, low = np.fmax(values[HIGH], before), np.fmin(values[LOW], before)
    ranges: Floats = np.where(np.isfinite(values[HIGH]), high - low, np.abs(close - before))
    relative: Floats = ranges / before
    return relative


def _filled(close: Floats) -> Floats:
    """Each day's last known close."""
    known = np.isfinite(close)
    place = np.maximum.accumulate(np.where(known, np.arange(close.shape[1]), 0), axis=1)
    filled: Floats = np.take_along_axis(close, place, axis=1)
    return filled


def _last_two(close: Floats) -> tuple[Floats, Floats]:
    """The newest close, and the one known before it."""
    if not close.shape[1]:
        nothing = np.full(len(close), np.nan)
        return nothing, nothing
    filled = _filled(close)
    place = close.shape[1] - 1 - np.argmax(np.isfinite(close)[:, ::-1], axis=1)
    before = filled[np.arange(len(close)), place - 1]
    return filled[:, -1], np.where(place > 0, before, np.nan)


def _day_of_last(close: Floats, days: Longs) -> Longs:
    """The day of each newest close; 0 for none."""
    known = np.isfinite(close)
    last: Longs = np.max(np.where(known, days, 0), axis=1, initial=0)
    return last


def _mean(values: Floats) -> Floats:
    """Mean over the days known, NaN for fewer than `LEAST_DAYS`."""
    count = np.isfinite(values).sum(axis=1)
    total = np.nansum(values, axis=1)
    return np.where(count >= LEAST_DAYS, total / np.maximum(count, 1), np.nan)


def _extreme(of: np.ufunc, extreme: Floats, close: Floats) -> Floats:
    """Over the days known; where only its close is known, that is all of a day."""
    result: Floats = of.reduce(of(extreme, close), axis=1, initial=np.nan)
    return result

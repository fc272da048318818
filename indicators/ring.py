"""The ring of closed bars that all indicators of a timeframe look back into.

``float64[depth, capacity]``, a column a symbol: bars that close together stand side by side. Each field has
its own stretch, as deep as the deepest look-back into it, rounded up to a power of two; a field that nobody
looks back into takes little. The bar number b of a row (its first bar is 0) stands at ``offset + (b &
mask)``, so that ``count - lag`` finds a bar whoever asks: a second state that trails behind uses the same
ring with its own count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import inlined, kernel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from indicators.types import Floats, Longs

FIELDS = ("open", "high", "low", "close", "volume", "vwap")
"""Rows of a block of bars, in order."""

OPEN, HIGH, LOW, CLOSE, VOLUME, VWAP = range(6)
START_MS, SESSION = range(2)
PREVIOUS_CLOSE, MARKET = range(2)


def places(depths: Mapping[str, int]) -> Longs:
    """Offset and mask of each field, ``int64[6, 2]``, in a ring that keeps `depths` bars."""
    sizes = np.array([1 << max(depths.get(field, 1) - 1, 0).bit_length() for field in FIELDS], np.int64)
    return np.stack([np.cumsum(sizes) - sizes, sizes - 1], axis=1)


def depth(layout: Longs) -> int:
    """Values that a ring with this layout keeps of a symbol."""
    return int(layout[-1, 0] + layout[-1, 1] + 1)


@inlined
def typical(bars: Floats, i: int) -> float:
    """Mean of high, low and close of bar i."""
    return float((bars[HIGH, i] + bars[LOW, i] + bars[CLOSE, i]) / 3.0)


@inlined
def price(bars: Floats, field: int, i: int) -> float:
    """One field of bar i; the typical price stands in for an unknown vwap, so that no NaN enters a sum."""
    value = bars[field, i]
    if field == VWAP and np.isnan(value):
        return typical(bars, i)
    return float(value)


@kernel
def gather(
    rows: Longs,
    start_ms: Longs,
    session: Longs,
    ring: Floats,
    count: Longs,
    lags: Longs,
    time: Longs,
    lagged: Floats,
) -> bool:
    """Collect what kernels read of the past: fill time ``int64[2, n]`` and lagged ``float64[lags, n]``.

    Each row's bar stands in another line of memory. Fetched here, in loops that do nothing else, many are
    under way at once; fetched inside the kernels, each would be waited for.

    Args:
        rows: ``int64[n]``.
        start_ms: ``int64[n]``.
        session: ``int64[n]``.
        ring: ``float64[depth, capacity]``.
        count: ``int64[capacity]``.
        lags: ``int64[lags, 3]``, offset and mask of the field, and how many bars back (1 is the last closed).
        time: filled with the start of each bar and its session.
        lagged: filled with the values; without meaning where a row has fewer bars.

    Returns:
        False, with nothing gathered, if a row lies outside the ring.
    """
    for i in range(rows.shape[0]):
        if rows[i] < 0 or rows[i] >= ring.shape[1]:
            return False
        time[START_MS, i] = start_ms[i]
        time[SESSION, i] = session[i]
    for k in range(lags.shape[0]):
        offset, mask, lag = lags[k, 0], lags[k, 1], lags[k, 2]
        for i in range(rows.shape[0]):
            row = rows[i]
            lagged[k, i] = ring[offset + ((count[row] - lag) & mask), row]
    return True


@kernel
def append(
    rows: Longs, bars: Floats, time: Longs, layout: Longs, ring: Floats, count: Longs, last_start: Longs
) -> None:
    """Put one bar for each row into the ring and count it."""
    for field in range(layout.shape[0]):
        offset, mask = layout[field, 0], layout[field, 1]
        for i in range(rows.shape[0]):
            row = rows[i]
            ring[offset + (count[row] & mask), row] = price(bars, field, i)
    for i in range(rows.shape[0]):
        count[rows[i]] += 1
        last_start[rows[i]] = time[START_MS, i]


def look_back(ring: Floats, layout: Longs, field: int, rows: Longs, number: Longs) -> Floats:
    """Value of a field in bar `number` (``int64[n]``, from 0) of each row, ``float64[n]``."""
    offset, mask = layout[field]
    values: Floats = ring[offset + (number & mask), rows]
    return values


def relaid(ring: Floats, old: Longs, new: Longs, count: Longs) -> Floats:
    """The newest bars in another layout, ``float64[depth(new), capacity]``; what is missing is zero."""
    if np.array_equal(old, new):
        return ring
    target = np.zeros((depth(new), len(count)))
    rows = np.arange(len(count))
    for field in range(len(FIELDS)):
        for lag in range(1, int(min(old[field, 1], new[field, 1])) + 2):
            number = count - lag
            value = look_back(ring, old, field, rows, number)
            target[new[field, 0] + (number & new[field, 1]), rows] = np.where(number >= 0, value, 0.0)
    return target

"""The ring of closed bars that all indicators of a timeframe look back into.

One row a symbol, ``float64[capacity, width]``. Each field has its own stretch of the row, as deep as the
deepest look-back into it, rounded up to a power of two; a field that nobody looks back into takes little. The
bar number b of a row (its first bar is 0) stands at ``offset + (b & mask)``, so that ``count - lag`` finds a
bar whoever asks: a second state that trails behind uses the same ring with its own count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import kernel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from indicators.types import Floats, Longs

FIELDS = ("open", "high", "low", "close", "volume", "vwap")
"""Rows of a block of bars, in order."""

OPEN, HIGH, LOW, CLOSE, VOLUME, VWAP = range(6)
START_MS, SESSION = range(2)


def places(depths: Mapping[str, int]) -> Longs:
    """Offset and mask of each field, ``int64[6, 2]``, in a ring that keeps `depths` bars."""
    sizes = np.array([1 << max(depths.get(field, 1) - 1, 0).bit_length() for field in FIELDS], np.int64)
    return np.stack([np.cumsum(sizes) - sizes, sizes - 1], axis=1)


def width(layout: Longs) -> int:
    """Columns of a ring with this layout."""
    return int(layout[-1, 0] + layout[-1, 1] + 1)


@kernel
def typical(bars: Floats, i: int) -> float:
    """Mean of high, low and close of bar i."""
    return float((bars[HIGH, i] + bars[LOW, i] + bars[CLOSE, i]) / 3.0)


@kernel
def price(bars: Floats, field: int, i: int) -> float:
    """One field of bar i; the typical price stands in for an unknown vwap, so that no NaN enters a sum."""
    value = bars[field, i]
    if field == VWAP and np.isnan(value):
        return typical(bars, i)
    return float(value)


@kernel
def stretch(offset: float, mask: float) -> slice:
    """The columns of one field."""
    return slice(int(offset), int(offset) + int(mask) + 1)


@kernel
def prepare(rows: Longs, start_ms: Longs, session: Longs, capacity: int, time: Longs) -> bool:
    """Fill time ``int64[2, n]``; False if a row lies outside the frame."""
    inside = True
    for i in range(rows.shape[0]):
        inside &= 0 <= rows[i] < capacity
        time[START_MS, i] = start_ms[i]
        time[SESSION, i] = session[i]
    return inside


@kernel
def append(
    rows: Longs, bars: Floats, time: Longs, layout: Longs, ring: Floats, count: Longs, last_start: Longs
) -> None:
    """Put one bar for each row into the ring and count it."""
    for i in range(rows.shape[0]):
        row = rows[i]
        for field in range(layout.shape[0]):
            ring[row, layout[field, 0] + (count[row] & layout[field, 1])] = price(bars, field, i)
        count[row] += 1
        last_start[row] = time[START_MS, i]


def look_back(ring: Floats, layout: Longs, field: int, rows: Longs, number: Longs) -> Floats:
    """Value of a field in bar `number` (``int64[n]``, from 0) of each row, ``float64[n]``."""
    offset, mask = layout[field]
    values: Floats = ring[rows, offset + (number & mask)]
    return values


def relaid(ring: Floats, old: Longs, new: Longs, count: Longs) -> Floats:
    """The newest bars in another layout, ``float64[capacity, width(new)]``; what is missing is zero."""
    if np.array_equal(old, new):
        return ring
    target = np.zeros((len(ring), width(new)))
    rows = np.arange(len(ring))
    for field in range(len(FIELDS)):
        for lag in range(1, int(min(old[field, 1], new[field, 1])) + 2):
            number = count - lag
            value = look_back(ring, old, field, rows, number)
            target[rows, new[field, 0] + (number & new[field, 1])] = np.where(number >= 0, value, 0.0)
    return target

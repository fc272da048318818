"""The ring of closed bars that all indicators of a timeframe look back into.

``float64[depth, capacity]``, a column a symbol: bars that close together stand side by side. Each field has
its own stretch, as deep as the deepest look-back into it, rounded up to a power of two; a field that nobody
looks back into takes little. The bar number b of a row (its first bar is 0) stands at ``offset + (b &
mask)``, so that ``count - lag`` finds a bar whoever asks.

Where bars may be corrected the ring keeps all that they brought, `KEPT`, deep enough to give the kernels again every
bar since a row's older checkpoint, see `indicators.checkpoints`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from indicators.jit import inlined, kernel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from indicators.types import Flags, Floats, Longs

FIELDS = ("open", "high", "low", "close", "volume", "vwap")
"""Rows of a block of bars, in order."""

OPEN, HIGH, LOW, CLOSE, VOLUME, VWAP = range(6)
START_MS, SESSION = range(2)
PREVIOUS_CLOSE, MARKET = range(2)

KEPT = (*FIELDS, "start_ms", "session", "previous_close", "market")
"""What a ring keeps of each bar where bars may be corrected; times as float64, exact to 2**53 milliseconds."""

STARTS = KEPT.index("start_ms")

_TIMES, _OUTSIDE, _ALL = STARTS, 8, 10


class Closed(NamedTuple):
    """Closed bars as columns, by row and then by time: what `Frame.update` takes, but that a row may come again.

    Attributes:
        rows: ``int64[n]``.
        start_ms: ``int64[n]``.
        bars: ``float64[6, n]``.
        session: ``int64[n]``.
        outside: ``float64[2, n]``.
    """

    rows: Longs
    start_ms: Longs
    bars: Floats
    session: Longs
    outside: Floats

    def take(self, chosen: Longs | Flags) -> Closed:
        """Some of the bars."""
        bars, outside = self.bars[:, chosen], self.outside[:, chosen]
        return Closed(self.rows[chosen], self.start_ms[chosen], bars, self.session[chosen], outside)


def places(depths: Mapping[str, int], corrections: int = 0) -> Longs:
    """Offset and mask of each field, ``int64[fields, 2]``, in a ring that keeps `depths` bars.

    Where bars may be corrected it keeps all of `KEPT`, and `depths` bars at each of the last ``2 * corrections``.
    """
    fields, spare = (KEPT, 2 * corrections) if corrections else (FIELDS, 1)
    sizes = np.array([1 << max(depths.get(field, 1) + spare - 2, 0).bit_length() for field in fields], np.int64)
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
    number: Longs,
    time: Longs,
    lagged: Floats,
) -> bool:
    """Collect what kernels read of the past: number ``int64[n]``, time ``int64[2, n]``, lagged ``float64[lags, n]``.

    Each row's bar stands in another line of memory. Fetched here, in loops that do nothing else, many are
    under way at once; fetched inside the kernels, each would be waited for.

    Args:
        rows: ``int64[n]``.
        start_ms: ``int64[n]``.
        session: ``int64[n]``.
        ring: ``float64[depth, capacity]``.
        count: ``int64[capacity]``.
        lags: ``int64[lags, 3]``, offset and mask of the field, and how many bars back (1 is the last closed).
        number: filled with the number of each bar.
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
        number[i] = count[rows[i]]
    for k in range(lags.shape[0]):
        offset, mask, lag = lags[k, 0], lags[k, 1], lags[k, 2]
        for i in range(rows.shape[0]):
            lagged[k, i] = ring[offset + ((number[i] - lag) & mask), rows[i]]
    return True


@kernel
def append(rows: Longs, number: Longs, bars: Floats, time: Longs, outside: Floats, layout: Longs, ring: Floats) -> None:
    """Put bars into the ring, each as the bar of its row that has this number."""
    for field in range(_TIMES):
        offset, mask = layout[field, 0], layout[field, 1]
        for i in range(rows.shape[0]):
            ring[offset + (number[i] & mask), rows[i]] = price(bars, field, i)
    if layout.shape[0] < _ALL:
        return
    for k in range(2):
        at, mask = layout[_TIMES + k, 0], layout[_TIMES + k, 1]
        beside, width = layout[_OUTSIDE + k, 0], layout[_OUTSIDE + k, 1]
        for i in range(rows.shape[0]):
            ring[at + (number[i] & mask), rows[i]] = time[k, i]
            ring[beside + (number[i] & width), rows[i]] = outside[k, i]


@kernel
def recall(
    rows: Longs,
    number: Longs,
    layout: Longs,
    ring: Floats,
    lags: Longs,
    bars: Floats,
    time: Longs,
    outside: Floats,
    lagged: Floats,
) -> None:
    """Fill in what `append` took for these bars, and what kernels then read of the past."""
    for i in range(rows.shape[0]):
        row, b = rows[i], number[i]
        for field in range(_TIMES):
            bars[field, i] = ring[layout[field, 0] + (b & layout[field, 1]), row]
        for k in range(2):
            time[k, i] = np.int64(ring[layout[_TIMES + k, 0] + (b & layout[_TIMES + k, 1]), row])
            outside[k, i] = ring[layout[_OUTSIDE + k, 0] + (b & layout[_OUTSIDE + k, 1]), row]
        for k in range(lags.shape[0]):
            lagged[k, i] = ring[lags[k, 0] + ((b - lags[k, 2]) & lags[k, 1]), row]


@kernel
def locate(
    rows: Longs, start_ms: Longs, layout: Longs, ring: Floats, count: Longs, oldest: Longs, number: Longs
) -> None:
    """Fill in the number that a bar of this start has or would have, -1 where that is below ``oldest[i]``.

    Cost: O(bars since).
    """
    offset, mask = layout[_TIMES, 0], layout[_TIMES, 1]
    for i in range(rows.shape[0]):
        row, b = rows[i], count[rows[i]]
        while b > oldest[i] and ring[offset + ((b - 1) & mask), row] >= start_ms[i]:
            b -= 1
        beyond = b > 0 and ring[offset + ((b - 1) & mask), row] >= start_ms[i]
        number[i] = -1 if beyond else b


def look_back(ring: Floats, layout: Longs, field: int, rows: Longs, number: Longs) -> Floats:
    """Value of a field in bar `number` (``int64[n]``, from 0) of each row, ``float64[n]``."""
    offset, mask = layout[field]
    values: Floats = ring[offset + (number & mask), rows]
    return values


def note_start(ring: Floats, layout: Longs, count: Longs, last_start: Longs) -> None:
    """Put the start of each row's newest bar in its place."""
    offset, mask = layout[STARTS]
    rows = np.flatnonzero(count)
    ring[offset + ((count[rows] - 1) & mask), rows] = last_start[rows]


def relaid(ring: Floats, old: Longs, new: Longs, count: Longs) -> Floats:
    """The newest bars in another layout, ``float64[depth(new), capacity]``; what is missing is zero."""
    if np.array_equal(old, new):
        return ring
    target = np.zeros((depth(new), len(count)))
    rows = np.arange(len(count))
    for field in range(min(len(old), len(new))):
        for lag in range(1, int(min(old[field, 1], new[field, 1])) + 2):
            number = count - lag
            value = look_back(ring, old, field, rows, number)
            target[new[field, 0] + (number & new[field, 1]), rows] = np.where(number >= 0, value, 0.0)
    return target

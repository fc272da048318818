"""Commodity channel index."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators import ordertree
from indicators.jit import kernel
from indicators.ordertree import below, held, insert, remove, whole
from indicators.ring import typical
from indicators.spec import Indicator, window
from indicators.sums import shift

if TYPE_CHECKING:
    from indicators.types import Floats, Longs

SEEN, PLACE, SUM, REST, LAST, RUN, WINDOW = range(7)

SHORT = 64
"""Longest window whose deviations are simply added up: below it, that is faster than any tree."""


@kernel
def _deviations_short(window: Floats, place: int, value: float, mean: float, commit: bool) -> float:
    """Sum of |x - mean| over the window after `value` took its place, in four lanes for the vector unit."""
    n, leaves = window.shape[0], window[place]
    window[place] = value
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    whole_fours = n - n % 4
    for j in range(0, whole_fours, 4):
        a += abs(window[j] - mean)
        b += abs(window[j + 1] - mean)
        c += abs(window[j + 2] - mean)
        d += abs(window[j + 3] - mean)
    for j in range(whole_fours, n):
        a += abs(window[j] - mean)
    if not commit:
        window[place] = leaves
    return (a + b) + (c + d)


@kernel
def _deviations_long(tree: Floats, place: int, full: bool, value: float, mean: float, commit: bool) -> float:
    """Sum of |x - mean| over the tree's values after `value` took its place."""
    size, total = whole(tree)
    low_size, low_total = below(tree, mean)
    leaves = held(tree, place)
    if full:
        size -= 1.0
        total -= leaves
        if leaves < mean:
            low_size -= 1.0
            low_total -= leaves
    if commit:
        if full:
            remove(tree, place)
        insert(tree, place, value)
    rest = (total - low_total) - (size - low_size) * mean
    return rest + (low_size * mean - low_total) + abs(value - mean)


@kernel
def cci(
    rows: Longs,
    bars: Floats,
    _time: Longs,
    _ring: Floats,
    _count: Longs,
    state: Floats,
    params: Floats,
    out: Floats,
    commit: bool,
) -> None:
    """Rolling mean of the typical price, and the mean distance from it over the values of the window."""
    n = int(params[0])
    for i in range(rows.shape[0]):
        row = rows[i]
        seen, place = state[row, SEEN], int(state[row, PLACE])
        value = typical(bars, i)
        window = state[row, WINDOW:]
        leaves = 0.0
        if seen >= n:
            leaves = window[place] if n <= SHORT else held(window, place)
        total, rest = shift(state[row, SUM], state[row, REST], value, leaves)
        mean = total / n
        if n <= SHORT:
            spread = _deviations_short(window, place, value, mean, commit)
        else:
            spread = _deviations_long(window, place, seen >= n, value, mean, commit)
        run = state[row, RUN] + 1.0 if value == state[row, LAST] else 1.0
        known = seen >= n - 1.0 and run < n and spread > 0.0
        out[0, row] = (value - mean) * n / (0.015 * spread) if known else np.nan
        if commit:
            state[row, SEEN] = seen + 1.0
            state[row, PLACE] = place + 1.0 if place < n - 1 else 0.0
            state[row, SUM] = total
            state[row, REST] = rest
            state[row, LAST] = value
            state[row, RUN] = run


INDICATOR = Indicator(
    name="cci",
    title="Commodity channel index",
    formula="(t - mean) / (0.015 * mean absolute deviation), t = (high + low + close) / 3, over n bars "
    "(Lambert 1980)",
    inputs=("high", "low", "close"),
    parameters=(window(20, low=2),),
    outputs=("cci",),
    kernel=cci,
    width=lambda n: WINDOW + (n if n <= SHORT else ordertree.width(n)),
    warmup=lambda n: (n,),
    undefined="all n typical prices are equal",
    differences="NaN where all n typical prices are equal; TA-Lib says 0",
    cost=f"O(1): a loop over n up to {SHORT} bars; beyond, O(log n) by an ordered tree",
)

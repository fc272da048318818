"""Commodity channel index."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row, inlined
from indicators.naive import NAN, divided, mean, windows
from indicators.ring import typical
from indicators.spec import Indicator, window
from indicators.sums import shift

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, PLACE, SUM, REST, LAST, RUN, WINDOW = range(7)


@inlined
def _deviations(state: Floats, row: int, n: int, mean: float) -> float:
    """Sum of |x - mean|, in four lanes for the vector unit."""
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    fours = n - n % 4
    for j in range(0, fours, 4):
        a += abs(state[row, WINDOW + j] - mean)
        b += abs(state[row, WINDOW + j + 1] - mean)
        c += abs(state[row, WINDOW + j + 2] - mean)
        d += abs(state[row, WINDOW + j + 3] - mean)
    for j in range(fours, n):
        a += abs(state[row, WINDOW + j] - mean)
    return (a + b) + (c + d)


@each_row
def cci(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """Rolling mean of the typical price, and the mean distance from it over the values of the window."""
    n = int(now.params[0])
    seen, place = state[row, SEEN], int(state[row, PLACE])
    value = typical(now.bars, i)
    leaves = state[row, WINDOW + place]
    total, rest = shift(state[row, SUM], state[row, REST], value, leaves)
    mean = total / n
    spread = _deviations(state, row, n, mean) - abs(leaves - mean) + abs(value - mean)
    run = state[row, RUN] + 1.0 if value == state[row, LAST] else 1.0
    known = seen >= n - 1.0 and run < n and spread > 0.0
    out[0, row] = (value - mean) * n / (0.015 * spread) if known else np.nan
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, WINDOW + place] = value
        state[row, PLACE] = place + 1.0 if place < n - 1 else 0.0
        state[row, SUM] = total
        state[row, REST] = rest
        state[row, LAST] = value
        state[row, RUN] = run


def twin(bars: Bars, n: int) -> list[Series]:
    def index(values: Sequence[float]) -> float:
        if min(values) == max(values):
            return NAN
        middle = mean(values)
        return divided(values[-1] - middle, 0.015 * mean([abs(x - middle) for x in values]))

    return [windows([float(x) for x in bars.typical], n, index)]


INDICATOR = Indicator(
    name="cci",
    title="Commodity channel index",
    formula="(t - mean) / (0.015 * mean absolute deviation), t = (high + low + close) / 3, over n bars (Lambert 1980)",
    inputs=("high", "low", "close"),
    parameters=(window(20, low=2),),
    outputs=("cci",),
    kernel=cci,
    twin=twin,
    width=lambda n: WINDOW + n,
    warmup=lambda n: (n,),
    undefined="all n typical prices are equal",
    differences="NaN where all n typical prices are equal; TA-Lib says 0",
    cost="O(n), about 0.4 ns a bar of the window: up to the longest allowed, faster than an ordered tree's O(log n)",
    scales=((0, 0),),
)

"""Vortex indicator."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from indicators.catalogue.true_range import range_of
from indicators.catalogue.true_range import twin as true_range_twin
from indicators.jit import each_row
from indicators.naive import NAN, divided, windows
from indicators.ring import CLOSE, HIGH, LOW
from indicators.rolling import SUM_COLUMNS, roll_sum
from indicators.spec import Indicator, window

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, TOP, BOTTOM, LAST, SUMS = range(5)


@each_row
def vortex(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """Three rolling sums, of what exists from the second bar on."""
    n = int(now.params[0])
    seen, high, low = state[row, SEEN], now.bars[HIGH, i], now.bars[LOW, i]
    plus, minus = np.nan, np.nan
    if seen >= 1.0:
        each = SUM_COLUMNS + n
        up, down = abs(high - state[row, BOTTOM]), abs(low - state[row, TOP])
        ups = roll_sum(state, row, SUMS, n, up, commit)
        downs = roll_sum(state, row, SUMS + each, n, down, commit)
        ranges = roll_sum(state, row, SUMS + 2 * each, n, range_of(high, low, state[row, LAST]), commit)
        if seen >= n and ranges > 0.0:
            plus, minus = ups / ranges, downs / ranges
    out[0, row] = plus
    out[1, row] = minus
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, TOP] = high
        state[row, BOTTOM] = low
        state[row, LAST] = now.bars[CLOSE, i]


def twin(bars: Bars, n: int) -> list[Series]:
    both = list(pairwise(zip(bars.series("high"), bars.series("low"), strict=True)))
    ups = [NAN] + [abs(high - low) for (_, low), (high, _) in both]
    downs = [NAN] + [abs(low - high) for (high, _), (_, low) in both]
    ranges = windows(true_range_twin(bars)[0], n, math.fsum)
    return [
        [divided(a, b) for a, b in zip(windows(moves, n, math.fsum), ranges, strict=True)] for moves in (ups, downs)
    ]


INDICATOR = Indicator(
    name="vortex",
    title="Vortex indicator",
    formula="plus = sum of |high - low before| / sum of true range, minus = sum of |low - high before| / sum of true "
    "range, each over n bars (Botes and Siepman 2010)",
    inputs=("high", "low", "close"),
    parameters=(window(14),),
    outputs=("plus", "minus"),
    kernel=vortex,
    twin=twin,
    width=lambda n: SUMS + 3 * (SUM_COLUMNS + n),
    warmup=lambda n: (n + 1, n + 1),
    undefined="nothing moved in n bars",
    scales=((0, 0), (0, 0)),
)

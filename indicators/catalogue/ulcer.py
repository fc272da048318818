"""Ulcer index."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from indicators.extremes import roll_highest
from indicators.jit import each_row
from indicators.naive import mean, windows
from indicators.ring import CLOSE
from indicators.rolling import SUM_COLUMNS, roll_sum
from indicators.spec import Indicator, window

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, PLACE, TOP, SUM = range(4)


@each_row
def ulcer(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """A rolling highest, in which a fresh window is full of zeros below any price, and a rolling sum of squares."""
    n = int(now.params[0])
    seen, place, close = state[row, SEEN], int(state[row, PLACE]), now.bars[CLOSE, i]
    highest = roll_highest(state, row, TOP, SUM + SUM_COLUMNS + n, 1, place, n, close, commit)
    fallen = 100.0 * (highest - close) / highest
    squares = roll_sum(state, row, SUM, n, fallen * fallen, commit)
    out[0, row] = np.sqrt(max(squares, 0.0) / n) if seen >= n - 1.0 else np.nan
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, PLACE] = place + 1.0 if place < n - 1 else 0.0


def twin(bars: Bars, n: int) -> list[Series]:
    close = bars.series("close")
    highest = [max(close[max(t - n + 1, 0) : t + 1]) for t in range(len(close))]
    fallen = [(100 * (top - x) / top) ** 2 for top, x in zip(highest, close, strict=True)]
    return [[math.sqrt(value) for value in windows(fallen, n, mean)]]


INDICATOR = Indicator(
    name="ulcer",
    title="Ulcer index",
    formula="root of the mean square, over n bars, of how far in percent the close is below the highest close of the "
    "last n, of as many as there are at first (Martin 1987, in the form of StockCharts)",
    inputs=("close",),
    parameters=(window(14),),
    outputs=("ulcer",),
    kernel=ulcer,
    twin=twin,
    width=lambda n: SUM + SUM_COLUMNS + 2 * n,
    warmup=lambda n: (n,),
    cost="O(1) amortised: a loop over n every n bars",
    scales=((0, 0),),
)

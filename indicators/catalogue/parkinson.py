"""Parkinson's volatility."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row
from indicators.naive import mean, windows
from indicators.ring import HIGH, LOW
from indicators.rolling import SUM_COLUMNS, roll_sum
from indicators.spec import Indicator, window

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, SQUARES = range(2)


@each_row
def parkinson(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """Rolling sum of the squares of the ranges' logarithms."""
    n = int(now.params[0])
    seen = state[row, SEEN]
    spread = np.log(now.bars[HIGH, i] / now.bars[LOW, i])
    total = roll_sum(state, row, SQUARES, n, spread * spread, commit)
    out[0, row] = np.sqrt(max(total, 0.0) / (4.0 * np.log(2.0) * n)) if seen >= n - 1.0 else np.nan
    if commit:
        state[row, SEEN] = seen + 1.0


def twin(bars: Bars, n: int) -> list[Series]:
    squares = [math.log(h / l) ** 2 for h, l in zip(bars.high, bars.low, strict=True)]
    return [windows(squares, n, lambda values: math.sqrt(mean(values) / (4 * math.log(2))))]


INDICATOR = Indicator(
    name="parkinson",
    title="Parkinson's volatility",
    formula="square root of the mean of log(high / low)^2 over n bars, divided by 4 log 2; per bar, not by the year "
    "(Parkinson 1980)",
    inputs=("high", "low"),
    parameters=(window(20),),
    outputs=("parkinson",),
    kernel=parkinson,
    twin=twin,
    width=lambda n: SQUARES + SUM_COLUMNS + n,
    warmup=lambda n: (n,),
    scales=((0, 0),),
)

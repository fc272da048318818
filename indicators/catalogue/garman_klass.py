"""Garman and Klass's volatility."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row
from indicators.naive import mean, windows
from indicators.ring import CLOSE, HIGH, LOW, OPEN
from indicators.rolling import SUM_COLUMNS, roll_sum
from indicators.spec import Indicator, window

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, TERMS = range(2)


@each_row
def garman_klass(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """Rolling sum of what ranges and bodies say together; a bar whose open and close lie in its range adds to it."""
    n = int(now.params[0])
    seen = state[row, SEEN]
    spread = np.log(now.bars[HIGH, i] / now.bars[LOW, i])
    body = np.log(now.bars[CLOSE, i] / now.bars[OPEN, i])
    term = 0.5 * spread * spread - (2.0 * np.log(2.0) - 1.0) * body * body
    total = roll_sum(state, row, TERMS, n, term, commit)
    out[0, row] = np.sqrt(max(total, 0.0) / n) if seen >= n - 1.0 else np.nan
    if commit:
        state[row, SEEN] = seen + 1.0


def twin(bars: Bars, n: int) -> list[Series]:
    terms = [
        0.5 * math.log(h / l) ** 2 - (2 * math.log(2) - 1) * math.log(c / o) ** 2
        for o, h, l, c in zip(bars.open, bars.high, bars.low, bars.close, strict=True)
    ]
    return [windows(terms, n, lambda values: math.sqrt(max(mean(values), 0.0)))]


INDICATOR = Indicator(
    name="garman_klass",
    title="Garman and Klass's volatility",
    formula="square root of the mean over n bars of log(high / low)^2 / 2 - (2 log 2 - 1) log(close / open)^2; per "
    "bar, not by the year (Garman and Klass 1980)",
    inputs=("open", "high", "low", "close"),
    parameters=(window(20),),
    outputs=("garman_klass",),
    kernel=garman_klass,
    twin=twin,
    width=lambda n: TERMS + SUM_COLUMNS + n,
    warmup=lambda n: (n,),
    scales=((0, 0),),
)

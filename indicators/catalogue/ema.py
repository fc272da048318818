"""Exponential moving average."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row, inlined
from indicators.ring import price
from indicators.spec import SOURCE, Indicator, window

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.types import Floats

SEEN, EMA, WIDTH = range(3)


@inlined
def seeded_ema(before: float, value: float, seen: float, n: float) -> float:
    """The next state of an average: the sum of values until n were seen, the average from then on.

    Args:
        before: its last state, 0 at first.
        value: the new value.
        seen: values before it.
        n: length: the weight of a new value is 2 / (n + 1).
    """
    if seen >= n:
        return before + (value - before) * (2.0 / (n + 1.0))
    total = before + value
    return total / n if seen + 1.0 == n else total


@each_row
def ema(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """One multiplication a bar."""
    field, n = int(now.params[0]), now.params[1]
    seen = state[row, SEEN]
    average = seeded_ema(state[row, EMA], price(now.bars, field, i), seen, n)
    out[0, row] = average if seen >= n - 1.0 else np.nan
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, EMA] = average


INDICATOR = Indicator(
    name="ema",
    title="Exponential moving average",
    formula="e += (x - e) * 2 / (n + 1), starting from the mean of the first n values",
    inputs=("source",),
    parameters=(SOURCE, window(20)),
    outputs=("ema",),
    kernel=ema,
    width=lambda _source, _n: WIDTH,
    warmup=lambda _source, n: (n,),
)

"""Relative strength index."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row, inlined
from indicators.ring import price
from indicators.spec import SOURCE, Indicator, window

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.types import Floats

SEEN, LAST, GAIN, LOSS, WIDTH = range(5)


@inlined
def wilder(before: float, value: float, seen: float, n: float) -> float:
    """The next state of Wilder's average: the sum of values until n were seen, the average from then on.

    Args:
        before: its last state, 0 at first.
        value: the new value.
        seen: values before it.
        n: length: the weight of a new value is 1 / n.
    """
    if seen >= n:
        return (before * (n - 1.0) + value) / n
    total = before + value
    return total / n if seen + 1.0 == n else total


@each_row
def rsi(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """Two averages of Wilder's, one of rises, one of falls."""
    field, n = int(now.params[0]), now.params[1]
    seen = state[row, SEEN]
    value = price(now.bars, field, i)
    gain, loss = 0.0, 0.0
    if seen >= 1.0:
        change = value - state[row, LAST]
        gain = wilder(state[row, GAIN], max(change, 0.0), seen - 1.0, n)
        loss = wilder(state[row, LOSS], max(-change, 0.0), seen - 1.0, n)
    moved = gain + loss
    out[0, row] = 100.0 * gain / moved if seen >= n and moved > 0.0 else np.nan
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, LAST] = value
        state[row, GAIN] = gain
        state[row, LOSS] = loss


INDICATOR = Indicator(
    name="rsi",
    title="Relative strength index",
    formula="100 * g / (g + l), g and l Wilder's averages of rises and falls, starting from the mean of the "
    "first n (Wilder 1978)",
    inputs=("source",),
    parameters=(SOURCE, window(14)),
    outputs=("rsi",),
    kernel=rsi,
    width=lambda _source, _n: WIDTH,
    warmup=lambda _source, n: (n + 1,),
    undefined="no change since the first bar",
    differences="NaN where nothing moved; TA-Lib says 0, which reads as oversold",
)

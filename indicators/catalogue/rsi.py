"""Relative strength index."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from indicators.averages import wilder
from indicators.jit import each_row
from indicators.naive import NAN, divided, smoothed
from indicators.ring import price
from indicators.spec import SOURCE, Indicator, window

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, LAST, GAIN, LOSS, WIDTH = range(5)


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


def twin(bars: Bars, source: str, n: int) -> list[Series]:
    values = bars.series(source)
    changes = [NAN, *(b - a for a, b in pairwise(values))]
    rises = smoothed([x if math.isnan(x) else max(x, 0.0) for x in changes], n, 1 / n)
    falls = smoothed([x if math.isnan(x) else max(-x, 0.0) for x in changes], n, 1 / n)
    return [[divided(100 * g, g + l) for g, l in zip(rises, falls, strict=True)]]


INDICATOR = Indicator(
    name="rsi",
    title="Relative strength index",
    formula="100 * g / (g + l), g and l Wilder's averages of rises and falls, starting from the mean of the "
    "first n (Wilder 1978)",
    inputs=("source",),
    parameters=(SOURCE, window(14)),
    outputs=("rsi",),
    kernel=rsi,
    twin=twin,
    width=lambda _source, _n: WIDTH,
    warmup=lambda _source, n: (n + 1,),
    undefined="no change since the first bar",
    differences="NaN where nothing moved; TA-Lib says 0, which reads as oversold",
    scales=((0, 0),),
)

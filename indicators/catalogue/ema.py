"""Exponential moving average."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.averages import seeded_ema
from indicators.jit import each_row
from indicators.naive import smoothed
from indicators.ring import price
from indicators.spec import SOURCE, Indicator, window

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, EMA, WIDTH = range(3)


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


def twin(bars: Bars, source: str, n: int) -> list[Series]:
    return [smoothed(bars.series(source), n, 2 / (n + 1))]


INDICATOR = Indicator(
    name="ema",
    title="Exponential moving average",
    formula="e += (x - e) * 2 / (n + 1), starting from the mean of the first n values",
    inputs=("source",),
    parameters=(SOURCE, window(20)),
    outputs=("ema",),
    kernel=ema,
    twin=twin,
    width=lambda _source, _n: WIDTH,
    warmup=lambda _source, n: (n,),
    scales=((1, 0),),
)

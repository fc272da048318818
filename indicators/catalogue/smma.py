"""Wilder's moving average."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.averages import wilder
from indicators.jit import each_row
from indicators.naive import smoothed
from indicators.ring import price
from indicators.spec import SOURCE, Indicator, window

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, SMMA, WIDTH = range(3)


@each_row
def smma(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """One multiplication a bar."""
    field, n = int(now.params[0]), now.params[1]
    seen = state[row, SEEN]
    average = wilder(state[row, SMMA], price(now.bars, field, i), seen, n)
    out[0, row] = average if seen >= n - 1.0 else np.nan
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, SMMA] = average


def twin(bars: Bars, source: str, n: int) -> list[Series]:
    return [smoothed(bars.series(source), n, 1 / n)]


INDICATOR = Indicator(
    name="smma",
    title="Smoothed moving average, Wilder's",
    formula="s += (x - s) / n, starting from the mean of the first n values (Wilder 1978); also known as rma",
    inputs=("source",),
    parameters=(SOURCE, window(20)),
    outputs=("smma",),
    kernel=smma,
    twin=twin,
    width=lambda _source, _n: WIDTH,
    warmup=lambda _source, n: (n,),
    scales=((1, 0),),
)

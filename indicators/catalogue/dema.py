"""Double exponential moving average."""

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

SEEN, FIRST, SECOND, WIDTH = range(4)


@each_row
def dema(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """An average, and the average of it, which starts with its first value."""
    field, n = int(now.params[0]), now.params[1]
    seen = state[row, SEEN]
    first, second = seeded_ema(state[row, FIRST], price(now.bars, field, i), seen, n), 0.0
    firsts = seen - (n - 1.0)
    if firsts >= 0.0:
        second = seeded_ema(state[row, SECOND], first, firsts, n)
    out[0, row] = 2.0 * first - second if firsts >= n - 1.0 else np.nan
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, FIRST] = first
        state[row, SECOND] = second


def twin(bars: Bars, source: str, n: int) -> list[Series]:
    first = smoothed(bars.series(source), n, 2 / (n + 1))
    second = smoothed(first, n, 2 / (n + 1))
    return [[2 * a - b for a, b in zip(first, second, strict=True)]]


INDICATOR = Indicator(
    name="dema",
    title="Double exponential moving average",
    formula="2 * e1 - e2, e1 = ema(n), e2 = ema(n) of e1, each starting from the mean of its first n values "
    "(Mulloy 1994)",
    inputs=("source",),
    parameters=(SOURCE, window(20)),
    outputs=("dema",),
    kernel=dema,
    twin=twin,
    width=lambda _source, _n: WIDTH,
    warmup=lambda _source, n: (2 * n - 1,),
    brief=(5,),
    scales=((1, 0),),
)

"""Simple moving average."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row
from indicators.naive import mean, windows
from indicators.ring import price
from indicators.spec import SOURCE, Indicator, window
from indicators.sums import shift

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, SUM, REST, WIDTH = range(4)


@each_row
def sma(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """Sum of the window in two doubles, divided by n."""
    field, n, back = int(now.params[0]), now.params[1], int(now.params[2])
    seen = state[row, SEEN]
    leaves = now.lagged[back, i] if seen >= n else 0.0
    total, rest = shift(state[row, SUM], state[row, REST], price(now.bars, field, i), leaves)
    out[0, row] = total / n if seen >= n - 1 else np.nan
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, SUM] = total
        state[row, REST] = rest


def twin(bars: Bars, source: str, n: int) -> list[Series]:
    return [windows(bars.series(source), n, mean)]


INDICATOR = Indicator(
    name="sma",
    title="Simple moving average",
    formula="mean of the last n values",
    inputs=("source",),
    parameters=(SOURCE, window(20)),
    outputs=("sma",),
    kernel=sma,
    twin=twin,
    width=lambda _source, _n: WIDTH,
    warmup=lambda _source, n: (n,),
    reads=lambda source, n: ((source, n),),
    scales=((1, 0),),
)

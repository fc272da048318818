"""Moving average envelope."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row
from indicators.naive import mean, windows
from indicators.ring import price
from indicators.spec import SOURCE, Indicator, Parameter, window
from indicators.sums import shift

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, SUM, REST, WIDTH = range(4)


@each_row
def envelope(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """Sum of the window in two doubles, and a share of its mean to both sides."""
    field, n, percent, back = int(now.params[0]), now.params[1], now.params[2], int(now.params[3])
    seen = state[row, SEEN]
    leaves = now.lagged[back, i] if seen >= n else 0.0
    total, rest = shift(state[row, SUM], state[row, REST], price(now.bars, field, i), leaves)
    middle = total / n if seen >= n - 1.0 else np.nan
    half = middle * (percent / 100.0)
    out[0, row] = middle + half
    out[1, row] = middle
    out[2, row] = middle - half
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, SUM] = total
        state[row, REST] = rest


def twin(bars: Bars, source: str, n: int, percent: float) -> list[Series]:
    middle = windows(bars.series(source), n, mean)
    return [[m * (1 + percent / 100) for m in middle], middle, [m * (1 - percent / 100) for m in middle]]


INDICATOR = Indicator(
    name="envelope",
    title="Moving average envelope",
    formula="middle = mean of the last n values, upper and lower `percent` of it away",
    inputs=("source",),
    parameters=(SOURCE, window(20), Parameter("percent", 2.5, 0.001, 100)),
    outputs=("upper", "middle", "lower"),
    kernel=envelope,
    twin=twin,
    width=lambda _source, _n, _percent: WIDTH,
    warmup=lambda _source, n, _percent: (n, n, n),
    reads=lambda source, n, _percent: ((source, n),),
    brief=(5,),
    scales=((1, 0),) * 3,
)

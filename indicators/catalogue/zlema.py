"""Zero lag exponential moving average."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.averages import seeded_ema
from indicators.jit import each_row
from indicators.naive import NAN, smoothed
from indicators.ring import price
from indicators.spec import SOURCE, Indicator, window

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, AVERAGE, WIDTH = range(3)


@each_row
def zlema(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """The average of a value that its change over half the window runs ahead of."""
    field, n = int(now.params[0]), now.params[1]
    lag = (int(n) - 1) // 2
    value, late = price(now.bars, field, i), state[row, SEEN] - lag
    before = now.lagged[int(now.params[2]), i] if lag > 0 else value
    average = seeded_ema(state[row, AVERAGE], 2.0 * value - before, late, n) if late >= 0.0 else 0.0
    out[0, row] = average if late >= n - 1.0 else np.nan
    if commit:
        state[row, SEEN] += 1.0
        state[row, AVERAGE] = average


def twin(bars: Bars, source: str, n: int) -> list[Series]:
    values, lag = bars.series(source), (n - 1) // 2
    ahead = [2 * values[t] - values[t - lag] if t >= lag else NAN for t in range(len(values))]
    return [smoothed(ahead, n, 2 / (n + 1))]


INDICATOR = Indicator(
    name="zlema",
    title="Zero lag exponential moving average",
    formula="ema(n) of 2 * x - x[lag], lag = (n - 1) // 2, starting from the mean of the first n (Ehlers and Way 2010)",
    inputs=("source",),
    parameters=(SOURCE, window(20)),
    outputs=("zlema",),
    kernel=zlema,
    twin=twin,
    width=lambda _source, _n: WIDTH,
    warmup=lambda _source, n: (n + (n - 1) // 2,),
    reads=lambda source, n: ((source, (n - 1) // 2),) if n > 2 else (),
    scales=((1, 0),),
)

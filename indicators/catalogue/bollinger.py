"""Bollinger bands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row
from indicators.moments import COLUMNS, roll_moments
from indicators.naive import deviation, divided, mean, windows
from indicators.ring import price
from indicators.spec import SOURCE, Indicator, Parameter, window

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, MOMENTS = range(2)
WIDTH = MOMENTS + COLUMNS


@each_row
def bollinger(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """Rolling mean and deviation; %B and width from them."""
    field, n, k, back = int(now.params[0]), now.params[1], now.params[2], int(now.params[3])
    seen = state[row, SEEN]
    value = price(now.bars, field, i)
    leaves = now.lagged[back, i] if seen >= n else 0.0
    mean, variance = roll_moments(state, row, MOMENTS, n, value, leaves, commit)
    if commit:
        state[row, SEEN] = seen + 1.0
    if seen < n - 1.0:
        out[0, row] = out[1, row] = out[2, row] = out[3, row] = out[4, row] = np.nan
        return
    half = k * np.sqrt(variance)
    out[0, row] = mean + half
    out[1, row] = mean
    out[2, row] = mean - half
    out[3, row] = (value - mean + half) / (2.0 * half) if half > 0.0 else np.nan
    out[4, row] = 2.0 * half / mean if mean != 0.0 else np.nan


def twin(bars: Bars, source: str, n: int, k: float) -> list[Series]:
    values = bars.series(source)
    middle, spread = windows(values, n, mean), windows(values, n, deviation)
    upper = [m + k * s for m, s in zip(middle, spread, strict=True)]
    lower = [m - k * s for m, s in zip(middle, spread, strict=True)]
    percent_b = [divided(x - m + k * s, 2 * k * s) for x, m, s in zip(values, middle, spread, strict=True)]
    width = [divided(2 * k * s, m) for m, s in zip(middle, spread, strict=True)]
    return [upper, middle, lower, percent_b, width]


INDICATOR = Indicator(
    name="bollinger",
    title="Bollinger bands",
    formula="middle = sma(n), upper and lower k population standard deviations from it; percent_b = (x - "
    "lower) / (upper - lower), width = (upper - lower) / middle (Bollinger)",
    inputs=("source",),
    parameters=(SOURCE, window(20, low=2), Parameter("k", 2.0, 0.01, 100)),
    outputs=("upper", "middle", "lower", "percent_b", "width"),
    kernel=bollinger,
    twin=twin,
    width=lambda _source, _n, _k: WIDTH,
    warmup=lambda _source, n, _k: (n,) * 5,
    reads=lambda source, n, _k: ((source, n),),
    undefined="percent_b where all n values are equal; width where their mean is 0",
    brief=(5, 2.0),
    scales=((1, 0), (1, 0), (1, 0), (0, 0), (0, 0)),
)

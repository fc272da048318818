"""Bollinger bands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import kernel
from indicators.moments import COLUMNS, roll_moments
from indicators.ring import price
from indicators.spec import SOURCE, Indicator, Parameter, window

if TYPE_CHECKING:
    from indicators.types import Floats, Longs

SEEN, MOMENTS = range(2)
WIDTH = MOMENTS + COLUMNS


@kernel
def bollinger(
    rows: Longs,
    bars: Floats,
    _time: Longs,
    lagged: Floats,
    state: Floats,
    params: Floats,
    out: Floats,
    commit: bool,
) -> None:
    """Rolling mean and deviation; %B and width from them."""
    field, n, k, back = int(params[0]), params[1], params[2], int(params[3])
    for i in range(rows.shape[0]):
        row = rows[i]
        seen = state[row, SEEN]
        value = price(bars, field, i)
        leaves = lagged[back, i] if seen >= n else 0.0
        mean, variance = roll_moments(state, row, MOMENTS, n, value, leaves, commit)
        if commit:
            state[row, SEEN] = seen + 1.0
        if seen < n - 1.0:
            out[0, row] = out[1, row] = out[2, row] = out[3, row] = out[4, row] = np.nan
            continue
        half = k * np.sqrt(variance)
        out[0, row] = mean + half
        out[1, row] = mean
        out[2, row] = mean - half
        out[3, row] = (value - mean + half) / (2.0 * half) if half > 0.0 else np.nan
        out[4, row] = 2.0 * half / mean if mean != 0.0 else np.nan


INDICATOR = Indicator(
    name="bollinger",
    title="Bollinger bands",
    formula="middle = sma(n), upper and lower k population standard deviations from it; percent_b = (x - "
    "lower) / (upper - lower), width = (upper - lower) / middle (Bollinger)",
    inputs=("source",),
    parameters=(SOURCE, window(20, low=2), Parameter("k", 2.0, 0.01, 100)),
    outputs=("upper", "middle", "lower", "percent_b", "width"),
    kernel=bollinger,
    width=lambda _source, _n, _k: WIDTH,
    warmup=lambda _source, n, _k: (n,) * 5,
    reads=lambda source, n, _k: ((source, n),),
    undefined="percent_b where all n values are equal; width where their mean is 0",
)

"""Keltner channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.averages import seeded_ema, wilder
from indicators.catalogue.atr import twin as atr_twin
from indicators.catalogue.true_range import range_of
from indicators.jit import each_row
from indicators.naive import divided, smoothed
from indicators.ring import CLOSE, HIGH, LOW
from indicators.spec import Indicator, Parameter, window

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, LAST, EMA, ATR, WIDTH = range(5)


@each_row
def keltner(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """An exponential average of the close, and Wilder's of the true range."""
    n, k, n_range = now.params[0], now.params[1], now.params[2]
    seen, close = state[row, SEEN], now.bars[CLOSE, i]
    middle, average = seeded_ema(state[row, EMA], close, seen, n), 0.0
    if seen >= 1.0:
        spread = range_of(now.bars[HIGH, i], now.bars[LOW, i], state[row, LAST])
        average = wilder(state[row, ATR], spread, seen - 1.0, n_range)
    centre = middle if seen >= n - 1.0 else np.nan
    half = k * average if seen >= n_range else np.nan
    out[0, row] = centre + half
    out[1, row] = centre
    out[2, row] = centre - half
    out[3, row] = 2.0 * half / centre if centre > 0.0 else np.nan
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, LAST] = close
        state[row, EMA] = middle
        state[row, ATR] = average


def twin(bars: Bars, n: int, k: float, n_range: int) -> list[Series]:
    middle, half = smoothed(bars.series("close"), n, 2 / (n + 1)), [k * a for a in atr_twin(bars, n_range)[0]]
    upper = [m + h for m, h in zip(middle, half, strict=True)]
    lower = [m - h for m, h in zip(middle, half, strict=True)]
    return [upper, middle, lower, [divided(2 * h, m) for m, h in zip(middle, half, strict=True)]]


INDICATOR = Indicator(
    name="keltner",
    title="Keltner channel",
    formula="middle = ema(n) of the close, upper and lower k * atr(n_range) from it, width = (upper - lower) / middle "
    "(Keltner, in the form of Raschke)",
    inputs=("high", "low", "close"),
    parameters=(window(20), Parameter("k", 2.0, 0.01, 100), window(10, "n_range")),
    outputs=("upper", "middle", "lower", "width"),
    width=lambda _n, _k, _n_range: WIDTH,
    warmup=lambda n, _k, n_range: (max(n, n_range + 1), n, max(n, n_range + 1), max(n, n_range + 1)),
    undefined="width where the average is 0",
    brief=(5, 2.0, 5),
    kernel=keltner,
    twin=twin,
    scales=((1, 0), (1, 0), (1, 0), (0, 0)),
)

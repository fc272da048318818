"""Average true range."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.averages import wilder
from indicators.catalogue.true_range import range_of
from indicators.catalogue.true_range import twin as true_range_twin
from indicators.jit import each_row
from indicators.naive import smoothed
from indicators.ring import CLOSE, HIGH, LOW
from indicators.spec import Indicator, window

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, LAST, ATR, WIDTH = range(4)


@each_row
def atr(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """Wilder's average of the true range, which exists from the second bar on."""
    n = now.params[0]
    seen = state[row, SEEN]
    average = 0.0
    if seen >= 1.0:
        spread = range_of(now.bars[HIGH, i], now.bars[LOW, i], state[row, LAST])
        average = wilder(state[row, ATR], spread, seen - 1.0, n)
    out[0, row] = average if seen >= n else np.nan
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, LAST] = now.bars[CLOSE, i]
        state[row, ATR] = average


def twin(bars: Bars, n: int) -> list[Series]:
    return [smoothed(true_range_twin(bars)[0], n, 1 / n)]


INDICATOR = Indicator(
    name="atr",
    title="Average true range",
    formula="Wilder's average of the true range, starting from the mean of the first n (Wilder 1978)",
    inputs=("high", "low", "close"),
    parameters=(window(14),),
    outputs=("atr",),
    kernel=atr,
    twin=twin,
    width=lambda _n: WIDTH,
    warmup=lambda n: (n + 1,),
    scales=((1, 0),),
)

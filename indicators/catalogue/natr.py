"""Normalised average true range."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.averages import wilder
from indicators.catalogue.atr import twin as atr_twin
from indicators.catalogue.true_range import range_of
from indicators.jit import each_row
from indicators.naive import divided
from indicators.ring import CLOSE, HIGH, LOW
from indicators.spec import Indicator, window

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, LAST, ATR, WIDTH = range(4)


@each_row
def natr(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """The average true range as a share of the close."""
    n = now.params[0]
    seen, close = state[row, SEEN], now.bars[CLOSE, i]
    average = 0.0
    if seen >= 1.0:
        spread = range_of(now.bars[HIGH, i], now.bars[LOW, i], state[row, LAST])
        average = wilder(state[row, ATR], spread, seen - 1.0, n)
    out[0, row] = 100.0 * average / close if seen >= n and close > 0.0 else np.nan
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, LAST] = close
        state[row, ATR] = average


def twin(bars: Bars, n: int) -> list[Series]:
    return [[divided(100 * a, c) for a, c in zip(atr_twin(bars, n)[0], bars.series("close"), strict=True)]]


INDICATOR = Indicator(
    name="natr",
    title="Normalised average true range",
    formula="100 * atr(n) / close",
    inputs=("high", "low", "close"),
    parameters=(window(14),),
    outputs=("natr",),
    width=lambda _n: WIDTH,
    warmup=lambda n: (n + 1,),
    undefined="the close is 0",
    kernel=natr,
    twin=twin,
    scales=((0, 0),),
)

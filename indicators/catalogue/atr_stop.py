"""Trailing stop by average true range."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.averages import wilder
from indicators.catalogue.atr import twin as atr_twin
from indicators.catalogue.true_range import range_of
from indicators.jit import each_row
from indicators.naive import NAN
from indicators.ring import CLOSE, HIGH, LOW
from indicators.spec import Indicator, Parameter, window
from indicators.trailing import COLUMNS, trail, trail_twin

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, LAST, ATR, BANDS = range(4)
WIDTH = BANDS + COLUMNS


@each_row
def atr_stop(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """A stop some average true ranges from the close."""
    n, k = now.params[0], now.params[1]
    seen, last = state[row, SEEN], state[row, LAST]
    close, average, stop, direction = now.bars[CLOSE, i], 0.0, np.nan, np.nan
    if seen >= 1.0:
        spread = range_of(now.bars[HIGH, i], now.bars[LOW, i], last)
        average = wilder(state[row, ATR], spread, seen - 1.0, n)
    if seen >= n:
        half = k * average
        stop, direction = trail(state, row, BANDS, close + half, close - half, close, last, close >= last, commit)
    out[0, row] = stop
    out[1, row] = direction
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, LAST] = close
        state[row, ATR] = average


def twin(bars: Bars, n: int, k: float) -> list[Series]:
    close, half = bars.series("close"), [k * a for a in atr_twin(bars, n)[0]]
    if len(close) <= n:
        return [[NAN] * len(close)] * 2
    uppers = [c + h for c, h in zip(close, half, strict=True)]
    lowers = [c - h for c, h in zip(close, half, strict=True)]
    return trail_twin(uppers, lowers, close, n, close[n] >= close[n - 1])


INDICATOR = Indicator(
    name="atr_stop",
    title="Trailing stop by average true range",
    formula="bands at close +- k * atr(n) that only tighten until a close passes them; value is the lower one "
    "(direction 1) until a close below it, then the upper one (direction -1) until a close above; it starts upwards "
    "where the close is not below the one before (Wilder's volatility stop)",
    inputs=("high", "low", "close"),
    parameters=(window(21), Parameter("k", 3.0, 0.01, 100)),
    outputs=("value", "direction"),
    kernel=atr_stop,
    twin=twin,
    width=lambda _n, _k: WIDTH,
    warmup=lambda n, _k: (n + 1, n + 1),
    brief=(5, 1.0),
    scales=((1, 0), (0, 0)),
)

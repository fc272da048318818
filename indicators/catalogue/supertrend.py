"""Supertrend."""

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
def supertrend(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """A stop some average true ranges from the middle of the bar."""
    n, k = now.params[0], now.params[1]
    seen, last = state[row, SEEN], state[row, LAST]
    high, low, close = now.bars[HIGH, i], now.bars[LOW, i], now.bars[CLOSE, i]
    average, stop, direction = 0.0, np.nan, np.nan
    if seen >= 1.0:
        average = wilder(state[row, ATR], range_of(high, low, last), seen - 1.0, n)
    if seen >= n:
        middle, half = (high + low) / 2.0, k * average
        stop, direction = trail(state, row, BANDS, middle + half, middle - half, close, last, close >= middle, commit)
    out[0, row] = stop
    out[1, row] = direction
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, LAST] = close
        state[row, ATR] = average


def twin(bars: Bars, n: int, k: float) -> list[Series]:
    middle = [float(x) for x in (bars.high + bars.low) / 2]
    half, close = [k * a for a in atr_twin(bars, n)[0]], bars.series("close")
    if len(close) <= n:
        return [[NAN] * len(close)] * 2
    uppers = [m + h for m, h in zip(middle, half, strict=True)]
    lowers = [m - h for m, h in zip(middle, half, strict=True)]
    return trail_twin(uppers, lowers, close, n, close[n] >= middle[n])


INDICATOR = Indicator(
    name="supertrend",
    title="Supertrend",
    formula="bands at (high + low) / 2 +- k * atr(n) that only tighten until a close passes them; value is the lower "
    "one (direction 1) until a close below it, then the upper one (direction -1) until a close above (Seban); it "
    "starts upwards where the close is not below the middle of the bar",
    inputs=("high", "low", "close"),
    parameters=(window(10), Parameter("k", 3.0, 0.01, 100)),
    outputs=("value", "direction"),
    width=lambda _n, _k: WIDTH,
    warmup=lambda n, _k: (n + 1, n + 1),
    brief=(5, 1.0),
    kernel=supertrend,
    twin=twin,
    scales=((1, 0), (0, 0)),
)

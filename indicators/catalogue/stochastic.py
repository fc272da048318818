"""Stochastic oscillator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.extremes import roll_highest
from indicators.jit import each_row
from indicators.naive import divided, mean, windows
from indicators.ring import CLOSE, HIGH, LOW
from indicators.smoothing import LONGEST, roll_mean
from indicators.spec import Indicator, Parameter, window

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, PLACE, TOP, BOTTOM, K_PLACE, D_PLACE, WINDOWS = range(7)


@each_row
def stochastic(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """Two rolling extremes, and two rolling means one upon the other."""
    n, smooth, d = int(now.params[0]), int(now.params[1]), int(now.params[2])
    k_window = WINDOWS + 2 * n
    d_window = k_window + smooth
    seen, place = state[row, SEEN], int(state[row, PLACE])
    upper = roll_highest(state, row, TOP, WINDOWS, 2, place, n, now.bars[HIGH, i], commit)
    lower = -roll_highest(state, row, BOTTOM, WINDOWS + 1, 2, place, n, -now.bars[LOW, i], commit)
    k, slow = np.nan, np.nan
    raws = seen - (n - 1.0)
    if raws >= 0.0:
        raw = 100.0 * (now.bars[CLOSE, i] - lower) / (upper - lower) if upper > lower else np.nan
        k = roll_mean(state, row, K_PLACE, k_window, smooth, raws, raw, commit)
        smoothed = raws - (smooth - 1.0)
        if smoothed >= 0.0:
            slow = roll_mean(state, row, D_PLACE, d_window, d, smoothed, k, commit)
    out[0, row] = k
    out[1, row] = slow
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, PLACE] = place + 1.0 if place < n - 1 else 0.0


def twin(bars: Bars, n: int, smooth: int, d: int) -> list[Series]:
    highest, lowest = windows(bars.series("high"), n, max), windows(bars.series("low"), n, min)
    raw = [divided(100 * (c - l), h - l) for c, h, l in zip(bars.close, highest, lowest, strict=True)]
    k = windows(raw, smooth, mean)
    return [k, windows(k, d, mean)]


INDICATOR = Indicator(
    name="stochastic",
    title="Stochastic oscillator",
    formula="raw = 100 * (close - lowest low) / (highest high - lowest low) over n bars, k = sma(smooth) of"
    " raw, d = sma(d) of k (Lane); smooth = 1 is the fast stochastic",
    inputs=("high", "low", "close"),
    parameters=(window(14), Parameter("smooth", 3, 1, LONGEST), Parameter("d", 3, 1, LONGEST)),
    outputs=("k", "d"),
    kernel=stochastic,
    twin=twin,
    width=lambda n, smooth, d: WINDOWS + 2 * n + smooth + d,
    warmup=lambda n, smooth, d: (n + smooth - 1, n + smooth + d - 2),
    undefined="a raw value that enters the mean had highest high = lowest low",
    differences="NaN where the range is 0, TA-Lib says 0; k has a value as soon as it is known, TA-Lib "
    "holds it back until d has one",
    cost="O(1) amortised: a loop over n every n bars",
    brief=(5, 2, 3),
    scales=((0, 0),) * 2,
)

"""Stochastic oscillator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.extremes import HIGHEST, LOWEST, roll_extreme
from indicators.jit import kernel
from indicators.ring import CLOSE, HIGH, LOW, stretch
from indicators.smoothing import mean_width, roll_mean
from indicators.spec import Indicator, window

if TYPE_CHECKING:
    from indicators.types import Floats, Longs

SEEN, PLACE, TOP = range(3)


@kernel
def stochastic(
    rows: Longs,
    bars: Floats,
    _time: Longs,
    ring: Floats,
    count: Longs,
    state: Floats,
    params: Floats,
    out: Floats,
    commit: bool,
) -> None:
    """Two rolling extremes, and two rolling means one upon the other."""
    n, smooth, d = int(params[0]), int(params[1]), int(params[2])
    highs, lows = stretch(params[3], params[4]), stretch(params[5], params[6])
    bottom_at = TOP + 1 + n
    k_at = bottom_at + 1 + n
    d_at = k_at + mean_width(smooth)
    for i in range(rows.shape[0]):
        row, now = rows[i], count[rows[i]]
        seen, place = state[row, SEEN], int(state[row, PLACE])
        top, bottom = state[row, TOP:bottom_at], state[row, bottom_at:k_at]
        upper = roll_extreme(HIGHEST, bars[HIGH, i], place, top, ring[row, highs], now, commit)
        lower = roll_extreme(LOWEST, bars[LOW, i], place, bottom, ring[row, lows], now, commit)
        k, slow = np.nan, np.nan
        raws = seen - (n - 1.0)
        if raws >= 0.0:
            raw = 100.0 * (bars[CLOSE, i] - lower) / (upper - lower) if upper > lower else np.nan
            k = roll_mean(state, row, k_at, smooth, raws, raw, commit)
            smoothed = raws - (smooth - 1.0)
            if smoothed >= 0.0:
                slow = roll_mean(state, row, d_at, d, smoothed, k, commit)
        out[0, row] = k
        out[1, row] = slow
        if commit:
            state[row, SEEN] = seen + 1.0
            state[row, PLACE] = place + 1.0 if place < n - 1 else 0.0


INDICATOR = Indicator(
    name="stochastic",
    title="Stochastic oscillator",
    formula="raw = 100 * (close - lowest low) / (highest high - lowest low) over n bars, k = sma(smooth) of"
    " raw, d = sma(d) of k (Lane); smooth = 1 is the fast stochastic",
    inputs=("high", "low", "close"),
    parameters=(window(14), window(3, "smooth"), window(3, "d")),
    outputs=("k", "d"),
    kernel=stochastic,
    width=lambda n, smooth, d: TOP + 2 * (1 + n) + mean_width(smooth) + mean_width(d),
    warmup=lambda n, smooth, d: (n + smooth - 1, n + smooth + d - 2),
    reads=lambda n, _smooth, _d: {"high": n, "low": n},
    undefined="a raw value that enters the mean had highest high = lowest low",
    differences="NaN where the range is 0, TA-Lib says 0; k has a value as soon as it is known, TA-Lib "
    "holds it back until d has one",
    cost="O(1) amortised: a loop over n every n bars",
)

"""Stochastic relative strength index."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators import strength
from indicators.extremes import roll_highest
from indicators.jit import each_row
from indicators.naive import NAN, mean, windows
from indicators.ring import price
from indicators.smoothing import LONGEST, roll_mean
from indicators.spec import SOURCE, Indicator, Parameter, window
from indicators.strength import roll_strength, strength_twin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, KNOWN, PLACE, TOP, BOTTOM, K_PLACE, D_PLACE, STRENGTH = range(8)
WINDOWS = STRENGTH + strength.COLUMNS

STILL = 1e-6
"""Points of rsi: a range below it is the rounding of an rsi that stands still, where all moves go one way or none."""


@each_row
def stoch_rsi(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """The slow stochastic of the rsi's own values, from the first that is known."""
    field, n, size = int(now.params[0]), now.params[1], int(now.params[2])
    smooth, d = int(now.params[3]), int(now.params[4])
    k_window = WINDOWS + 2 * size
    d_window = k_window + smooth
    seen, known, place = state[row, SEEN], state[row, KNOWN], int(state[row, PLACE])
    rsi = roll_strength(state, row, STRENGTH, n, seen, price(now.bars, field, i), commit)
    k, slow = np.nan, np.nan
    if not np.isnan(rsi):
        upper = roll_highest(state, row, TOP, WINDOWS, 2, place, size, rsi, commit)
        lower = -roll_highest(state, row, BOTTOM, WINDOWS + 1, 2, place, size, -rsi, commit)
        raws = known - (size - 1.0)
        if raws >= 0.0:
            raw = 100.0 * (rsi - lower) / (upper - lower) if upper - lower > STILL else np.nan
            k = roll_mean(state, row, K_PLACE, k_window, smooth, raws, raw, commit)
            smoothed = raws - (smooth - 1.0)
            if smoothed >= 0.0:
                slow = roll_mean(state, row, D_PLACE, d_window, d, smoothed, k, commit)
        if commit:
            state[row, KNOWN] = known + 1.0
            state[row, PLACE] = place + 1.0 if place < size - 1 else 0.0
    out[0, row] = k
    out[1, row] = slow
    if commit:
        state[row, SEEN] = seen + 1.0


def twin(bars: Bars, source: str, rsi: int, n: int, smooth: int, d: int) -> list[Series]:
    def raw(values: Sequence[float]) -> float:
        low, high = min(values), max(values)
        return 100 * (values[-1] - low) / (high - low) if high - low > STILL else NAN

    values = strength_twin(bars.series(source), rsi)
    known = [x for x in values if x == x]  # noqa: PLR0124 (not NaN)
    late = [NAN] * (len(values) - len(known))
    k = windows(windows(known, n, raw), smooth, mean)
    return [late + k, late + windows(k, d, mean)]


INDICATOR = Indicator(
    name="stoch_rsi",
    title="Stochastic relative strength index",
    formula="raw = 100 * (r - lowest r) / (highest r - lowest r) over n values of r = rsi(rsi), k = sma(smooth) of "
    "raw, d = sma(d) of k (Chande and Kroll 1994)",
    inputs=("source",),
    parameters=(
        SOURCE,
        window(14, "rsi"),
        window(14, low=2),
        Parameter("smooth", 3, 1, LONGEST),
        Parameter("d", 3, 1, LONGEST),
    ),
    outputs=("k", "d"),
    kernel=stoch_rsi,
    twin=twin,
    width=lambda _source, _rsi, n, smooth, d: WINDOWS + 2 * n + smooth + d,
    warmup=lambda _source, rsi, n, smooth, d: (rsi + n + smooth - 1, rsi + n + smooth + d - 2),
    undefined="the rsi is not known, or stood still to a millionth of a point for n values, in a raw value that enters "
    "the mean",
    differences="NaN where the rsi stands still, TA-Lib says 0; k has a value as soon as it is known, TA-Lib, whose k "
    "is ours with smooth = 1, holds it back until d has one",
    cost="O(1) amortised: a loop over n every n bars",
    brief=(5, 6, 2, 3),
    scales=((0, 0), (0, 0)),
)

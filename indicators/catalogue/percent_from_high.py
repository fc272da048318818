"""Percent from the high."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.extremes import roll_highest
from indicators.jit import each_row
from indicators.naive import divided, windows
from indicators.ring import CLOSE, HIGH
from indicators.spec import Indicator, window

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, PLACE, BEST, ENDS = range(4)


@each_row
def percent_from_high(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """One rolling extreme."""
    n = int(now.params[0])
    seen, place = state[row, SEEN], int(state[row, PLACE])
    best = roll_highest(state, row, BEST, ENDS, 1, place, n, now.bars[HIGH, i], commit)
    out[0, row] = 100.0 * (now.bars[CLOSE, i] - best) / best if seen >= n - 1 and best > 0.0 else np.nan
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, PLACE] = place + 1.0 if place < n - 1 else 0.0


def twin(bars: Bars, n: int) -> list[Series]:
    best = windows(bars.series("high"), n, max)
    return [[divided(100 * (c - x), x) for c, x in zip(bars.close, best, strict=True)]]


INDICATOR = Indicator(
    name="percent_from_high",
    title="Percent from the high",
    formula="100 * (close / highest high of the last n bars, this one among them, - 1): "
    "0 at the high, -5 five percent below it; of daily bars with n = 252, "
    "the distance from the 52-week high",
    inputs=("high", "close"),
    parameters=(window(20),),
    outputs=("percent",),
    kernel=percent_from_high,
    twin=twin,
    width=lambda n: ENDS + n,
    warmup=lambda n: (n,),
    undefined="the price is 0",
    scales=((0, 0),),
    cost="O(1) amortised: a loop over n every n bars",
)

"""Ease of movement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row
from indicators.naive import NAN, divided, mean, windows
from indicators.ring import HIGH, LOW, VOLUME
from indicators.smoothing import LONGEST, roll_mean
from indicators.spec import Indicator, Parameter

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, MIDDLE, PLACE, WINDOW = range(4)


@each_row
def emv(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """A rolling mean of moves of the bar's middle, each by its range a share."""
    n, scale, seen = int(now.params[0]), now.params[1], state[row, SEEN]
    high, low, volume = now.bars[HIGH, i], now.bars[LOW, i], now.bars[VOLUME, i]
    middle, average = (high + low) / 2.0, np.nan
    if seen >= 1.0:
        ease = (middle - state[row, MIDDLE]) * (high - low) / volume * scale if volume > 0.0 else np.nan
        average = roll_mean(state, row, PLACE, WINDOW, n, seen - 1.0, ease, commit)
    out[0, row] = average
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, MIDDLE] = middle


def twin(bars: Bars, n: int, scale: float) -> list[Series]:
    middle, spread = (bars.high + bars.low) / 2, bars.high - bars.low
    moves = zip(np.diff(middle), spread[1:], bars.volume[1:], strict=True)
    ease = [scale * divided(float(move * width), float(volume)) for move, width, volume in moves]
    return [[NAN, *windows(ease, n, mean)]]


INDICATOR = Indicator(
    name="emv",
    title="Ease of movement",
    formula="sma(n) of scale * (middle - middle before) * (high - low) / volume, middle = (high + low) / 2 (Arms)",
    inputs=("high", "low", "volume"),
    parameters=(Parameter("n", 14, 1, LONGEST), Parameter("scale", 1e8, 1.0, 1e12)),
    outputs=("emv",),
    kernel=emv,
    twin=twin,
    width=lambda n, _scale: WINDOW + n,
    warmup=lambda n, _scale: (n + 1,),
    undefined="no share traded in a bar that enters the mean",
    cost="O(n): the mean is added up anew",
    brief=(5,),
    scales=((2, -1),),
)

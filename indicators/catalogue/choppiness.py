"""Choppiness index."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from indicators.catalogue.true_range import twin as true_range_twin
from indicators.extremes import roll_highest
from indicators.jit import each_row
from indicators.naive import NAN, windows
from indicators.ring import CLOSE, HIGH, LOW
from indicators.rolling import SUM_COLUMNS, roll_sum
from indicators.spec import Indicator, window

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, LAST, PLACE, TOP, BOTTOM, SUM = range(6)


@each_row
def choppiness(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """The way that the price went, and the room in which it went: both of true highs and lows."""
    n = int(now.params[0])
    seen, last, place = state[row, SEEN], state[row, LAST], int(state[row, PLACE])
    value = np.nan
    if seen >= 1.0:
        high, low = max(now.bars[HIGH, i], last), min(now.bars[LOW, i], last)
        ends = SUM + SUM_COLUMNS + n
        way = roll_sum(state, row, SUM, n, high - low, commit)
        upper = roll_highest(state, row, TOP, ends, 2, place, n, high, commit)
        lower = -roll_highest(state, row, BOTTOM, ends + 1, 2, place, n, -low, commit)
        if seen >= n and upper > lower:
            value = 100.0 * np.log10(way / (upper - lower)) / np.log10(n)
    out[0, row] = value
    if commit:
        state[row, LAST] = now.bars[CLOSE, i]
        if seen >= 1.0:
            state[row, PLACE] = place + 1.0 if place < n - 1 else 0.0
        state[row, SEEN] = seen + 1.0


def twin(bars: Bars, n: int) -> list[Series]:
    before = [NAN, *bars.series("close")[:-1]]
    upper = windows([max(h, last) for h, last in zip(bars.high, before, strict=True)], n, max)
    lower = windows([min(l, last) for l, last in zip(bars.low, before, strict=True)], n, min)
    ways = windows(true_range_twin(bars)[0], n, math.fsum)
    rooms = [h - l for h, l in zip(upper, lower, strict=True)]
    return [[100 * math.log(way / room, n) if room > 0 else NAN for way, room in zip(ways, rooms, strict=True)]]


INDICATOR = Indicator(
    name="choppiness",
    title="Choppiness index",
    formula="100 * log10(sum of true range / (highest true high - lowest true low)) / log10(n) over n bars (Dreiss); "
    "a true high or low takes in the close before, as the true range does: 0 is a straight line, 100 full bars on the "
    "spot",
    inputs=("high", "low", "close"),
    parameters=(window(14, low=2),),
    outputs=("choppiness",),
    kernel=choppiness,
    twin=twin,
    width=lambda n: SUM + SUM_COLUMNS + 3 * n,
    warmup=lambda n: (n + 1,),
    undefined="nothing moved in n bars",
    cost="O(1) amortised: a loop over n every n bars",
    scales=((0, 0),),
)

"""Donchian channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.extremes import roll_highest
from indicators.jit import each_row
from indicators.naive import windows
from indicators.ring import HIGH, LOW
from indicators.spec import Indicator, window

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, PLACE, TOP, BOTTOM, ENDS = range(5)


@each_row
def donchian(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """A rolling extreme on each side."""
    n = int(now.params[0])
    seen, place = state[row, SEEN], int(state[row, PLACE])
    upper = roll_highest(state, row, TOP, ENDS, 2, place, n, now.bars[HIGH, i], commit)
    lower = -roll_highest(state, row, BOTTOM, ENDS + 1, 2, place, n, -now.bars[LOW, i], commit)
    warm = seen >= n - 1
    out[0, row] = upper if warm else np.nan
    out[1, row] = (upper + lower) / 2.0 if warm else np.nan
    out[2, row] = lower if warm else np.nan
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, PLACE] = place + 1.0 if place < n - 1 else 0.0


def twin(bars: Bars, n: int) -> list[Series]:
    upper, lower = windows(bars.series("high"), n, max), windows(bars.series("low"), n, min)
    return [upper, [(a + b) / 2 for a, b in zip(upper, lower, strict=True)], lower]


INDICATOR = Indicator(
    name="donchian",
    title="Donchian channel",
    formula="highest high and lowest low of the last n bars, this one among them, and their middle (Donchian)",
    inputs=("high", "low"),
    parameters=(window(20),),
    outputs=("upper", "middle", "lower"),
    kernel=donchian,
    twin=twin,
    width=lambda n: ENDS + 2 * n,
    warmup=lambda n: (n,) * 3,
    cost="O(1) amortised: a loop over n every n bars",
    scales=((1, 0),) * 3,
)

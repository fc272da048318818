"""Williams %R."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.extremes import roll_highest
from indicators.jit import each_row
from indicators.naive import divided, windows
from indicators.ring import CLOSE, HIGH, LOW
from indicators.spec import Indicator, window

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, PLACE, TOP, BOTTOM, WINDOWS = range(5)


@each_row
def williams_r(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """Two rolling extremes."""
    n = int(now.params[0])
    seen, place = state[row, SEEN], int(state[row, PLACE])
    upper = roll_highest(state, row, TOP, WINDOWS, 2, place, n, now.bars[HIGH, i], commit)
    lower = -roll_highest(state, row, BOTTOM, WINDOWS + 1, 2, place, n, -now.bars[LOW, i], commit)
    known = seen >= n - 1.0 and upper > lower
    out[0, row] = -100.0 * (upper - now.bars[CLOSE, i]) / (upper - lower) if known else np.nan
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, PLACE] = place + 1.0 if place < n - 1 else 0.0


def twin(bars: Bars, n: int) -> list[Series]:
    highest, lowest = windows(bars.series("high"), n, max), windows(bars.series("low"), n, min)
    return [[divided(-100 * (h - c), h - l) for c, h, l in zip(bars.close, highest, lowest, strict=True)]]


INDICATOR = Indicator(
    name="williams_r",
    title="Williams %R",
    formula="-100 * (highest high - close) / (highest high - lowest low) over n bars (Williams 1973)",
    inputs=("high", "low", "close"),
    parameters=(window(14),),
    outputs=("williams_r",),
    kernel=williams_r,
    twin=twin,
    width=lambda n: WINDOWS + 2 * n,
    warmup=lambda n: (n,),
    undefined="highest high = lowest low",
    differences="NaN where the range is 0; TA-Lib says 0, which reads as overbought",
    cost="O(1) amortised: a loop over n every n bars",
    scales=((0, 0),),
)

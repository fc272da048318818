"""Position in the day's range."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row
from indicators.naive import divided, this_session
from indicators.ring import CLOSE, HIGH, LOW, SESSION
from indicators.spec import Indicator

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, ANCHOR, TOP, BOTTOM, WIDTH = range(5)


@each_row
def day_range_position(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """Highest and lowest so far."""
    session = float(now.time[SESSION, i])
    top, bottom = now.bars[HIGH, i], now.bars[LOW, i]
    if state[row, SEEN] >= 1.0 and state[row, ANCHOR] == session:
        top = max(top, state[row, TOP])
        bottom = min(bottom, state[row, BOTTOM])
    out[0, row] = (now.bars[CLOSE, i] - bottom) / (top - bottom) if top > bottom else np.nan
    if commit:
        state[row, SEEN] = 1.0
        state[row, ANCHOR] = session
        state[row, TOP] = top
        state[row, BOTTOM] = bottom


def twin(bars: Bars) -> list[Series]:
    def position(part: slice) -> float:
        bottom, top = min(bars.low[part]), max(bars.high[part])
        return divided(float(bars.close[part][-1] - bottom), float(top - bottom))

    return [[position(part) for part in this_session(bars)]]


INDICATOR = Indicator(
    name="day_range_position",
    title="Position in the day's range",
    formula="(close - session's low) / (session's high - session's low): 0 at the low, 1 at the high; the pre-market is"
    " a session of its own",
    inputs=("high", "low", "close"),
    parameters=(),
    outputs=("position",),
    kernel=day_range_position,
    twin=twin,
    width=lambda: WIDTH,
    warmup=lambda: (1,),
    undefined="the session's high is its low",
    scales=((0, 0),),
)

"""Opening range."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row
from indicators.naive import NAN, this_session
from indicators.ring import HIGH, LOW, SESSION, START_MS
from indicators.spec import Indicator, Parameter

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, ANCHOR, TOP, BOTTOM, WIDTH = range(5)

MINUTE_MS = 60_000


@each_row
def opening_range(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """Highest and lowest, kept as they are once the time is over; NaN without a bar until then."""
    session = float(now.time[SESSION, i])
    goes_on = state[row, SEEN] >= 1.0 and state[row, ANCHOR] == session
    top = state[row, TOP] if goes_on else np.nan
    bottom = state[row, BOTTOM] if goes_on else np.nan
    over = now.time[START_MS, i] - now.time[SESSION, i] >= now.params[0] * MINUTE_MS
    if not over:  # fmax and fmin pass over NaN
        top = np.fmax(top, now.bars[HIGH, i])
        bottom = np.fmin(bottom, now.bars[LOW, i])
    out[0, row] = top if over else np.nan
    out[1, row] = bottom if over else np.nan
    if commit:
        state[row, SEEN] = 1.0
        state[row, ANCHOR] = session
        state[row, TOP] = top
        state[row, BOTTOM] = bottom


def twin(bars: Bars, minutes: int) -> list[Series]:
    early = bars.start_ms - bars.session < minutes * MINUTE_MS
    high, low = np.where(early, bars.high, -math.inf), np.where(early, bars.low, math.inf)
    parts = [NAN if early[part][-1] or not early[part].any() else part for part in this_session(bars)]
    top = [float(max(high[part])) if isinstance(part, slice) else NAN for part in parts]
    return [top, [float(min(low[part])) if isinstance(part, slice) else NAN for part in parts]]


INDICATOR = Indicator(
    name="opening_range",
    title="Opening range",
    formula="highest high and lowest low of the bars that start within the session's first minutes, known from the "
    "first bar after these (Crabel 1990); the pre-market is a session of its own",
    inputs=("high", "low"),
    parameters=(Parameter("minutes", 15, 1, 390),),
    outputs=("high", "low"),
    kernel=opening_range,
    twin=twin,
    width=lambda _minutes: WIDTH,
    warmup=lambda _minutes: (2, 2),
    waits="the session's first minutes to be over, in every session anew",
    undefined="the session's first minutes are not over, or had no bar",
    scales=((1, 0), (1, 0)),
)

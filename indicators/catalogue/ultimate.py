"""Ultimate oscillator."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row, inlined
from indicators.naive import NAN, divided
from indicators.ring import CLOSE, HIGH, LOW
from indicators.spec import Indicator, window
from indicators.sums import shift

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, LAST, STILL, PLACE, SUMS = range(5)
SUMS_OF_WINDOW = 4
WINDOW = SUMS + 3 * SUMS_OF_WINDOW


@inlined
def _share(state: Floats, row: int, base: int, back: int, pressure: float, reach: float, commit: bool) -> float:
    """Sum of the pressure over that of the range; the bar that leaves stands in columns back and back + 1."""
    bought, bought_rest = shift(state[row, base], state[row, base + 1], pressure, state[row, back])
    ranged, ranged_rest = shift(state[row, base + 2], state[row, base + 3], reach, state[row, back + 1])
    if commit:
        state[row, base] = bought
        state[row, base + 1] = bought_rest
        state[row, base + 2] = ranged
        state[row, base + 3] = ranged_rest
    return bought / ranged if ranged > 0.0 else np.nan


@each_row
def ultimate(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """Three pairs of sums over one window of pressures and ranges."""
    short, medium, long = int(now.params[0]), int(now.params[1]), int(now.params[2])
    seen, place = state[row, SEEN], int(state[row, PLACE])
    last = state[row, LAST] if seen >= 1.0 else now.bars[CLOSE, i]
    lowest = min(now.bars[LOW, i], last)
    pressure = now.bars[CLOSE, i] - lowest if seen >= 1.0 else 0.0
    reach = max(now.bars[HIGH, i], last) - lowest if seen >= 1.0 else 0.0
    still = state[row, STILL] + 1.0 if reach == 0.0 else 0.0
    quick = WINDOW + 2 * ((place + long - short) % long)
    middle = WINDOW + 2 * ((place + long - medium) % long)
    slot = WINDOW + 2 * place
    a = _share(state, row, SUMS, quick, pressure, reach, commit)
    b = _share(state, row, SUMS + SUMS_OF_WINDOW, middle, pressure, reach, commit)
    c = _share(state, row, SUMS + 2 * SUMS_OF_WINDOW, slot, pressure, reach, commit)
    out[0, row] = 100.0 * (4.0 * a + 2.0 * b + c) / 7.0 if seen >= long and still < short else np.nan
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, LAST] = now.bars[CLOSE, i]
        state[row, STILL] = still
        state[row, slot] = pressure
        state[row, slot + 1] = reach
        state[row, PLACE] = float((place + 1) % long)


def twin(bars: Bars, short: int, medium: int, long: int) -> list[Series]:
    high, low, close = bars.series("high"), bars.series("low"), bars.series("close")
    result = [NAN] * len(close)
    for t in range(long, len(close)):

        def share(n: int, t: int = t) -> float:
            lows = [min(low[k], close[k - 1]) for k in range(t - n + 1, t + 1)]
            highs = [max(high[k], close[k - 1]) for k in range(t - n + 1, t + 1)]
            bought = math.fsum(c - l for c, l in zip(close[t - n + 1 : t + 1], lows, strict=True))
            return divided(bought, math.fsum(h - l for h, l in zip(highs, lows, strict=True)))

        result[t] = 100 * (4 * share(short) + 2 * share(medium) + share(long)) / 7
    return [result]


def _order(short: int, medium: int, long: int) -> str | None:
    ascending = short < medium < long
    return None if ascending else f"windows must grow: {short}, {medium}, {long} do not"


INDICATOR = Indicator(
    name="ultimate",
    title="Ultimate oscillator",
    formula="100 * (4 * a(short) + 2 * a(medium) + a(long)) / 7, a = sum of close - low / sum of high - low over so "
    "many bars, highs and lows reaching to the close before (Williams 1976)",
    inputs=("high", "low", "close"),
    parameters=(window(7, "short"), window(14, "medium"), window(28, "long")),
    outputs=("ultimate",),
    kernel=ultimate,
    twin=twin,
    width=lambda _short, _medium, long: WINDOW + 2 * long,
    warmup=lambda _short, _medium, long: (long + 1,),
    problem=_order,
    undefined="nothing moved in `short` bars",
    differences="NaN where nothing moved in `short` bars; TA-Lib counts that part as 0",
    brief=(3, 5, 8),
    scales=((0, 0),),
)

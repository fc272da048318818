"""Average directional index and directional indicators."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from indicators.catalogue.true_range import range_of
from indicators.catalogue.true_range import twin as true_range_twin
from indicators.jit import each_row, inlined
from indicators.naive import NAN, divided
from indicators.ring import CLOSE, HIGH, LOW
from indicators.spec import Indicator, window

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, LAST_HIGH, LAST_LOW, LAST_CLOSE, PLUS, MINUS, RANGE, ADX, WIDTH = range(9)


@inlined
def _moves(up: float, down: float) -> tuple[float, float]:
    """Directional movement: the larger of the two moves beyond the last bar, if it is one."""
    return (up if up > down and up > 0.0 else 0.0), (down if down > up and down > 0.0 else 0.0)


@inlined
def _smoothed(before: float, value: float, seen: float, n: float) -> float:
    """Wilder's running sum: the first n - 1 are added up, from then on it leaks one n-th a bar."""
    return before + value if seen < n else before - before / n + value


@inlined
def _index(before: float, plus: float, minus: float, seen: float, n: float) -> float:
    """The next state of the ADX: the sum of the first n indices, their average from then on."""
    moved = plus + minus
    if seen < n or (moved <= 0.0 and seen != 2.0 * n - 1.0):
        return before
    index = 100.0 * abs(plus - minus) / moved if moved > 0.0 else 0.0
    if seen >= 2.0 * n:
        return (before * (n - 1.0) + index) / n
    total = before + index
    return total / n if seen == 2.0 * n - 1.0 else total


@each_row
def adx(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """Wilder's sums of both moves and of the true range, and the average of their index."""
    n = now.params[0]
    seen = state[row, SEEN]
    high, low = now.bars[HIGH, i], now.bars[LOW, i]
    plus, minus, spread, average = 0.0, 0.0, 0.0, 0.0
    if seen >= 1.0:
        up, down = _moves(high - state[row, LAST_HIGH], state[row, LAST_LOW] - low)
        plus = _smoothed(state[row, PLUS], up, seen, n)
        minus = _smoothed(state[row, MINUS], down, seen, n)
        spread = _smoothed(state[row, RANGE], range_of(high, low, state[row, LAST_CLOSE]), seen, n)
        average = _index(state[row, ADX], plus, minus, seen, n)
    out[0, row] = average if seen >= 2.0 * n - 1.0 else np.nan
    scale = 100.0 / spread if seen >= n and spread > 0.0 else np.nan
    out[1, row] = plus * scale
    out[2, row] = minus * scale
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, LAST_HIGH] = high
        state[row, LAST_LOW] = low
        state[row, LAST_CLOSE] = now.bars[CLOSE, i]
        state[row, PLUS] = plus
        state[row, MINUS] = minus
        state[row, RANGE] = spread
        state[row, ADX] = average


def twin(bars: Bars, n: int) -> list[Series]:
    size = len(bars.close)
    result = [[NAN] * size for _ in range(3)]
    ranges = true_range_twin(bars)[0]
    plus = minus = spread = average = 0.0
    for t in range(1, size):
        up, down = float(bars.high[t] - bars.high[t - 1]), float(bars.low[t - 1] - bars.low[t])
        leak = 1 - 1 / n if t >= n else 1.0
        plus = plus * leak + (up if up > max(down, 0.0) else 0.0)
        minus = minus * leak + (down if down > max(up, 0.0) else 0.0)
        spread = spread * leak + ranges[t]
        if t < n:
            continue
        result[1][t], result[2][t] = divided(100 * plus, spread), divided(100 * minus, spread)
        index = divided(100 * abs(plus - minus), plus + minus)
        if t < 2 * n:
            average += (0.0 if math.isnan(index) else index) / n
        elif not math.isnan(index):
            average += (index - average) / n
        if t >= 2 * n - 1:
            result[0][t] = average
    return result


INDICATOR = Indicator(
    name="adx",
    title="Average directional index, with both directional indicators",
    formula="plus_di and minus_di = 100 * Wilder's sums of directional movement / that of the true range; "
    "adx = Wilder's average of 100 * |plus_di - minus_di| / (plus_di + minus_di), starting from the"
    " mean of the first n; a bar at which both are 0 counts as 0 in that mean and leaves later "
    "averages as they are (Wilder 1978)",
    inputs=("high", "low", "close"),
    parameters=(window(14, low=2),),
    outputs=("adx", "plus_di", "minus_di"),
    kernel=adx,
    twin=twin,
    width=lambda _n: WIDTH,
    warmup=lambda n: (2 * n, n + 1, n + 1),
    undefined="plus_di and minus_di where price has not moved since the first bar",
    differences="the directional indicators are NaN where price never moved; TA-Lib says 0",
    scales=((0, 0),) * 3,
)

"""Kaufman's adaptive moving average."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row
from indicators.naive import NAN
from indicators.ring import price
from indicators.spec import SOURCE, Indicator, window
from indicators.sums import shift

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, LAST, WAY, WAY_REST, STILL, KAMA, WIDTH = range(7)


@each_row
def kama(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """The way is a rolling sum of steps; the share of it that led somewhere sets the weight of the new value."""
    field, n = int(now.params[0]), now.params[1]
    fast, slow = 2.0 / (now.params[2] + 1.0), 2.0 / (now.params[3] + 1.0)
    back, one_more = int(now.params[4]), int(now.params[5])
    seen = state[row, SEEN]
    value, last = price(now.bars, field, i), state[row, LAST]
    step = abs(value - last) if seen >= 1.0 else 0.0
    leaves = abs(now.lagged[back, i] - now.lagged[one_more, i]) if seen >= n + 1.0 else 0.0
    way, rest = shift(state[row, WAY], state[row, WAY_REST], step, leaves)
    still = state[row, STILL] + 1.0 if step == 0.0 else 0.0
    average, efficiency = value, np.nan
    if seen >= n:
        efficiency = abs(value - now.lagged[back, i]) / way if still < n and way > 0.0 else 0.0
        weight = (efficiency * (fast - slow) + slow) ** 2
        average = state[row, KAMA] + weight * (value - state[row, KAMA])
    out[0, row] = average if seen >= n else np.nan
    out[1, row] = efficiency
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, LAST] = value
        state[row, WAY] = way
        state[row, WAY_REST] = rest
        state[row, STILL] = still
        state[row, KAMA] = average


def twin(bars: Bars, source: str, n: int, fast: int, slow: int) -> list[Series]:
    values = bars.series(source)
    average, ratio = [NAN] * len(values), [NAN] * len(values)
    for t in range(n, len(values)):
        way = math.fsum(abs(b - a) for a, b in pairwise(values[t - n : t + 1]))
        ratio[t] = abs(values[t] - values[t - n]) / way if way else 0.0
        weight = (ratio[t] * (2 / (fast + 1) - 2 / (slow + 1)) + 2 / (slow + 1)) ** 2
        before = values[t - 1] if t == n else average[t - 1]
        average[t] = before + weight * (values[t] - before)
    return [average, ratio]


INDICATOR = Indicator(
    name="kama",
    title="Kaufman's adaptive moving average",
    formula="k += (x - k) * (er * (2 / (fast + 1) - 2 / (slow + 1)) + 2 / (slow + 1))^2, starting from the n-th value; "
    "er = |x - x[n]| / sum of |x - x[1]| over n bars, 0 where nothing moved (Kaufman 1995)",
    inputs=("source",),
    parameters=(SOURCE, window(10), window(2, "fast"), window(30, "slow")),
    outputs=("kama", "er"),
    kernel=kama,
    twin=twin,
    width=lambda _source, _n, _fast, _slow: WIDTH,
    warmup=lambda _source, n, _fast, _slow: (n + 1, n + 1),
    reads=lambda source, n, _fast, _slow: ((source, n), (source, n + 1)),
    differences="er is 0 where nothing moved in n bars; TA-Lib says 1",
    brief=(5, 2, 30),
    scales=((1, 0), (0, 0)),
)

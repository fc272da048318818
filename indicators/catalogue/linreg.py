"""Linear regression on the bar's number."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from indicators import moments, weighted
from indicators.jit import each_row
from indicators.moments import roll_moments
from indicators.naive import NAN, divided, mean
from indicators.ring import price
from indicators.spec import SOURCE, Indicator, window
from indicators.sums import add_product
from indicators.weighted import roll_weighted

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, SUMS = range(2)
MOMENTS = SUMS + weighted.COLUMNS
WIDTH = MOMENTS + moments.COLUMNS


@each_row
def linreg(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """Weights 1 to n less their mean are the bar's number less its mean; two doubles hold what cancels."""
    field, n, back = int(now.params[0]), now.params[1], int(now.params[2])
    seen = state[row, SEEN]
    value = price(now.bars, field, i)
    leaves = now.lagged[back, i] if seen >= n else 0.0
    total, rest, summed, summed_rest = roll_weighted(state, row, SUMS, n, seen, value, leaves, commit)
    mean, variance = roll_moments(state, row, MOMENTS, n, value, leaves, commit)
    if commit:
        state[row, SEEN] = seen + 1.0
    if seen < n - 1.0:
        out[0, row] = out[1, row] = out[2, row] = out[3, row] = np.nan
        return
    middle, spread = (n + 1.0) / 2.0, n * (n * n - 1.0) / 12.0
    product, product_rest = add_product(summed, summed_rest - middle * rest, -middle, total)
    slope = (product + product_rest) / spread if variance > 0.0 else 0.0
    out[0, row] = slope
    out[1, row] = mean - slope * (n - 1.0) / 2.0
    out[2, row] = min(slope * slope * spread / (n * variance), 1.0) if variance > 0.0 else np.nan
    out[3, row] = mean + slope * (n - 1.0) / 2.0


def twin(bars: Bars, source: str, n: int) -> list[Series]:
    values = bars.series(source)
    lines = [[NAN] * 4 for _ in range(min(n - 1, len(values)))]
    at = [k - (n - 1) / 2 for k in range(n)]
    for t in range(n - 1, len(values)):
        seen = values[t - n + 1 : t + 1]
        middle = mean(seen)
        off = [0.0 if min(seen) == max(seen) else x - middle for x in seen]
        shared = math.fsum(k * y for k, y in zip(at, off, strict=True))
        across, up = math.fsum(k * k for k in at), math.fsum(y * y for y in off)
        slope = shared / across
        lines.append([slope, middle + slope * at[0], divided(shared * shared, across * up), middle + slope * at[-1]])
    return [list(column) for column in zip(*lines, strict=True)]


INDICATOR = Indicator(
    name="linreg",
    title="Linear regression",
    formula="the line of least squares through the last n values: its slope a bar, its intercept at the oldest of "
    "them, the share r2 of their variance that it explains, and its value at the newest",
    inputs=("source",),
    parameters=(SOURCE, window(14, low=2)),
    outputs=("slope", "intercept", "r2", "value"),
    kernel=linreg,
    twin=twin,
    width=lambda _source, _n: WIDTH,
    warmup=lambda _source, n: (n,) * 4,
    reads=lambda source, n: ((source, n),),
    undefined="r2 where all n values are equal",
    scales=((1, 0), (1, 0), (0, 0), (1, 0)),
)

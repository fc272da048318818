"""Weighted moving average."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row
from indicators.naive import windows
from indicators.ring import price
from indicators.spec import SOURCE, Indicator, window
from indicators.sums import add_product, shift, two_sum

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, SUM, REST, WEIGHTED, WEIGHTED_REST, WIDTH = range(6)


@each_row
def wma(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """Each bar, every value loses one unit of weight: the weighted sum loses the plain one."""
    field, n, back = int(now.params[0]), now.params[1], int(now.params[2])
    weights = n * (n + 1.0) / 2.0
    seen = state[row, SEEN]
    value = price(now.bars, field, i)
    total, rest = state[row, SUM], state[row, REST]
    weighted, weighted_rest = state[row, WEIGHTED], state[row, WEIGHTED_REST]
    leaves = 0.0
    if seen >= n:
        leaves = now.lagged[back, i]
        weighted, lost = two_sum(weighted, -total)
        weighted_rest += lost - rest
    weighted, weighted_rest = add_product(weighted, weighted_rest, min(seen + 1.0, n), value)
    total, rest = shift(total, rest, value, leaves)
    out[0, row] = weighted / weights if seen >= n - 1.0 else np.nan
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, SUM] = total
        state[row, REST] = rest
        state[row, WEIGHTED] = weighted
        state[row, WEIGHTED_REST] = weighted_rest


def twin(bars: Bars, source: str, n: int) -> list[Series]:
    def weighted(values: Sequence[float]) -> float:
        return math.fsum(w * x for w, x in enumerate(values, 1)) / (n * (n + 1) / 2)

    return [windows(bars.series(source), n, weighted)]


INDICATOR = Indicator(
    name="wma",
    title="Weighted moving average",
    formula="mean of the last n values with weights 1 (oldest) to n (newest)",
    inputs=("source",),
    parameters=(SOURCE, window(20)),
    outputs=("wma",),
    kernel=wma,
    twin=twin,
    width=lambda _source, _n: WIDTH,
    warmup=lambda _source, n: (n,),
    reads=lambda source, n: ((source, n),),
    scales=((1, 0),),
)

"""Weighted moving average."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row
from indicators.naive import windows
from indicators.ring import price
from indicators.spec import SOURCE, Indicator, window
from indicators.weighted import COLUMNS, roll_weighted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, SUMS = range(2)
WIDTH = SUMS + COLUMNS


@each_row
def wma(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """The weighted sum and its weights."""
    field, n, back = int(now.params[0]), now.params[1], int(now.params[2])
    seen = state[row, SEEN]
    value = price(now.bars, field, i)
    _, _, weighted, _ = roll_weighted(state, row, SUMS, n, seen, value, now.lagged[back, i], commit)
    out[0, row] = weighted / (n * (n + 1.0) / 2.0) if seen >= n - 1.0 else np.nan
    if commit:
        state[row, SEEN] = seen + 1.0


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

"""Variance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row
from indicators.moments import COLUMNS, roll_moments
from indicators.naive import deviation, windows
from indicators.ring import price
from indicators.spec import SOURCE, Indicator, window

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, MOMENTS = range(2)
WIDTH = MOMENTS + COLUMNS


@each_row
def variance(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """The rolling variance."""
    field, n, back = int(now.params[0]), now.params[1], int(now.params[2])
    seen = state[row, SEEN]
    leaves = now.lagged[back, i] if seen >= n else 0.0
    _, spread = roll_moments(state, row, MOMENTS, n, price(now.bars, field, i), leaves, commit)
    out[0, row] = spread if seen >= n - 1.0 else np.nan
    if commit:
        state[row, SEEN] = seen + 1.0


def twin(bars: Bars, source: str, n: int) -> list[Series]:
    return [[x * x for x in windows(bars.series(source), n, deviation)]]


INDICATOR = Indicator(
    name="variance",
    title="Variance",
    formula="population variance (divided by n) of the last n values",
    inputs=("source",),
    parameters=(SOURCE, window(5, low=2)),
    outputs=("variance",),
    kernel=variance,
    twin=twin,
    width=lambda _source, _n: WIDTH,
    warmup=lambda _source, n: (n,),
    reads=lambda source, n: ((source, n),),
    scales=((2, 0),),
)

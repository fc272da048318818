"""Z-score."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row
from indicators.moments import COLUMNS, roll_moments
from indicators.naive import deviation, divided, mean, windows
from indicators.ring import price
from indicators.spec import SOURCE, Indicator, window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, MOMENTS = range(2)
WIDTH = MOMENTS + COLUMNS


@each_row
def zscore(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """Distance from the rolling mean in rolling deviations."""
    field, n, back = int(now.params[0]), now.params[1], int(now.params[2])
    seen = state[row, SEEN]
    value = price(now.bars, field, i)
    leaves = now.lagged[back, i] if seen >= n else 0.0
    mean, variance = roll_moments(state, row, MOMENTS, n, value, leaves, commit)
    out[0, row] = (value - mean) / np.sqrt(variance) if seen >= n - 1.0 and variance > 0.0 else np.nan
    if commit:
        state[row, SEEN] = seen + 1.0


def twin(bars: Bars, source: str, n: int) -> list[Series]:
    def score(values: Sequence[float]) -> float:
        return divided(values[-1] - mean(values), deviation(values))

    return [windows(bars.series(source), n, score)]


INDICATOR = Indicator(
    name="zscore",
    title="Z-score",
    formula="(x - mean) / population standard deviation, over the last n values, this one among them",
    inputs=("source",),
    parameters=(SOURCE, window(20, low=2)),
    outputs=("zscore",),
    kernel=zscore,
    twin=twin,
    width=lambda _source, _n: WIDTH,
    warmup=lambda _source, n: (n,),
    reads=lambda source, n: ((source, n),),
    undefined="all n values are equal",
    scales=((0, 0),),
)

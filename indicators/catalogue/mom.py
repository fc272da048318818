"""Momentum."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row
from indicators.naive import NAN
from indicators.ring import price
from indicators.spec import SOURCE, Indicator, window

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, WIDTH = range(2)


@each_row
def mom(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """All it needs stands in the ring."""
    field, n, back = int(now.params[0]), now.params[1], int(now.params[2])
    seen = state[row, SEEN]
    out[0, row] = price(now.bars, field, i) - now.lagged[back, i] if seen >= n else np.nan
    if commit:
        state[row, SEEN] = seen + 1.0


def twin(bars: Bars, source: str, n: int) -> list[Series]:
    values = bars.series(source)
    return [[NAN] * min(n, len(values)) + [b - a for a, b in zip(values, values[n:], strict=False)]]


INDICATOR = Indicator(
    name="mom",
    title="Momentum",
    formula="x - x[n]",
    inputs=("source",),
    parameters=(SOURCE, window(10)),
    outputs=("mom",),
    kernel=mom,
    twin=twin,
    width=lambda _source, _n: WIDTH,
    warmup=lambda _source, n: (n + 1,),
    reads=lambda source, n: ((source, n),),
    scales=((1, 0),),
)

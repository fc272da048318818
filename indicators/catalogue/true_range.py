"""True range."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row, inlined
from indicators.naive import NAN
from indicators.ring import CLOSE, HIGH, LOW
from indicators.spec import Indicator

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, LAST, WIDTH = range(3)


@inlined
def range_of(high: float, low: float, last: float) -> float:
    """Wilder's true range: the bar's range, stretched to the last close."""
    return max(high, last) - min(low, last)


@each_row
def true_range(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """Needs nothing but the last close."""
    seen = state[row, SEEN]
    out[0, row] = range_of(now.bars[HIGH, i], now.bars[LOW, i], state[row, LAST]) if seen >= 1.0 else np.nan
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, LAST] = now.bars[CLOSE, i]


def twin(bars: Bars) -> list[Series]:
    rows = list(zip(bars.high, bars.low, bars.close, strict=True))
    steps = pairwise(rows)
    return [[NAN, *(float(max(h, last) - min(l, last)) for (_, _, last), (h, l, _) in steps)][: len(rows)]]


INDICATOR = Indicator(
    name="true_range",
    title="True range",
    formula="max(high, last close) - min(low, last close) (Wilder 1978)",
    inputs=("high", "low", "close"),
    parameters=(),
    outputs=("true_range",),
    kernel=true_range,
    twin=twin,
    width=lambda: WIDTH,
    warmup=lambda: (2,),
    scales=((1, 0),),
)

"""Triple exponential moving average."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.averages import seeded_ema
from indicators.jit import each_row
from indicators.naive import smoothed
from indicators.ring import price
from indicators.spec import SOURCE, Indicator, window

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, FIRST, SECOND, THIRD, WIDTH = range(5)


@each_row
def tema(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """Three averages, each of the one before."""
    field, n = int(now.params[0]), now.params[1]
    seen = state[row, SEEN]
    first, second, third = seeded_ema(state[row, FIRST], price(now.bars, field, i), seen, n), 0.0, 0.0
    firsts, seconds = seen - (n - 1.0), seen - 2.0 * (n - 1.0)
    if firsts >= 0.0:
        second = seeded_ema(state[row, SECOND], first, firsts, n)
    if seconds >= 0.0:
        third = seeded_ema(state[row, THIRD], second, seconds, n)
    out[0, row] = 3.0 * (first - second) + third if seconds >= n - 1.0 else np.nan
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, FIRST] = first
        state[row, SECOND] = second
        state[row, THIRD] = third


def twin(bars: Bars, source: str, n: int) -> list[Series]:
    first = smoothed(bars.series(source), n, 2 / (n + 1))
    second = smoothed(first, n, 2 / (n + 1))
    third = smoothed(second, n, 2 / (n + 1))
    return [[3 * a - 3 * b + c for a, b, c in zip(first, second, third, strict=True)]]


INDICATOR = Indicator(
    name="tema",
    title="Triple exponential moving average",
    formula="3 * e1 - 3 * e2 + e3, each the ema(n) of the one before, starting from the mean of its first n values "
    "(Mulloy 1994)",
    inputs=("source",),
    parameters=(SOURCE, window(20)),
    outputs=("tema",),
    kernel=tema,
    twin=twin,
    width=lambda _source, _n: WIDTH,
    warmup=lambda _source, n: (3 * n - 2,),
    brief=(5,),
    scales=((1, 0),),
)

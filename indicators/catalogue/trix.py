"""Triple smoothed rate of change."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from indicators.averages import seeded_ema
from indicators.jit import each_row
from indicators.naive import NAN, divided, smoothed
from indicators.ring import price
from indicators.spec import SOURCE, Indicator, window

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, FIRST, SECOND, THIRD, WIDTH = range(5)


@each_row
def trix(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """Three averages, each of the one before, and the change of the last."""
    field, n = int(now.params[0]), now.params[1]
    seen = state[row, SEEN]
    first, second, third = seeded_ema(state[row, FIRST], price(now.bars, field, i), seen, n), 0.0, 0.0
    firsts, seconds = seen - (n - 1.0), seen - 2.0 * (n - 1.0)
    if firsts >= 0.0:
        second = seeded_ema(state[row, SECOND], first, firsts, n)
    if seconds >= 0.0:
        third = seeded_ema(state[row, THIRD], second, seconds, n)
    last = state[row, THIRD]
    out[0, row] = 100.0 * (third - last) / last if seconds >= n and last != 0.0 else np.nan
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, FIRST] = first
        state[row, SECOND] = second
        state[row, THIRD] = third


def twin(bars: Bars, source: str, n: int) -> list[Series]:
    third = bars.series(source)
    for _ in range(3):
        third = smoothed(third, n, 2 / (n + 1))
    return [[NAN, *(divided(100 * (b - a), a) for a, b in pairwise(third))]]


INDICATOR = Indicator(
    name="trix",
    title="Triple smoothed rate of change",
    formula="change of ema(n) of ema(n) of ema(n) since the bar before, in percent; each average starts from the mean "
    "of its first n values (Hutson 1983)",
    inputs=("source",),
    parameters=(SOURCE, window(15)),
    outputs=("trix",),
    kernel=trix,
    twin=twin,
    width=lambda _source, _n: WIDTH,
    warmup=lambda _source, n: (3 * n - 1,),
    undefined="the average was 0",
    brief=(5,),
    scales=((0, 0),),
)

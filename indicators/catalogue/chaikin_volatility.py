"""Chaikin's volatility."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.averages import seeded_ema
from indicators.jit import each_row
from indicators.naive import NAN, divided, smoothed
from indicators.ring import HIGH, LOW
from indicators.spec import Indicator, window

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, AVERAGE, PLACE, BEFORE = range(4)


@each_row
def chaikin_volatility(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """An average of ranges, compared with itself some bars ago."""
    n, back = now.params[0], int(now.params[1])
    seen = state[row, SEEN]
    average = seeded_ema(state[row, AVERAGE], now.bars[HIGH, i] - now.bars[LOW, i], seen, n)
    slot = BEFORE + int(state[row, PLACE])
    before = state[row, slot]
    known = seen >= n - 1.0 + back and before > 0.0
    out[0, row] = 100.0 * (average - before) / before if known else np.nan
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, AVERAGE] = average
        if seen >= n - 1.0:
            state[row, slot] = average
            state[row, PLACE] = float((slot - BEFORE + 1) % back)


def twin(bars: Bars, n: int, back: int) -> list[Series]:
    ranges = [float(x) for x in bars.high - bars.low]
    average = smoothed(ranges, n, 2 / (n + 1))
    changes = [100 * divided(now - before, before) for before, now in zip(average, average[back:], strict=False)]
    return [[*[NAN] * back, *changes][: len(ranges)]]


INDICATOR = Indicator(
    name="chaikin_volatility",
    title="Chaikin's volatility",
    formula="change in percent, over `back` bars, of the ema(n) of high - low (Chaikin)",
    inputs=("high", "low"),
    parameters=(window(10), window(10, "back")),
    outputs=("chaikin_volatility",),
    kernel=chaikin_volatility,
    twin=twin,
    width=lambda _n, back: BEFORE + back,
    warmup=lambda n, back: (n + back,),
    undefined="the average range of `back` bars ago was 0",
    scales=((0, 0),),
)

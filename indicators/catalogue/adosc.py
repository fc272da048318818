"""Chaikin oscillator."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from indicators.catalogue.adl import flow_of, flow_twin
from indicators.jit import each_row
from indicators.naive import NAN
from indicators.spec import Indicator, window

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, FAST, SLOW, WIDTH = range(4)


@each_row
def adosc(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """How far each average lags behind the line; the line itself, which grows without end, is not needed."""
    fast, slow = now.params[0], now.params[1]
    seen, flow = state[row, SEEN], flow_of(now.bars, i)
    fast_lag, slow_lag = 0.0, 0.0
    if seen >= 1.0:
        fast_lag = (state[row, FAST] + flow) * ((fast - 1.0) / (fast + 1.0))
        slow_lag = (state[row, SLOW] + flow) * ((slow - 1.0) / (slow + 1.0))
    out[0, row] = slow_lag - fast_lag if seen >= slow - 1.0 else np.nan
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, FAST] = fast_lag
        state[row, SLOW] = slow_lag


def twin(bars: Bars, fast: int, slow: int) -> list[Series]:
    line = list(accumulate(flow_twin(bars)))

    def average(n: int) -> Series:
        return list(accumulate(line, lambda before, value: before + 2 / (n + 1) * (value - before)))

    values = [a - b for a, b in zip(average(fast), average(slow), strict=True)]
    return [[*[NAN] * (slow - 1), *values[slow - 1 :]][: len(line)]]


def problem(fast: int, slow: int) -> str | None:
    return None if fast < slow else f"fast ({fast}) must be shorter than slow ({slow})"


INDICATOR = Indicator(
    name="adosc",
    title="Chaikin oscillator",
    formula="ema(fast) - ema(slow) of the accumulation/distribution line (see adl), both starting from its first value "
    "(Chaikin)",
    inputs=("high", "low", "close", "volume"),
    parameters=(window(3, "fast"), window(10, "slow", 2)),
    outputs=("adosc",),
    kernel=adosc,
    twin=twin,
    width=lambda _fast, _slow: WIDTH,
    warmup=lambda _fast, slow: (slow,),
    problem=problem,
    brief=(2, 5),
    scales=((0, 1),),
)

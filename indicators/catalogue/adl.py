"""Accumulation/distribution line."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row, inlined
from indicators.ring import CLOSE, HIGH, LOW, VOLUME
from indicators.spec import Indicator
from indicators.sums import shift

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SUM, REST, WIDTH = range(3)


@inlined
def flow_of(bars: Floats, i: int) -> float:
    """Money flow volume of bar i: its volume, from -1 for a close at the low to 1 for one at the high."""
    high, low, close = bars[HIGH, i], bars[LOW, i], bars[CLOSE, i]
    return float(((close - low) - (high - close)) / (high - low) * bars[VOLUME, i]) if high > low else 0.0


@each_row
def adl(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """A sum that never ends, in two doubles."""
    total, rest = shift(state[row, SUM], state[row, REST], flow_of(now.bars, i), 0.0)
    out[0, row] = total
    if commit:
        state[row, SUM] = total
        state[row, REST] = rest


def flow_twin(bars: Bars) -> Series:
    spread = bars.high - bars.low
    share = (2 * bars.close - bars.low - bars.high) / np.where(spread > 0, spread, 1.0)
    return [float(x) for x in np.where(spread > 0, share * bars.volume, 0.0)]


def twin(bars: Bars) -> list[Series]:
    flow = flow_twin(bars)
    return [[math.fsum(flow[: t + 1]) for t in range(len(flow))]]


INDICATOR = Indicator(
    name="adl",
    title="Accumulation/distribution line",
    formula="sum of volume * ((close - low) - (high - close)) / (high - low) since the first bar; a bar without "
    "range adds nothing (Chaikin)",
    inputs=("high", "low", "close", "volume"),
    parameters=(),
    outputs=("adl",),
    width=lambda: WIDTH,
    warmup=lambda: (1,),
    kernel=adl,
    twin=twin,
    scales=((0, 1),),
    endless=True,
)

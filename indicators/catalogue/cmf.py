"""Chaikin money flow."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from indicators.catalogue.adl import flow_of, flow_twin
from indicators.jit import each_row
from indicators.naive import divided, windows
from indicators.ring import VOLUME
from indicators.rolling import SUM_COLUMNS, roll_sum
from indicators.spec import Indicator, window

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, FLOW = range(2)


@each_row
def cmf(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """Two rolling sums."""
    n = int(now.params[0])
    seen = state[row, SEEN]
    flow = roll_sum(state, row, FLOW, n, flow_of(now.bars, i), commit)
    shares = roll_sum(state, row, FLOW + SUM_COLUMNS + n, n, now.bars[VOLUME, i], commit)
    out[0, row] = flow / shares if seen >= n - 1.0 and shares > 0.0 else np.nan
    if commit:
        state[row, SEEN] = seen + 1.0


def twin(bars: Bars, n: int) -> list[Series]:
    flow, shares = windows(flow_twin(bars), n, math.fsum), windows(bars.series("volume"), n, math.fsum)
    return [[divided(a, b) for a, b in zip(flow, shares, strict=True)]]


INDICATOR = Indicator(
    name="cmf",
    title="Chaikin money flow",
    formula="sum of money flow volume (see adl) / sum of volume over the last n bars (Chaikin)",
    inputs=("high", "low", "close", "volume"),
    parameters=(window(20),),
    outputs=("cmf",),
    width=lambda n: FLOW + 2 * (SUM_COLUMNS + n),
    warmup=lambda n: (n,),
    undefined="no share traded in n bars",
    kernel=cmf,
    twin=twin,
    scales=((0, 0),),
)

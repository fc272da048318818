"""Relative volume."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row
from indicators.naive import NAN, divided, mean
from indicators.ring import VOLUME
from indicators.spec import Indicator, window
from indicators.sums import shift

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, SUM, REST, IDLE, WIDTH = range(5)


@each_row
def rvol(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """The mean is that of the bars before, so that a burst does not measure itself."""
    n, back = now.params[0], int(now.params[1])
    seen = state[row, SEEN]
    volume, before = now.bars[VOLUME, i], state[row, SUM]
    known = seen >= n and state[row, IDLE] < n and before > 0.0
    out[0, row] = volume / before * n if known else np.nan
    if commit:
        leaves = now.lagged[back, i] if seen >= n else 0.0
        total, rest = shift(before, state[row, REST], volume, leaves)
        state[row, SEEN] = seen + 1.0
        state[row, SUM] = total
        state[row, REST] = rest
        state[row, IDLE] = state[row, IDLE] + 1.0 if volume == 0.0 else 0.0


def twin(bars: Bars, n: int) -> list[Series]:
    volume = bars.series("volume")
    return [[divided(volume[t], mean(volume[t - n : t])) if t >= n else NAN for t in range(len(volume))]]


INDICATOR = Indicator(
    name="rvol",
    title="Relative volume",
    formula="volume / mean volume of the n bars before this one",
    inputs=("volume",),
    parameters=(window(20),),
    outputs=("rvol",),
    kernel=rvol,
    twin=twin,
    width=lambda _n: WIDTH,
    warmup=lambda n: (n + 1,),
    reads=lambda n: (("volume", n),),
    undefined="no volume in the n bars before",
    scales=((0, 0),),
)

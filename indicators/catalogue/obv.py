"""On-balance volume."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row
from indicators.ring import CLOSE, VOLUME
from indicators.spec import Indicator
from indicators.sums import shift

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, LAST, SUM, REST, WIDTH = range(5)


@each_row
def obv(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """A sum that never ends, in two doubles."""
    seen = state[row, SEEN]
    close, last = now.bars[CLOSE, i], state[row, LAST]
    rises = 1.0 if seen == 0.0 or close > last else 0.0
    falls = 1.0 if seen > 0.0 and close < last else 0.0
    signed = now.bars[VOLUME, i] * (rises - falls)
    total, rest = shift(state[row, SUM], state[row, REST], signed, 0.0)
    out[0, row] = total
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, LAST] = close
        state[row, SUM] = total
        state[row, REST] = rest


def twin(bars: Bars) -> list[Series]:
    change = np.sign(np.diff(bars.close, prepend=-math.inf))
    return [[math.fsum((change * bars.volume)[: t + 1]) for t in range(len(change))]]


INDICATOR = Indicator(
    name="obv",
    title="On-balance volume",
    formula="sum of volume, positive where the close rose, negative where it fell, starting with the first "
    "bar's volume (Granville 1963)",
    inputs=("close", "volume"),
    parameters=(),
    outputs=("obv",),
    kernel=obv,
    twin=twin,
    width=lambda: WIDTH,
    warmup=lambda: (1,),
    endless=True,
    scales=((0, 1),),
)

"""Volume price trend."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row
from indicators.naive import NAN
from indicators.ring import CLOSE, VOLUME
from indicators.spec import Indicator
from indicators.sums import shift

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, LAST, SUM, REST, WIDTH = range(5)


@each_row
def vpt(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """A sum that never ends, in two doubles."""
    seen, close, last = state[row, SEEN], now.bars[CLOSE, i], state[row, LAST]
    share = now.bars[VOLUME, i] * ((close - last) / last) if seen >= 1.0 else 0.0
    total, rest = shift(state[row, SUM], state[row, REST], share, 0.0)
    out[0, row] = total if seen >= 1.0 else np.nan
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, LAST] = close
        state[row, SUM] = total
        state[row, REST] = rest


def twin(bars: Bars) -> list[Series]:
    changes = [float((b - a) / a) for a, b in pairwise(bars.close)]
    shares = [float(v) * change for v, change in zip(bars.volume[1:], changes, strict=True)]
    return [[NAN, *(math.fsum(shares[: t + 1]) for t in range(len(shares)))]]


INDICATOR = Indicator(
    name="vpt",
    title="Volume price trend",
    formula="sum of volume * (close - close before) / close before since the second bar (also: price volume trend)",
    inputs=("close", "volume"),
    parameters=(),
    outputs=("vpt",),
    kernel=vpt,
    twin=twin,
    width=lambda: WIDTH,
    warmup=lambda: (2,),
    endless=True,
    scales=((0, 1),),
)

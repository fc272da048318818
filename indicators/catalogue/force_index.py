"""Force index."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from indicators.averages import seeded_ema
from indicators.jit import each_row
from indicators.naive import NAN, smoothed
from indicators.ring import CLOSE, VOLUME
from indicators.spec import Indicator, window

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, LAST, AVERAGE, WIDTH = range(4)


@each_row
def force_index(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """An exponential average of change times volume."""
    n = now.params[0]
    seen, close = state[row, SEEN], now.bars[CLOSE, i]
    average = 0.0
    if seen >= 1.0:
        force = (close - state[row, LAST]) * now.bars[VOLUME, i]
        average = seeded_ema(state[row, AVERAGE], force, seen - 1.0, n)
    out[0, row] = average if seen >= n else np.nan
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, LAST] = close
        state[row, AVERAGE] = average


def twin(bars: Bars, n: int) -> list[Series]:
    changes = [float(b - a) for a, b in pairwise(bars.close)]
    force = [x * float(v) for x, v in zip(changes, bars.volume[1:], strict=True)]
    return [[NAN, *smoothed(force, n, 2 / (n + 1))][: len(bars.close)]]


INDICATOR = Indicator(
    name="force_index",
    title="Force index",
    formula="ema(n) of (close - close before) * volume, starting from the mean of the first n (Elder)",
    inputs=("close", "volume"),
    parameters=(window(13),),
    outputs=("force_index",),
    kernel=force_index,
    twin=twin,
    width=lambda _n: WIDTH,
    warmup=lambda n: (n + 1,),
    scales=((1, 1),),
)

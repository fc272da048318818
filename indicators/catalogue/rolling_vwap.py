"""Rolling volume-weighted average price."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row
from indicators.naive import divided, windows
from indicators.ring import VOLUME, VWAP, price
from indicators.rolling import SUM_COLUMNS, roll_sum
from indicators.spec import Indicator, window

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, MONEY = range(2)


@each_row
def rolling_vwap(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """Two rolling sums."""
    n = int(now.params[0])
    seen, volume = state[row, SEEN], now.bars[VOLUME, i]
    money = roll_sum(state, row, MONEY, n, price(now.bars, VWAP, i) * volume, commit)
    shares = roll_sum(state, row, MONEY + SUM_COLUMNS + n, n, volume, commit)
    out[0, row] = money / shares if seen >= n - 1.0 and shares > 0.0 else np.nan
    if commit:
        state[row, SEEN] = seen + 1.0


def twin(bars: Bars, n: int) -> list[Series]:
    money = windows([float(x) for x in bars.price * bars.volume], n, math.fsum)
    shares = windows(bars.series("volume"), n, math.fsum)
    return [[divided(a, b) for a, b in zip(money, shares, strict=True)]]


INDICATOR = Indicator(
    name="rolling_vwap",
    title="Rolling volume-weighted average price",
    formula="sum of price times volume / sum of volume over the last n bars, whatever their session; price is the "
    "bar's own vwap where known, else (high + low + close) / 3",
    inputs=("high", "low", "close", "volume", "vwap"),
    parameters=(window(20),),
    outputs=("rolling_vwap",),
    width=lambda n: MONEY + 2 * (SUM_COLUMNS + n),
    warmup=lambda n: (n,),
    undefined="no share traded in n bars",
    kernel=rolling_vwap,
    twin=twin,
    scales=((1, 0),),
)

"""Dollar volume."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row
from indicators.naive import windows
from indicators.ring import VOLUME, VWAP, price
from indicators.rolling import SUM_COLUMNS, roll_sum
from indicators.spec import Indicator, window

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, MONEY = range(2)


@each_row
def dollar_volume(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """One rolling sum."""
    n = int(now.params[0])
    seen = state[row, SEEN]
    money = roll_sum(state, row, MONEY, n, price(now.bars, VWAP, i) * now.bars[VOLUME, i], commit)
    out[0, row] = money if seen >= n - 1.0 else np.nan
    out[1, row] = money / n if seen >= n - 1.0 else np.nan
    if commit:
        state[row, SEEN] = seen + 1.0


def twin(bars: Bars, n: int) -> list[Series]:
    money = windows([float(x) for x in bars.price * bars.volume], n, math.fsum)
    return [money, [x / n for x in money]]


INDICATOR = Indicator(
    name="dollar_volume",
    title="Dollar volume",
    formula="sum of price times volume over the last n bars, and its mean a bar; price is the bar's own vwap where "
    "known, else (high + low + close) / 3",
    inputs=("high", "low", "close", "volume", "vwap"),
    parameters=(window(20),),
    outputs=("dollar_volume", "mean"),
    width=lambda n: MONEY + SUM_COLUMNS + n,
    warmup=lambda n: (n, n),
    kernel=dollar_volume,
    twin=twin,
    scales=((1, 1), (1, 1)),
)

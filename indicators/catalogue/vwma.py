"""Volume weighted moving average."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row
from indicators.naive import NAN, divided
from indicators.ring import VOLUME, price
from indicators.spec import SOURCE, Indicator, window
from indicators.sums import shift

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, MONEY, MONEY_REST, SHARES, SHARES_REST, STILL, WIDTH = range(7)


@each_row
def vwma(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """Rolling sums of value times volume and of volume; a product that leaves is the one that entered."""
    field, n, back, volume_back = int(now.params[0]), now.params[1], int(now.params[2]), int(now.params[3])
    seen = state[row, SEEN]
    volume = now.bars[VOLUME, i]
    money_out, shares_out = 0.0, 0.0
    if seen >= n:
        shares_out = now.lagged[volume_back, i]
        money_out = now.lagged[back, i] * shares_out
    enters = price(now.bars, field, i) * volume
    money, money_rest = shift(state[row, MONEY], state[row, MONEY_REST], enters, money_out)
    shares, shares_rest = shift(state[row, SHARES], state[row, SHARES_REST], volume, shares_out)
    still = state[row, STILL] + 1.0 if volume == 0.0 else 0.0
    out[0, row] = money / shares if seen >= n - 1.0 and still < n and shares > 0.0 else np.nan
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, MONEY] = money
        state[row, MONEY_REST] = money_rest
        state[row, SHARES] = shares
        state[row, SHARES_REST] = shares_rest
        state[row, STILL] = still


def twin(bars: Bars, source: str, n: int) -> list[Series]:
    values, volumes = bars.series(source), bars.series("volume")
    result = [NAN] * len(values)
    for t in range(n - 1, len(values)):
        weights = volumes[t - n + 1 : t + 1]
        weighted = math.fsum(x * w for x, w in zip(values[t - n + 1 : t + 1], weights, strict=True))
        result[t] = divided(weighted, math.fsum(weights))
    return [result]


INDICATOR = Indicator(
    name="vwma",
    title="Volume weighted moving average",
    formula="sum of value times volume / sum of volume over the last n bars",
    inputs=("source", "volume"),
    parameters=(SOURCE, window(20)),
    outputs=("vwma",),
    kernel=vwma,
    twin=twin,
    width=lambda _source, _n: WIDTH,
    warmup=lambda _source, n: (n,),
    reads=lambda source, n: ((source, n), ("volume", n)),
    undefined="no share traded in n bars",
    scales=((1, 0),),
)

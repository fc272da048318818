"""Session's volume-weighted average price."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row
from indicators.naive import divided
from indicators.ring import SESSION, VOLUME, VWAP, price
from indicators.spec import Indicator

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, ANCHOR, MONEY, SHARES, WIDTH = range(5)


@each_row
def vwap(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """Two sums that start anew with every session: nothing leaves them, so nothing can drift."""
    seen = state[row, SEEN]
    session = float(now.time[SESSION, i])
    goes_on = seen >= 1.0 and state[row, ANCHOR] == session
    shares = (state[row, SHARES] if goes_on else 0.0) + now.bars[VOLUME, i]
    money = (state[row, MONEY] if goes_on else 0.0) + price(now.bars, VWAP, i) * now.bars[VOLUME, i]
    out[0, row] = money / shares if shares > 0.0 else np.nan
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, ANCHOR] = session
        state[row, MONEY] = money
        state[row, SHARES] = shares


def twin(bars: Bars) -> list[Series]:
    def at(t: int) -> float:
        since = max(s for s in range(t + 1) if s == 0 or bars.session[s] != bars.session[s - 1])
        money, shares = bars.price[since : t + 1] * bars.volume[since : t + 1], bars.volume[since : t + 1]
        return divided(math.fsum(money), math.fsum(shares))

    return [[at(t) for t in range(len(bars.close))]]


INDICATOR = Indicator(
    name="vwap",
    title="Session's volume-weighted average price",
    formula="sum of price times volume / sum of volume since the session began; price is the bar's own vwap"
    " where known, else (high + low + close) / 3",
    inputs=("high", "low", "close", "volume", "vwap"),
    parameters=(),
    outputs=("vwap",),
    kernel=vwap,
    twin=twin,
    width=lambda: WIDTH,
    warmup=lambda: (1,),
    undefined="no share traded yet in this session",
    scales=((1, 0),),
)

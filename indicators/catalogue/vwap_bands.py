"""Bands around the session's volume-weighted average price."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row
from indicators.naive import NAN
from indicators.ring import SESSION, VOLUME, VWAP, price
from indicators.spec import Indicator, Parameter

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, ANCHOR, SHARES, MEAN, SPREAD, WIDTH = range(6)


@each_row
def vwap_bands(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """West's weighted mean and sum of squared deviations, anew with every session: nothing leaves, nothing cancels."""
    seen, session = state[row, SEEN], float(now.time[SESSION, i])
    goes_on = seen >= 1.0 and state[row, ANCHOR] == session
    shares = state[row, SHARES] if goes_on else 0.0
    mean = state[row, MEAN] if shares > 0.0 else 0.0
    spread = state[row, SPREAD] if shares > 0.0 else 0.0
    volume, value = now.bars[VOLUME, i], price(now.bars, VWAP, i)
    if volume > 0.0:
        away = value - mean if shares > 0.0 else 0.0
        mean = mean + away * (volume / (shares + volume)) if shares > 0.0 else value
        shares += volume
        spread += volume * away * (value - mean)
    half = now.params[0] * np.sqrt(spread / shares) if shares > 0.0 else np.nan
    out[0, row] = mean + half
    out[1, row] = mean + 0.0 * half
    out[2, row] = mean - half
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, ANCHOR] = session
        state[row, SHARES] = shares
        state[row, MEAN] = mean
        state[row, SPREAD] = spread


def twin(bars: Bars, k: float) -> list[Series]:
    def at(t: int) -> tuple[float, float, float]:
        since = max(s for s in range(t + 1) if s == 0 or bars.session[s] != bars.session[s - 1])
        values, volume = bars.price[since : t + 1], bars.volume[since : t + 1]
        shares = math.fsum(volume)
        if shares == 0:
            return NAN, NAN, NAN
        middle = math.fsum(values * volume) / shares
        half = k * math.sqrt(math.fsum((values - middle) ** 2 * volume) / shares)
        return middle + half, middle, middle - half

    return [list(series) for series in zip(*(at(t) for t in range(len(bars.close))), strict=True)]


INDICATOR = Indicator(
    name="vwap_bands",
    title="Bands around the session's volume-weighted average price",
    formula="middle = vwap of the session, upper and lower k volume-weighted population deviations of price from it; "
    "price is the bar's own vwap where known, else (high + low + close) / 3",
    inputs=("high", "low", "close", "volume", "vwap"),
    parameters=(Parameter("k", 2.0, 0.01, 100),),
    outputs=("upper", "middle", "lower"),
    width=lambda _k: WIDTH,
    warmup=lambda _k: (1, 1, 1),
    undefined="no share traded yet in this session",
    brief=(1.0,),
    kernel=vwap_bands,
    twin=twin,
    scales=((1, 0), (1, 0), (1, 0)),
)

"""Beta against the market."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row
from indicators.market import naive_returns, roll_market, width
from indicators.naive import divided, mean
from indicators.spec import Indicator, window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats


@each_row
def beta(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """Covariance over variance."""
    together, _, market = roll_market(i, row, now, state, commit)
    out[0, row] = together / market if market > 0.0 else np.nan


def twin(bars: Bars, n: int) -> list[Series]:
    def slope(own: Sequence[float], market: Sequence[float]) -> float:
        a, b = mean(own), mean(market)
        together = math.fsum((x - a) * (y - b) for x, y in zip(own, market, strict=True))
        return divided(together, math.fsum((y - b) ** 2 for y in market))

    return [naive_returns(bars, n, slope)]


INDICATOR = Indicator(
    name="beta",
    title="Beta against the market",
    formula="covariance of the symbol's returns with the market's / variance of the market's, over n bars, from close "
    "to close (Sharpe 1964); the newest return is that of the bar before, the last whose market is known",
    inputs=("close", "market"),
    parameters=(window(60, low=2),),
    outputs=("beta",),
    kernel=beta,
    twin=twin,
    width=width,
    warmup=lambda n: (n + 2,),
    undefined="the market's level was not known at one of the last n + 1 bars, or its n returns are equal",
    scales=((0, 0),),
)

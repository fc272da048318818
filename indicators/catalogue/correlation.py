"""Correlation with the market."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row
from indicators.market import naive_returns, roll_market, width
from indicators.naive import deviation, divided, mean
from indicators.spec import Indicator, window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats


@each_row
def correlation(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """Covariance over both deviations; rounding does not lead beyond 1."""
    together, own, market = roll_market(i, row, now, state, commit)
    value = together / (np.sqrt(own) * np.sqrt(market)) if own > 0.0 and market > 0.0 else np.nan
    out[0, row] = max(-1.0, min(value, 1.0)) if value == value else np.nan  # noqa: PLR0124 (not NaN)


def twin(bars: Bars, n: int) -> list[Series]:
    def of(own: Sequence[float], market: Sequence[float]) -> float:
        a, b = mean(own), mean(market)
        together = math.fsum((x - a) * (y - b) for x, y in zip(own, market, strict=True)) / n
        return divided(together, deviation(own) * deviation(market))

    return [naive_returns(bars, n, of)]


INDICATOR = Indicator(
    name="correlation",
    title="Correlation with the market",
    formula="Pearson's correlation of the symbol's returns with the market's over n bars, from close to close; the "
    "newest return is that of the bar before, the last whose market is known",
    inputs=("close", "market"),
    parameters=(window(60, low=2),),
    outputs=("correlation",),
    kernel=correlation,
    twin=twin,
    width=width,
    warmup=lambda n: (n + 2,),
    undefined="the market's level was not known at one of the last n + 1 bars, or the n returns of one of both are "
    "equal",
    scales=((0, 0),),
)

"""A symbol's returns beside the market's, over a rolling window: what beta and correlation are made of.

The market's level of a minute is known when all symbols have closed it, so a bar brings the level at which the bar
*before* it was closed. The newest pair of returns is therefore that of the bar before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.comoments import COLUMNS_OF_PAIR, roll_comoments
from indicators.jit import inlined
from indicators.naive import NAN
from indicators.ring import CLOSE, MARKET

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

LAST, BEFORE, LEVEL, KNOWN, PLACE, SUMS = range(6)
PAIRS = SUMS + COLUMNS_OF_PAIR


def width(n: int) -> int:
    """Columns of state for windows of n pairs."""
    return PAIRS + 2 * n


@inlined
def roll_market(i: int, row: int, now: Step, state: Floats, commit: bool) -> tuple[float, float, float]:
    """Covariance with the market, variance of the symbol and of the market over the last n pairs of returns.

    NaN until n pairs in a row are known; one that is not known, because the market's level is not, begins anew.

    Args:
        i: number of the bar in the step.
        row: row of the symbol.
        now: the step; its first parameter is n.
        state: ``float64[capacity, width(n)]``.
        commit: keep the new state.
    """
    n = int(now.params[0])
    level, last, before = now.outside[MARKET, i], state[row, LAST], state[row, BEFORE]
    usable = before > 0.0 and state[row, LEVEL] > 0.0 and level > 0.0
    own = last / before - 1.0 if usable else 0.0
    market = level / state[row, LEVEL] - 1.0 if usable else 0.0
    slot = PAIRS + 2 * int(state[row, PLACE])
    leaves = (state[row, slot], state[row, slot + 1])
    sums = roll_comoments(state, row, SUMS, float(n), (own, market), leaves, commit)
    known = min(state[row, KNOWN] + 1.0, float(n)) if usable else 0.0
    if commit:
        state[row, slot] = own
        state[row, slot + 1] = market
        state[row, PLACE] = state[row, PLACE] + 1.0 if state[row, PLACE] < n - 1 else 0.0
        state[row, KNOWN] = known
        state[row, BEFORE] = last
        state[row, LAST] = now.bars[CLOSE, i]
        state[row, LEVEL] = level
    return sums if known == n else (np.nan, np.nan, np.nan)


def naive_returns(bars: Bars, n: int, of: Callable[[Sequence[float], Sequence[float]], float]) -> Series:
    """`of` the last n pairs of returns, own and market's, at every bar; for twins."""
    size = len(bars.close)
    own, market = [NAN] * size, [NAN] * size
    for t in range(2, size):
        own[t] = float(bars.close[t - 1] / bars.close[t - 2] - 1)
        market[t] = float(bars.market[t] / bars.market[t - 1] - 1)
    values = [NAN] * size
    for t in range(n + 1, size):
        part = slice(t - n + 1, t + 1)
        values[t] = NAN if np.isnan(market[part]).any() else of(own[part], market[part])
    return values

"""Connors' relative strength index."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from indicators import strength
from indicators.jit import each_row, inlined
from indicators.naive import NAN, mean
from indicators.ring import CLOSE
from indicators.spec import Indicator, window
from indicators.strength import roll_strength, strength_twin

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, LAST, STREAK, PLACE, OF_CLOSE = range(5)
OF_STREAK = OF_CLOSE + strength.COLUMNS
RETURNS = OF_STREAK + strength.COLUMNS

ROUNDING = 1e-14
"""Equal returns of other prices differ by less."""


@inlined
def _smaller(state: Floats, row: int, n: int, value: float) -> float:
    """How many of the n returns of the window are smaller."""
    count = 0.0
    for k in range(n):
        count += 1.0 if state[row, RETURNS + k] < value - ROUNDING else 0.0
    return count


@each_row
def connors_rsi(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """Two strengths, and the place of the newest return among those before it."""
    n, n_streak, size = now.params[0], now.params[1], int(now.params[2])
    seen, last, place = state[row, SEEN], state[row, LAST], int(state[row, PLACE])
    value, streak, change = now.bars[CLOSE, i], 0.0, 0.0
    if seen >= 1.0:
        change = (value - last) / last
        if value > last:
            streak = max(state[row, STREAK], 0.0) + 1.0
        elif value < last:
            streak = min(state[row, STREAK], 0.0) - 1.0
    of_close = roll_strength(state, row, OF_CLOSE, n, seen, value, commit)
    of_streak = roll_strength(state, row, OF_STREAK, n_streak, seen, streak, commit)
    rank = 100.0 * _smaller(state, row, size, change) / size if seen >= size + 1.0 else np.nan
    out[0, row] = (of_close + of_streak + rank) / 3.0
    out[1, row] = of_close
    out[2, row] = of_streak
    out[3, row] = rank
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, LAST] = value
        state[row, STREAK] = streak
        if seen >= 1.0:
            state[row, RETURNS + place] = change
            state[row, PLACE] = place + 1.0 if place < size - 1 else 0.0


def _streaks(values: Series) -> Series:
    streaks = [0.0]
    for before, value in pairwise(values):
        sign = (value > before) - (value < before)
        streaks.append(streaks[-1] + sign if streaks[-1] * sign > 0 else float(sign))
    return streaks


def twin(bars: Bars, rsi: int, streak: int, rank: int) -> list[Series]:
    close = bars.series("close")
    of_close, of_streak = strength_twin(close, rsi), strength_twin(_streaks(close), streak)
    returns = [NAN, *((b - a) / a for a, b in pairwise(close))]
    ranks = [NAN] * len(close)
    for t in range(rank + 1, len(close)):
        ranks[t] = 100 * sum(x < returns[t] - ROUNDING for x in returns[t - rank : t]) / rank
    parts = zip(of_close, of_streak, ranks, strict=True)
    return [[mean(part) for part in parts], of_close, of_streak, ranks]


INDICATOR = Indicator(
    name="connors_rsi",
    title="Connors' relative strength index",
    formula="mean of rsi(rsi) of the close, rsi(streak) of the number of closes in a row that rose (fell: negative; "
    "unchanged: 0), and the share of the `rank` returns before this one that are smaller, in percent "
    "(Connors and Alvarez 2012)",
    inputs=("close",),
    parameters=(window(3, "rsi"), window(2, "streak"), window(100, "rank")),
    outputs=("connors_rsi", "rsi_close", "rsi_streak", "percent_rank"),
    kernel=connors_rsi,
    twin=twin,
    width=lambda _rsi, _streak, rank: RETURNS + rank,
    warmup=lambda rsi, streak, rank: (max(rsi + 1, streak + 1, rank + 2), rsi + 1, streak + 1, rank + 2),
    undefined="no change since the first bar, percent_rank excepted",
    cost="O(rank), about 1 ns a return kept: 0.15 us at rank = 100, 1.1 us at 1,000, of 10,000 symbols",
    brief=(3, 2, 8),
    scales=((0, 0),) * 4,
)

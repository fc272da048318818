"""Ichimoku cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.extremes import roll_highest
from indicators.jit import each_row, inlined
from indicators.naive import NAN, windows
from indicators.ring import HIGH, LOW
from indicators.spec import Indicator, window

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, FIRST = range(2)

PLACE, TOP, BOTTOM, ENDS = range(4)
"""Of each of the three windows, which stand one behind the other; behind them what the spans were."""


@inlined
def _middle(state: Floats, row: int, base: int, n: int, high: float, low: float, commit: bool) -> float:
    """Middle of the highest high and the lowest low of n bars."""
    place = int(state[row, base + PLACE])
    upper = roll_highest(state, row, base + TOP, base + ENDS, 2, place, n, high, commit)
    lower = -roll_highest(state, row, base + BOTTOM, base + ENDS + 1, 2, place, n, -low, commit)
    if commit:
        state[row, base + PLACE] = place + 1.0 if place < n - 1 else 0.0
    return (upper + lower) / 2.0


@each_row
def ichimoku(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """Three middles; the spans wait in a ring as long as the base line's window, and turn with it."""
    short, n, long = int(now.params[0]), int(now.params[1]), int(now.params[2])
    second = FIRST + ENDS + 2 * short
    third = second + ENDS + 2 * n
    seen, high, low = state[row, SEEN], now.bars[HIGH, i], now.bars[LOW, i]
    waiting = third + ENDS + 2 * long + 2 * int(state[row, second + PLACE])
    tenkan = _middle(state, row, FIRST, short, high, low, commit)
    kijun = _middle(state, row, second, n, high, low, commit)
    wide = _middle(state, row, third, long, high, low, commit)
    out[0, row] = tenkan if seen >= short - 1.0 else np.nan
    out[1, row] = kijun if seen >= n - 1.0 else np.nan
    out[2, row] = state[row, waiting] if seen - n >= max(short, n) - 1.0 else np.nan
    out[3, row] = state[row, waiting + 1] if seen - n >= long - 1.0 else np.nan
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, waiting] = (tenkan + kijun) / 2.0
        state[row, waiting + 1] = wide


def twin(bars: Bars, n_tenkan: int, n_kijun: int, n_senkou: int) -> list[Series]:
    def middles(n: int) -> Series:
        upper, lower = windows(bars.series("high"), n, max), windows(bars.series("low"), n, min)
        return [(a + b) / 2 for a, b in zip(upper, lower, strict=True)]

    tenkan, kijun, wide = middles(n_tenkan), middles(n_kijun), middles(n_senkou)
    ahead = [NAN] * n_kijun
    senkou_a = ahead + [(a + b) / 2 for a, b in zip(tenkan, kijun, strict=True)]
    return [tenkan, kijun, senkou_a[: len(tenkan)], (ahead + wide)[: len(tenkan)]]


INDICATOR = Indicator(
    name="ichimoku",
    title="Ichimoku cloud",
    formula="tenkan, kijun = middles of the highest high and the lowest low of the last n_tenkan and n_kijun bars; the "
    "cloud as it stands at this bar, made n_kijun bars ago: senkou_a = (tenkan + kijun) / 2, senkou_b = the middle of "
    "n_senkou bars (Hosoda 1969); the chikou span is the close, to be held against close[n_kijun]",
    inputs=("high", "low"),
    parameters=(window(9, "n_tenkan"), window(26, "n_kijun"), window(52, "n_senkou")),
    outputs=("tenkan", "kijun", "senkou_a", "senkou_b"),
    kernel=ichimoku,
    twin=twin,
    width=lambda short, n, long: FIRST + 3 * ENDS + 2 * (short + n + long) + 2 * n,
    warmup=lambda short, n, long: (short, n, max(short, n) + n, long + n),
    cost="O(1) amortised: a loop over each window when it is full anew",
    brief=(3, 5, 8),
    scales=((1, 0),) * 4,
)

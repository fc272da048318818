"""Awesome oscillator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row
from indicators.naive import mean, windows
from indicators.ring import HIGH, LOW
from indicators.spec import Indicator, window
from indicators.sums import shift

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, FAST, FAST_REST, SLOW, SLOW_REST, WIDTH = range(6)


@each_row
def awesome(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """Two rolling sums of the middle of the bar."""
    n_fast, n_slow = now.params[0], now.params[1]
    high_fast, low_fast, high_slow, low_slow = (
        int(now.params[2]),
        int(now.params[3]),
        int(now.params[4]),
        int(now.params[5]),
    )
    seen = state[row, SEEN]
    middle = (now.bars[HIGH, i] + now.bars[LOW, i]) / 2.0
    early = (now.lagged[high_fast, i] + now.lagged[low_fast, i]) / 2.0 if seen >= n_fast else 0.0
    late = (now.lagged[high_slow, i] + now.lagged[low_slow, i]) / 2.0 if seen >= n_slow else 0.0
    fast, fast_rest = shift(state[row, FAST], state[row, FAST_REST], middle, early)
    slow, slow_rest = shift(state[row, SLOW], state[row, SLOW_REST], middle, late)
    out[0, row] = fast / n_fast - slow / n_slow if seen >= n_slow - 1.0 else np.nan
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, FAST] = fast
        state[row, FAST_REST] = fast_rest
        state[row, SLOW] = slow
        state[row, SLOW_REST] = slow_rest


def twin(bars: Bars, fast: int, slow: int) -> list[Series]:
    middle = [float(x) for x in (bars.high + bars.low) / 2.0]
    return [[a - b for a, b in zip(windows(middle, fast, mean), windows(middle, slow, mean), strict=True)]]


INDICATOR = Indicator(
    name="awesome",
    title="Awesome oscillator",
    formula="sma(fast) - sma(slow) of (high + low) / 2 (Williams 1998)",
    inputs=("high", "low"),
    parameters=(window(5, "fast"), window(34, "slow")),
    outputs=("awesome",),
    kernel=awesome,
    twin=twin,
    width=lambda _fast, _slow: WIDTH,
    warmup=lambda _fast, slow: (slow,),
    reads=lambda fast, slow: (("high", fast), ("low", fast), ("high", slow), ("low", slow)),
    problem=lambda fast, slow: None if fast < slow else f"fast ({fast}) must be shorter than slow ({slow})",
    brief=(3, 7),
    scales=((1, 0),),
)

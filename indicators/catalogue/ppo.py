"""Percentage price oscillator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.averages import seeded_ema
from indicators.jit import each_row
from indicators.naive import NAN, smoothed
from indicators.ring import price
from indicators.spec import SOURCE, Indicator, window

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, FAST, SLOW, SIGNAL, WIDTH = range(5)


@each_row
def ppo(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """Three exponential averages; both averages of the source have their first value at the same bar."""
    field, n_fast, n_slow, n_signal = int(now.params[0]), now.params[1], now.params[2], now.params[3]
    seen = state[row, SEEN]
    value = price(now.bars, field, i)
    late = seen - (n_slow - n_fast)
    fast = seeded_ema(state[row, FAST], value, late, n_fast) if late >= 0.0 else 0.0
    slow = seeded_ema(state[row, SLOW], value, seen, n_slow)
    line, signal = np.nan, 0.0
    lines = seen - (n_slow - 1.0)
    if lines >= 0.0:
        line = 100.0 * (fast - slow) / slow if slow > 0.0 else 0.0
        signal = seeded_ema(state[row, SIGNAL], line, lines, n_signal)
    out[0, row] = line
    out[1, row] = signal if lines >= n_signal - 1.0 else np.nan
    out[2, row] = line - signal if lines >= n_signal - 1.0 else np.nan
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, FAST] = fast
        state[row, SLOW] = slow
        state[row, SIGNAL] = signal


def twin(bars: Bars, source: str, fast: int, slow: int, signal: int) -> list[Series]:
    values = bars.series(source)
    late = [NAN] * (slow - fast) + values[slow - fast :]
    quick, lazy = smoothed(late, fast, 2 / (fast + 1)), smoothed(values, slow, 2 / (slow + 1))
    line = [0.0 if b == 0 else 100 * (a / b - 1) for a, b in zip(quick, lazy, strict=True)]
    trigger = smoothed(line, signal, 2 / (signal + 1))
    return [line, trigger, [a - b for a, b in zip(line, trigger, strict=True)]]


INDICATOR = Indicator(
    name="ppo",
    title="Percentage price oscillator",
    formula="ppo = 100 * (ema(fast) - ema(slow)) / ema(slow), 0 where both are 0, signal = ema of ppo, histogram = "
    "ppo - signal; the fast average starts from the mean of the last `fast` of the first `slow` values; of the volume "
    "it is known as pvo",
    inputs=("source",),
    parameters=(SOURCE, window(12, "fast"), window(26, "slow"), window(9, "signal")),
    outputs=("ppo", "signal", "histogram"),
    kernel=ppo,
    twin=twin,
    width=lambda _source, _fast, _slow, _signal: WIDTH,
    warmup=lambda _source, _fast, slow, signal: (slow, slow + signal - 1, slow + signal - 1),
    problem=lambda _source, fast, slow, _signal: (
        None if fast < slow else f"fast ({fast}) must be shorter than slow ({slow})"
    ),
    differences="TA-Lib starts the fast average from its own first values",
    brief=(3, 5, 3),
    scales=((0, 0),) * 3,
)

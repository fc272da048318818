"""Percentage price oscillator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.averages import seeded_ema
from indicators.jit import each_row, inlined
from indicators.naive import NAN, smoothed
from indicators.ring import price
from indicators.spec import SOURCE, Indicator, window

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, FAST, SLOW, SIGNAL, WIDTH = range(5)


@inlined
def oscillate(
    state: Floats, row: int, value: float, fast: float, slow: float, signal: float, out: Floats, commit: bool
) -> None:
    """Three exponential averages; both averages of the value have their first one at the same bar."""
    seen = state[row, SEEN]
    late = seen - (slow - fast)
    quick = seeded_ema(state[row, FAST], value, late, fast) if late >= 0.0 else 0.0
    lazy = seeded_ema(state[row, SLOW], value, seen, slow)
    line, trigger = np.nan, 0.0
    lines = seen - (slow - 1.0)
    if lines >= 0.0:
        line = 100.0 * (quick - lazy) / lazy if lazy > 0.0 else 0.0
        trigger = seeded_ema(state[row, SIGNAL], line, lines, signal)
    out[0, row] = line
    out[1, row] = trigger if lines >= signal - 1.0 else np.nan
    out[2, row] = line - trigger if lines >= signal - 1.0 else np.nan
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, FAST] = quick
        state[row, SLOW] = lazy
        state[row, SIGNAL] = trigger


@each_row
def ppo(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """Of a field of the bar."""
    value = price(now.bars, int(now.params[0]), i)
    oscillate(state, row, value, now.params[1], now.params[2], now.params[3], out, commit)


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
    "ppo - signal; the fast average starts from the mean of the last `fast` of the first `slow` values",
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

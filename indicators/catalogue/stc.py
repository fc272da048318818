"""Schaff trend cycle."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from indicators.averages import seeded_ema
from indicators.extremes import roll_highest
from indicators.jit import each_row, inlined
from indicators.naive import NAN, smoothed
from indicators.ring import price
from indicators.spec import SOURCE, Indicator, window

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, FAST, SLOW, CYCLES = range(4)
TOP, BOTTOM, RAW, SMOOTH, WINDOWS = range(5)
"""Columns of one cycle; its highest and its lowest stand interleaved after them."""

STILL = 1e-6
"""Share of the price: a range of the line below it is the rounding of averages that stand still."""

ENDED = 1e-4
"""Points: a range of the first cycle below it is what is left of one that has ended."""


@inlined
def _cycle(
    state: Floats, row: int, base: int, n: int, weight: float, known: float, value: float, least: float, commit: bool
) -> float:
    """The value's place between the extremes of n, smoothed; NaN before n values.

    Where the extremes are no further apart than `least`, the place stays as it was.
    """
    place = int(known) % n
    upper = roll_highest(state, row, base + TOP, base + WINDOWS, 2, place, n, value, commit)
    lower = -roll_highest(state, row, base + BOTTOM, base + WINDOWS + 1, 2, place, n, -value, commit)
    if known < n - 1.0:
        return np.nan
    raw = 100.0 * (value - lower) / (upper - lower) if upper - lower > least else state[row, base + RAW]
    before = state[row, base + SMOOTH] if known >= n else raw
    smooth = before + weight * (raw - before)
    if commit:
        state[row, base + RAW] = raw
        state[row, base + SMOOTH] = smooth
    return float(smooth)


@each_row
def stc(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """The difference of two averages, its place in its range, and the place of that in its own."""
    field, fast, slow, n = int(now.params[0]), now.params[1], now.params[2], int(now.params[3])
    weight, seen, value = 2.0 / (now.params[4] + 1.0), state[row, SEEN], price(now.bars, field, i)
    quick, calm = seeded_ema(state[row, FAST], value, seen, fast), seeded_ema(state[row, SLOW], value, seen, slow)
    known, trend = seen - (slow - 1.0), np.nan
    if known >= 0.0:
        least = STILL * abs(calm)
        cycle = _cycle(state, row, CYCLES, n, weight, known, quick - calm, least, commit)
        if known >= n - 1.0:
            second = CYCLES + WINDOWS + 2 * n
            trend = _cycle(state, row, second, n, weight, known - (n - 1.0), cycle, ENDED, commit)
    out[0, row] = trend
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, FAST] = quick
        state[row, SLOW] = calm


def cycle_twin(values: Series, least: Series, n: int, smooth: int) -> Series:
    result, raw, average = [NAN] * len(values), 0.0, NAN
    for t in range(n - 1, len(values)):
        recent = values[t - n + 1 : t + 1]
        if math.isnan(sum(recent)):
            continue
        low, high = min(recent), max(recent)
        raw = 100 * (values[t] - low) / (high - low) if high - low > least[t] else raw
        average = raw if math.isnan(average) else average + 2 / (smooth + 1) * (raw - average)
        result[t] = average
    return result


def twin(bars: Bars, source: str, fast: int, slow: int, cycle: int, smooth: int) -> list[Series]:
    values = bars.series(source)
    quick, calm = smoothed(values, fast, 2 / (fast + 1)), smoothed(values, slow, 2 / (slow + 1))
    line = [a - b for a, b in zip(quick, calm, strict=True)]
    first = cycle_twin(line, [STILL * abs(x) for x in calm], cycle, smooth)
    return [cycle_twin(first, [ENDED] * len(values), cycle, smooth)]


def problem(_source: str, fast: int, slow: int, _cycle: int, _smooth: int) -> str | None:
    return None if fast < slow else f"fast ({fast}) must be shorter than slow ({slow})"


INDICATOR = Indicator(
    name="stc",
    title="Schaff trend cycle",
    formula="line = ema(fast) - ema(slow); place = 100 * (line - lowest line) / (highest line - lowest line) over "
    "`cycle` bars, smoothed with weight 2 / (smooth + 1) from its first value on; stc is the same of the smoothed "
    "place. Where the line's range is within a millionth of the price, or that of the smoothed place within 0.0001, "
    "the place stays as it was, 0 at first (Schaff 1999)",
    inputs=("source",),
    parameters=(
        SOURCE,
        window(23, "fast"),
        window(50, "slow", 2),
        window(10, "cycle", 2),
        window(3, "smooth"),
    ),
    outputs=("stc",),
    kernel=stc,
    twin=twin,
    width=lambda _source, _fast, _slow, cycle, _smooth: CYCLES + 2 * (WINDOWS + 2 * cycle),
    warmup=lambda _source, _fast, slow, cycle, _smooth: (slow + 2 * (cycle - 1),),
    problem=problem,
    cost="O(1) amortised: a loop over n every n bars",
    brief=(3, 5, 4, 3),
    scales=((0, 0),),
)

"""Parabolic stop and reverse."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row, inlined
from indicators.naive import NAN
from indicators.ring import HIGH, LOW
from indicators.spec import Indicator, Parameter

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, TOP, BOTTOM, STOP, BEST, FACTOR, SIDE, WIDTH = range(8)


@inlined
def _start(state: Floats, row: int, high: float, low: float) -> tuple[float, float, float]:
    """Side, stop and best price at the second bar: down if the first step went further down than up."""
    first_high, first_low = state[row, TOP], state[row, BOTTOM]
    if first_low - low > max(high - first_high, 0.0):
        return -1.0, first_high, low
    return 1.0, first_low, high


@each_row
def psar(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """Written for a rising price; a falling one is the same with every price negated."""
    step, most = now.params[0], now.params[1]
    seen, high, low = state[row, SEEN], now.bars[HIGH, i], now.bars[LOW, i]
    high_before, low_before = (state[row, TOP], state[row, BOTTOM]) if seen >= 2.0 else (high, low)
    side, stop, best, factor = state[row, SIDE], state[row, STOP], state[row, BEST], state[row, FACTOR]
    if seen == 1.0:
        side, stop, best = _start(state, row, high, low)
        factor = step
    top, bottom = (high, low) if side > 0.0 else (-low, -high)
    top_before, bottom_before = (high_before, low_before) if side > 0.0 else (-low_before, -high_before)
    stop, best, turned = stop * side, best * side, False
    if bottom <= stop:
        turned, factor = True, step
        shown = max(best, top, top_before)
        best = bottom
        after = max(shown + factor * (best - shown), top, top_before)
    else:
        shown = stop
        if top > best:
            best, factor = top, min(factor + step, most)
        after = min(shown + factor * (best - shown), bottom, bottom_before)
    out[0, row] = shown * side if seen >= 1.0 else np.nan
    out[1, row] = (-side if turned else side) if seen >= 1.0 else np.nan
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, TOP] = high
        state[row, BOTTOM] = low
        state[row, STOP] = after * side
        state[row, BEST] = best * side
        state[row, FACTOR] = factor
        state[row, SIDE] = -side if turned else side


def twin(bars: Bars, step: float, most: float) -> list[Series]:
    high, low = bars.series("high"), bars.series("low")
    stops, directions = [NAN], [NAN]
    if len(high) < 2:
        return [stops[: len(high)], directions[: len(high)]]
    up = not (low[0] > low[1] and low[0] - low[1] > high[1] - high[0])
    stop, best, factor = (low[0], high[1], step) if up else (high[0], low[1], step)
    for t in range(1, len(high)):
        recent = slice(max(t - 1, 1), t + 1)
        reached = low[t] <= stop if up else high[t] >= stop
        if reached:
            stop = max(best, *high[recent]) if up else min(best, *low[recent])
            up, best, factor = not up, low[t] if up else high[t], step
        stops.append(stop)
        directions.append(1.0 if up else -1.0)
        if not reached and (high[t] > best if up else low[t] < best):
            best, factor = high[t] if up else low[t], min(factor + step, most)
        stop += factor * (best - stop)
        stop = min(stop, *low[recent]) if up else max(stop, *high[recent])
    return [stops, directions]


def _problem(step: float, most: float) -> str | None:
    return f"step {step:g} must not be above the maximum {most:g}" if step > most else None


INDICATOR = Indicator(
    name="psar",
    title="Parabolic stop and reverse",
    formula="stop += factor * (best - stop), never within the last two bars; best is the furthest price since the turn,"
    " and the factor grows by step up to maximum with each new one; a bar that reaches the stop turns it: the stop "
    "is then the best price, on the other side (direction 1: stop below, -1: above; Wilder 1978); the first "
    "direction is that of the larger step of high or low from the first to the second bar",
    inputs=("high", "low"),
    parameters=(Parameter("step", 0.02, 0.0001, 1), Parameter("maximum", 0.2, 0.0001, 1)),
    outputs=("sar", "direction"),
    kernel=psar,
    twin=twin,
    width=lambda _step, _most: WIDTH,
    warmup=lambda _step, _most: (2, 2),
    problem=_problem,
    brief=(0.1, 0.3),
    scales=((1, 0), (0, 0)),
)

"""True strength index."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from indicators.averages import seeded_ema
from indicators.jit import each_row
from indicators.naive import NAN, divided, smoothed
from indicators.ring import price
from indicators.spec import SOURCE, Indicator, window

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, LAST, CHANGE, CHANGE_TWICE, WAY, WAY_TWICE, KNOWN, SIGNAL, WIDTH = range(9)


@each_row
def tsi(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """Averages of averages, of the change and of its size; the signal takes in values that are known."""
    field, slow, fast, n_signal = int(now.params[0]), now.params[1], now.params[2], now.params[3]
    value, changes, known = price(now.bars, field, i), state[row, SEEN] - 1.0, state[row, KNOWN]
    change, change_twice, way, way_twice = 0.0, 0.0, 0.0, 0.0
    if changes >= 0.0:
        step = value - state[row, LAST]
        change = seeded_ema(state[row, CHANGE], step, changes, slow)
        way = seeded_ema(state[row, WAY], abs(step), changes, slow)
    firsts = changes - (slow - 1.0)
    if firsts >= 0.0:
        change_twice = seeded_ema(state[row, CHANGE_TWICE], change, firsts, fast)
        way_twice = seeded_ema(state[row, WAY_TWICE], way, firsts, fast)
    index, signal, now_known = np.nan, state[row, SIGNAL], known
    if firsts >= fast - 1.0 and way_twice > 0.0:
        index = 100.0 * change_twice / way_twice
        signal = seeded_ema(signal, index, known, n_signal)
        now_known = known + 1.0
    out[0, row] = index
    out[1, row] = signal if now_known > known and now_known >= n_signal else np.nan
    if commit:
        state[row, SEEN] += 1.0
        state[row, LAST] = value
        state[row, CHANGE] = change
        state[row, CHANGE_TWICE] = change_twice
        state[row, WAY] = way
        state[row, WAY_TWICE] = way_twice
        state[row, KNOWN] = now_known
        state[row, SIGNAL] = signal


def twin(bars: Bars, source: str, slow: int, fast: int, signal: int) -> list[Series]:
    def twice(values: Series) -> Series:
        return smoothed(smoothed(values, slow, 2 / (slow + 1)), fast, 2 / (fast + 1))

    steps = [NAN, *(b - a for a, b in pairwise(bars.series(source)))]
    pairs = zip(twice(steps), twice([abs(x) for x in steps]), strict=True)
    index = [divided(100 * change, way) for change, way in pairs]
    return [index, smoothed(index, signal, 2 / (signal + 1))]


INDICATOR = Indicator(
    name="tsi",
    title="True strength index",
    formula="tsi = 100 * ema(fast) of ema(slow) of the change / the same of its size, signal = ema of tsi; each "
    "average starts from the mean of its first values (Blau 1991)",
    inputs=("source",),
    parameters=(SOURCE, window(25, "slow"), window(13, "fast"), window(7, "signal")),
    outputs=("tsi", "signal"),
    kernel=tsi,
    twin=twin,
    width=lambda _source, _slow, _fast, _signal: WIDTH,
    warmup=lambda _source, slow, fast, signal: (slow + fast, slow + fast + signal - 1),
    undefined="no change since the first bar; the signal waits for its first values of tsi",
    brief=(5, 3, 3),
    scales=((0, 0), (0, 0)),
)

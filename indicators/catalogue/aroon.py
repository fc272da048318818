"""Aroon."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row
from indicators.naive import windows
from indicators.recency import COLUMNS, bars_since_highest
from indicators.ring import HIGH, LOW
from indicators.spec import Indicator, window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, EXTREMES = range(2)


@each_row
def aroon(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """How long ago the highest high and the lowest low of n + 1 bars were."""
    n, size = now.params[0], int(now.params[0]) + 1
    lows = EXTREMES + COLUMNS + 2 * size
    seen = state[row, SEEN]
    since_high = bars_since_highest(state, row, EXTREMES, size, seen, now.bars[HIGH, i], commit)
    since_low = bars_since_highest(state, row, lows, size, seen, -now.bars[LOW, i], commit)
    known = seen >= n
    out[0, row] = 100.0 * (n - since_high) / n if known else np.nan
    out[1, row] = 100.0 * (n - since_low) / n if known else np.nan
    out[2, row] = 100.0 * (since_low - since_high) / n if known else np.nan
    if commit:
        state[row, SEEN] = seen + 1.0


def twin(bars: Bars, n: int) -> list[Series]:
    def since_highest(values: Sequence[float]) -> float:
        return float(values[::-1].index(max(values)))

    up = [100 * (n - since) / n for since in windows(bars.series("high"), n + 1, since_highest)]
    lows = [-x for x in bars.series("low")]
    down = [100 * (n - since) / n for since in windows(lows, n + 1, since_highest)]
    return [up, down, [a - b for a, b in zip(up, down, strict=True)]]


INDICATOR = Indicator(
    name="aroon",
    title="Aroon",
    formula="up = 100 * (n - bars since the highest high of n + 1 bars) / n, down the same of the lowest low, "
    "oscillator = up - down; of equal extremes the newest counts (Chande 1995)",
    inputs=("high", "low"),
    parameters=(window(25),),
    outputs=("up", "down", "oscillator"),
    kernel=aroon,
    twin=twin,
    width=lambda n: EXTREMES + 2 * (COLUMNS + 2 * (n + 1)),
    warmup=lambda n: (n + 1,) * 3,
    cost="O(log n) comparisons",
    scales=((0, 0), (0, 0), (0, 0)),
)

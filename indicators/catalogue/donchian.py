"""Donchian channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.extremes import HIGHEST, LOWEST, roll_extreme
from indicators.jit import kernel
from indicators.ring import HIGH, LOW, stretch
from indicators.spec import Indicator, window

if TYPE_CHECKING:
    from indicators.types import Floats, Longs

SEEN, PLACE, TOP = range(3)


@kernel
def donchian(
    rows: Longs,
    bars: Floats,
    _time: Longs,
    ring: Floats,
    count: Longs,
    state: Floats,
    params: Floats,
    out: Floats,
    commit: bool,
) -> None:
    """A rolling extreme on each side."""
    n = int(params[0])
    highs, lows = stretch(params[1], params[2]), stretch(params[3], params[4])
    for i in range(rows.shape[0]):
        row, now = rows[i], count[rows[i]]
        seen, place = state[row, SEEN], int(state[row, PLACE])
        top, bottom = state[row, TOP : TOP + 1 + n], state[row, TOP + 1 + n :]
        upper = roll_extreme(HIGHEST, bars[HIGH, i], place, top, ring[row, highs], now, commit)
        lower = roll_extreme(LOWEST, bars[LOW, i], place, bottom, ring[row, lows], now, commit)
        warm = seen >= n - 1
        out[0, row] = upper if warm else np.nan
        out[1, row] = (upper + lower) / 2.0 if warm else np.nan
        out[2, row] = lower if warm else np.nan
        if commit:
            state[row, SEEN] = seen + 1.0
            state[row, PLACE] = place + 1.0 if place < n - 1 else 0.0


INDICATOR = Indicator(
    name="donchian",
    title="Donchian channel",
    formula="highest high and lowest low of the last n bars, this one among them, and their middle "
    "(Donchian)",
    inputs=("high", "low"),
    parameters=(window(20),),
    outputs=("upper", "middle", "lower"),
    kernel=donchian,
    width=lambda n: TOP + 2 * (1 + n),
    warmup=lambda n: (n,) * 3,
    reads=lambda n: {"high": n, "low": n},
    cost="O(1) amortised: a loop over n every n bars",
)

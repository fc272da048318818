"""Average true range."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.catalogue.rsi import wilder
from indicators.catalogue.true_range import range_of
from indicators.jit import kernel
from indicators.ring import CLOSE, HIGH, LOW
from indicators.spec import Indicator, window

if TYPE_CHECKING:
    from indicators.types import Floats, Longs

SEEN, LAST, ATR, WIDTH = range(4)


@kernel
def atr(
    rows: Longs,
    bars: Floats,
    _time: Longs,
    _lagged: Floats,
    state: Floats,
    params: Floats,
    out: Floats,
    commit: bool,
) -> None:
    """Wilder's average of the true range, which exists from the second bar on."""
    n = params[0]
    for i in range(rows.shape[0]):
        row = rows[i]
        seen = state[row, SEEN]
        average = 0.0
        if seen >= 1.0:
            spread = range_of(bars[HIGH, i], bars[LOW, i], state[row, LAST])
            average = wilder(state[row, ATR], spread, seen - 1.0, n)
        out[0, row] = average if seen >= n else np.nan
        if commit:
            state[row, SEEN] = seen + 1.0
            state[row, LAST] = bars[CLOSE, i]
            state[row, ATR] = average


INDICATOR = Indicator(
    name="atr",
    title="Average true range",
    formula="Wilder's average of the true range, starting from the mean of the first n (Wilder 1978)",
    inputs=("high", "low", "close"),
    parameters=(window(14),),
    outputs=("atr",),
    kernel=atr,
    width=lambda _n: WIDTH,
    warmup=lambda n: (n + 1,),
)

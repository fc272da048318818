"""True range."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import inlined, kernel
from indicators.ring import CLOSE, HIGH, LOW
from indicators.spec import Indicator

if TYPE_CHECKING:
    from indicators.types import Floats, Longs

SEEN, LAST, WIDTH = range(3)


@inlined
def range_of(high: float, low: float, last: float) -> float:
    """Wilder's true range: the bar's range, stretched to the last close."""
    return max(high, last) - min(low, last)


@kernel
def true_range(
    rows: Longs,
    bars: Floats,
    _time: Longs,
    _lagged: Floats,
    state: Floats,
    _params: Floats,
    out: Floats,
    commit: bool,
) -> None:
    """Needs nothing but the last close."""
    for i in range(rows.shape[0]):
        row = rows[i]
        seen = state[row, SEEN]
        out[0, row] = range_of(bars[HIGH, i], bars[LOW, i], state[row, LAST]) if seen >= 1.0 else np.nan
        if commit:
            state[row, SEEN] = seen + 1.0
            state[row, LAST] = bars[CLOSE, i]


INDICATOR = Indicator(
    name="true_range",
    title="True range",
    formula="max(high, last close) - min(low, last close) (Wilder 1978)",
    inputs=("high", "low", "close"),
    parameters=(),
    outputs=("true_range",),
    kernel=true_range,
    width=lambda: WIDTH,
    warmup=lambda: (2,),
)

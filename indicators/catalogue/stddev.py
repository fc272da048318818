"""Standard deviation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import kernel
from indicators.moments import COLUMNS, roll_moments
from indicators.ring import price
from indicators.spec import SOURCE, Indicator, window

if TYPE_CHECKING:
    from indicators.types import Floats, Longs

SEEN, MOMENTS = range(2)
WIDTH = MOMENTS + COLUMNS


@kernel
def stddev(
    rows: Longs,
    bars: Floats,
    _time: Longs,
    lagged: Floats,
    state: Floats,
    params: Floats,
    out: Floats,
    commit: bool,
) -> None:
    """Root of the rolling variance."""
    field, n, back = int(params[0]), params[1], int(params[2])
    for i in range(rows.shape[0]):
        row = rows[i]
        seen = state[row, SEEN]
        leaves = lagged[back, i] if seen >= n else 0.0
        _, variance = roll_moments(state, row, MOMENTS, n, price(bars, field, i), leaves, commit)
        out[0, row] = np.sqrt(variance) if seen >= n - 1.0 else np.nan
        if commit:
            state[row, SEEN] = seen + 1.0


INDICATOR = Indicator(
    name="stddev",
    title="Standard deviation",
    formula="population standard deviation (divided by n) of the last n values",
    inputs=("source",),
    parameters=(SOURCE, window(20, low=2)),
    outputs=("stddev",),
    kernel=stddev,
    width=lambda _source, _n: WIDTH,
    warmup=lambda _source, n: (n,),
    reads=lambda source, n: ((source, n),),
)

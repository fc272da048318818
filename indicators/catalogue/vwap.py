"""Session's volume-weighted average price."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import kernel
from indicators.ring import SESSION, VOLUME, VWAP, price
from indicators.spec import Indicator

if TYPE_CHECKING:
    from indicators.types import Floats, Longs

SEEN, ANCHOR, MONEY, SHARES, WIDTH = range(5)


@kernel
def vwap(
    rows: Longs,
    bars: Floats,
    time: Longs,
    _lagged: Floats,
    state: Floats,
    _params: Floats,
    out: Floats,
    commit: bool,
) -> None:
    """Two sums that start anew with every session: nothing leaves them, so nothing can drift."""
    for i in range(rows.shape[0]):
        row = rows[i]
        seen = state[row, SEEN]
        session = float(time[SESSION, i])
        goes_on = seen >= 1.0 and state[row, ANCHOR] == session
        shares = (state[row, SHARES] if goes_on else 0.0) + bars[VOLUME, i]
        money = (state[row, MONEY] if goes_on else 0.0) + price(bars, VWAP, i) * bars[VOLUME, i]
        out[0, row] = money / shares if shares > 0.0 else np.nan
        if commit:
            state[row, SEEN] = seen + 1.0
            state[row, ANCHOR] = session
            state[row, MONEY] = money
            state[row, SHARES] = shares


INDICATOR = Indicator(
    name="vwap",
    title="Session's volume-weighted average price",
    formula="sum of price times volume / sum of volume since the session began; price is the bar's own vwap"
    " where known, else (high + low + close) / 3",
    inputs=("high", "low", "close", "volume", "vwap"),
    parameters=(),
    outputs=("vwap",),
    kernel=vwap,
    width=lambda: WIDTH,
    warmup=lambda: (1,),
    undefined="no share traded yet in this session",
)

"""Money flow index."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row
from indicators.naive import NAN, divided, windows
from indicators.ring import VOLUME, typical
from indicators.spec import Indicator, window
from indicators.sums import shift

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, LAST, IN, IN_REST, OUT, OUT_REST, STILL, PLACE, FLOWS = range(9)

ROUNDING = 1e-12
"""Means of the same prices in another order differ by less than this share, those of different ticks by more."""


@each_row
def mfi(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """Sums of the last n flows by sign; the flows themselves are kept, those out with a minus."""
    n = int(now.params[0])
    seen = state[row, SEEN]
    price, last = typical(now.bars, i), state[row, LAST]
    flow = 0.0
    if seen >= 1.0 and abs(price - last) > ROUNDING * price:
        flow = price * now.bars[VOLUME, i] * (1.0 if price > last else -1.0)
    slot = FLOWS + int(state[row, PLACE])
    leaves = state[row, slot]
    money_in, in_rest = shift(state[row, IN], state[row, IN_REST], max(flow, 0.0), max(leaves, 0.0))
    money_out, out_rest = shift(state[row, OUT], state[row, OUT_REST], max(-flow, 0.0), max(-leaves, 0.0))
    still = state[row, STILL] + 1.0 if flow == 0.0 else 0.0
    moved = money_in + money_out
    out[0, row] = 100.0 * money_in / moved if seen >= n and still < n and moved > 0.0 else np.nan
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, LAST] = price
        state[row, IN] = money_in
        state[row, IN_REST] = in_rest
        state[row, OUT] = money_out
        state[row, OUT_REST] = out_rest
        state[row, STILL] = still
        state[row, slot] = flow
        state[row, PLACE] = float((slot - FLOWS + 1) % n)


def twin(bars: Bars, n: int) -> list[Series]:
    price = bars.typical
    change = np.diff(price, prepend=price[:1])
    sign = np.where(np.abs(change) < 1e-9, 0.0, np.sign(change))  # 1.01 + 1.02 is not quite 1.00 + 1.03
    flow = [float(x) for x in sign * price * bars.volume]

    def index(flows: Sequence[float]) -> float:
        inside, outside = math.fsum(x for x in flows if x > 0), math.fsum(-x for x in flows if x < 0)
        return divided(100 * inside, inside + outside)

    return [[NAN, *windows(flow[1:], n, index)][: len(flow)]]


INDICATOR = Indicator(
    name="mfi",
    title="Money flow index",
    formula="100 * in / (in + out): sums of typical price times volume over the last n bars, in where the "
    "typical price rose, out where it fell (Quong and Soudack 1989)",
    inputs=("high", "low", "close", "volume"),
    parameters=(window(14),),
    outputs=("mfi",),
    kernel=mfi,
    twin=twin,
    width=lambda n: FLOWS + n,
    warmup=lambda n: (n + 1,),
    undefined="no money flowed in n bars",
    differences="NaN where no money flowed; TA-Lib says 0, already where the sum is below 1",
    scales=((0, 0),),
)

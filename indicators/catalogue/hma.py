"""Hull moving average."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row
from indicators.naive import windows
from indicators.ring import price
from indicators.spec import SOURCE, Indicator, window
from indicators.weighted import COLUMNS, roll_weighted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, PLACE, HALF = range(3)
WHOLE = HALF + COLUMNS
HULL = WHOLE + COLUMNS
WINDOW = HULL + COLUMNS


@each_row
def hma(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """Two weighted averages of the source, and one of what they make, whose values are kept."""
    field, n, half_back, back = int(now.params[0]), now.params[1], int(now.params[2]), int(now.params[3])
    half, root = float(int(n) // 2), float(int(np.sqrt(n)))
    seen, slot = state[row, SEEN], WINDOW + int(state[row, PLACE])
    value, hull = price(now.bars, field, i), 0.0
    _, _, short, _ = roll_weighted(state, row, HALF, half, seen, value, now.lagged[half_back, i], commit)
    _, _, whole, _ = roll_weighted(state, row, WHOLE, n, seen, value, now.lagged[back, i], commit)
    ahead = 2.0 * short / (half * (half + 1.0) / 2.0) - whole / (n * (n + 1.0) / 2.0)
    aheads = seen - (n - 1.0)
    if aheads >= 0.0:
        _, _, hull, _ = roll_weighted(state, row, HULL, root, aheads, ahead, state[row, slot], commit)
    out[0, row] = hull / (root * (root + 1.0) / 2.0) if aheads >= root - 1.0 else np.nan
    if commit:
        state[row, SEEN] = seen + 1.0
        if aheads >= 0.0:
            state[row, slot] = ahead
            state[row, PLACE] = float((slot - WINDOW + 1) % int(root))


def twin(bars: Bars, source: str, n: int) -> list[Series]:
    def weighted(values: Sequence[float]) -> float:
        size = len(values)
        return math.fsum(w * x for w, x in enumerate(values, 1)) / (size * (size + 1) / 2)

    values = bars.series(source)
    pairs = zip(windows(values, n // 2, weighted), windows(values, n, weighted), strict=True)
    return [windows([2 * short - whole for short, whole in pairs], math.isqrt(n), weighted)]


INDICATOR = Indicator(
    name="hma",
    title="Hull moving average",
    formula="wma(isqrt(n)) of 2 * wma(n // 2) - wma(n), halves and roots rounded down (Hull 2005)",
    inputs=("source",),
    parameters=(SOURCE, window(20, low=2)),
    outputs=("hma",),
    kernel=hma,
    twin=twin,
    width=lambda _source, n: WINDOW + math.isqrt(n),
    warmup=lambda _source, n: (n + math.isqrt(n) - 1,),
    reads=lambda source, n: ((source, n // 2), (source, n)),
    scales=((1, 0),),
)

"""Rolling quantile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row
from indicators.naive import windows
from indicators.ordered import place_of, ranked, replace
from indicators.ring import price
from indicators.spec import SOURCE, Indicator, Parameter, window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, VALUES = range(2)


@each_row
def quantile(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """The two values beside the place asked for, of the window in order."""
    field, n, q, back = int(now.params[0]), int(now.params[1]), now.params[2], int(now.params[3])
    seen = int(state[row, SEEN])
    value = price(now.bars, field, i)
    leaves = now.lagged[back, i] if seen == n else np.nan
    gone, came = place_of(state, row, VALUES, seen, leaves, value)
    at = q * (n - 1)
    k = min(int(at), n - 1)
    low = ranked(state, row, VALUES, gone, came, value, k)
    high = ranked(state, row, VALUES, gone, came, value, min(k + 1, n - 1))
    out[0, row] = low + (high - low) * (at - k) if seen >= n - 1 else np.nan
    if commit:
        state[row, SEEN] = min(seen + 1, n)
        replace(state, row, VALUES, gone, came, value)


def twin(bars: Bars, source: str, n: int, q: float) -> list[Series]:
    def of(values: Sequence[float]) -> float:
        return float(np.quantile(values, q))

    return [windows(bars.series(source), n, of)]


INDICATOR = Indicator(
    name="quantile",
    title="Rolling quantile",
    formula="the value that the share q of the last n values, this one among them, does not exceed: value number "
    "q * (n - 1) in ascending order, between two in proportion (Hyndman and Fan's seventh, as numpy); q = 0.5 is the "
    "median",
    inputs=("source",),
    parameters=(SOURCE, window(20), Parameter("q", 0.5, 0, 1)),
    outputs=("quantile",),
    kernel=quantile,
    twin=twin,
    width=lambda _source, n, _q: VALUES + n,
    warmup=lambda _source, n, _q: (n,),
    reads=lambda source, n, _q: ((source, n),),
    cost="O(n): O(log n) comparisons and a move of some n / 3 values, about 0.05, 0.15 and 2 us at n = 10, 100 and "
    "1,000 of 10,000 symbols",
    brief=(5, 0.7),
    scales=((1, 0),),
)

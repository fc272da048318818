"""Percentile rank."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row
from indicators.naive import NAN
from indicators.ordered import below, place_of, replace
from indicators.ring import price
from indicators.spec import SOURCE, Indicator, window

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, VALUES = range(2)


@each_row
def percent_rank(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """The newest value's place among those before it, kept in order."""
    field, n, back = int(now.params[0]), int(now.params[1]), int(now.params[2])
    seen = int(state[row, SEEN])
    value = price(now.bars, field, i)
    out[0, row] = 100.0 * below(state, row, VALUES, seen, value) / n if seen == n else np.nan
    if commit:
        leaves = now.lagged[back, i] if seen == n else np.nan
        gone, came = place_of(state, row, VALUES, seen, leaves, value)
        replace(state, row, VALUES, gone, came, value)
        state[row, SEEN] = min(seen + 1, n)


def twin(bars: Bars, source: str, n: int) -> list[Series]:
    values = bars.series(source)
    return [
        [100 * sum(x < values[t] for x in values[t - n : t]) / n if t >= n else NAN for t in range(len(values))],
    ]


INDICATOR = Indicator(
    name="percent_rank",
    title="Percentile rank",
    formula="100 * share of the n values before this one that are smaller, in percent (as in Connors' RSI): 100 for a "
    "new high of n bars",
    inputs=("source",),
    parameters=(SOURCE, window(100)),
    outputs=("percent_rank",),
    kernel=percent_rank,
    twin=twin,
    width=lambda _source, n: VALUES + n,
    warmup=lambda _source, n: (n + 1,),
    reads=lambda source, n: ((source, n),),
    cost="O(n): O(log n) comparisons and a move of some n / 3 values, about 0.05, 0.15 and 2 us at n = 10, 100 and "
    "1,000 of 10,000 symbols",
    scales=((0, 0),),
)

"""Realised volatility."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row
from indicators.moments import COLUMNS, roll_moments
from indicators.naive import NAN, deviation, windows
from indicators.ring import price
from indicators.spec import SOURCE, Indicator, window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, LAST, PLACE, MOMENTS = range(4)
RETURNS = MOMENTS + COLUMNS


@each_row
def realised_volatility(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """Rolling deviation of the logarithmic returns, which are kept here."""
    field, n = int(now.params[0]), int(now.params[1])
    seen, value = state[row, SEEN], price(now.bars, field, i)
    known = np.nan
    if seen >= 1.0:
        last = state[row, LAST]
        change = np.log(value / last) if value > 0.0 and last > 0.0 else 0.0
        slot = RETURNS + int(state[row, PLACE])
        _, variance = roll_moments(state, row, MOMENTS, float(n), change, state[row, slot], commit)
        if seen >= n:
            known = np.sqrt(variance * n / (n - 1.0))
        if commit:
            state[row, slot] = change
            state[row, PLACE] = float((slot - RETURNS + 1) % n)
    out[0, row] = known
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, LAST] = value


def twin(bars: Bars, source: str, n: int) -> list[Series]:
    def change(before: float, now: float) -> float:
        return math.log(now / before) if min(before, now) > 0 else 0.0

    def spread(values: Sequence[float]) -> float:
        return deviation(values) * math.sqrt(n / (n - 1))

    changes = [change(a, b) for a, b in pairwise(bars.series(source))]
    return [[NAN, *windows(changes, n, spread)][: len(bars.close)]]


INDICATOR = Indicator(
    name="realised_volatility",
    title="Realised volatility",
    formula="sample standard deviation of the last n logarithmic returns; per bar, not by the year; a value of 0, as "
    "volumes have, counts as no change",
    inputs=("source",),
    parameters=(SOURCE, window(20, low=2)),
    outputs=("realised_volatility",),
    kernel=realised_volatility,
    twin=twin,
    width=lambda _source, n: RETURNS + n,
    warmup=lambda _source, n: (n + 1,),
    scales=((0, 0),),
)

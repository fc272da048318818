"""Short rolling mean of a series that an indicator makes itself and that may be undefined at times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import inlined

if TYPE_CHECKING:
    from indicators.types import Floats

LONGEST = 100
"""Values of the longest mean: it is added up anew at every bar, so that an undefined value comes and goes."""


@inlined
def roll_mean(state: Floats, row: int, at: int, window: int, n: int, seen: float, value: float, commit: bool) -> float:
    """Mean of the n values that end with `value`; NaN before n values and while one of them is NaN.

    Cost: O(n), n at most LONGEST.

    Args:
        state: ``float64[capacity, width]``.
        row: row of the symbol.
        at: column of the place of the next value.
        window: first of n columns.
        n: length of the window.
        seen: values before this one.
        value: the new value.
        commit: keep the new state.
    """
    place = int(state[row, at])
    total = value
    for k in range(n):
        total += state[row, window + k] if k != place else 0.0
    if commit:
        state[row, window + place] = value
        state[row, at] = place + 1.0 if place < n - 1 else 0.0
    return total / n if seen >= n - 1 else np.nan

"""Rolling mean of a series that an indicator makes itself and that may be undefined at times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import kernel
from indicators.sums import shift

if TYPE_CHECKING:
    from indicators.types import Floats

_SUM, _REST, _UNDEFINED, _PLACE, _WINDOW = range(5)


@kernel
def mean_width(n: int) -> int:
    """Columns of state of a `roll_mean` over n values."""
    return _WINDOW + n


@kernel
def roll_mean(state: Floats, row: int, base: int, n: int, seen: float, value: float, commit: bool) -> float:
    """Mean of the n values that end with `value`; NaN before n values and while one of them is NaN.

    Args:
        state: ``float64[capacity, >= base + mean_width(n)]``.
        row: row of the symbol.
        base: first column.
        n: length of the window.
        seen: values before this one.
        value: the new value.
        commit: keep the new state.
    """
    slot = base + _WINDOW + int(state[row, base + _PLACE])
    leaves = state[row, slot]
    undefined = state[row, base + _UNDEFINED]
    if np.isnan(leaves):
        undefined, leaves = undefined - 1.0, 0.0
    enters = value
    if np.isnan(value):
        undefined, enters = undefined + 1.0, 0.0
    total, rest = shift(state[row, base + _SUM], state[row, base + _REST], enters, leaves)
    if commit:
        place = slot - base - _WINDOW + 1
        state[row, slot] = value
        state[row, base + _PLACE] = place if place < n else 0.0
        state[row, base + _UNDEFINED] = undefined
        state[row, base + _SUM] = total
        state[row, base + _REST] = rest
    return total / n if seen >= n - 1 and undefined == 0.0 else np.nan

"""Windows over a series that an indicator makes itself: the values are kept in its own state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indicators.jit import inlined
from indicators.sums import shift

if TYPE_CHECKING:
    from indicators.types import Floats

TOTAL, REST, IDLE, SUM_PLACE, SUMMED = range(5)

SUM_COLUMNS = SUMMED
"""Columns of state that `roll_sum` takes beside the n of its window."""


@inlined
def roll_sum(state: Floats, row: int, base: int, n: int, value: float, commit: bool) -> float:
    """Sum of the n values that end with `value`, of all while there are fewer; exactly 0 of zeros.

    Args:
        state: ``float64[capacity, width]``.
        row: row of the symbol.
        base: first of SUM_COLUMNS + n columns.
        n: length of the window.
        value: the new value, not NaN.
        commit: keep the new state.
    """
    slot = base + SUMMED + int(state[row, base + SUM_PLACE])
    total, rest = shift(state[row, base + TOTAL], state[row, base + REST], value, state[row, slot])
    idle = state[row, base + IDLE] + 1.0 if value == 0.0 else 0.0
    if idle >= n:
        total, rest = 0.0, 0.0
    if commit:
        state[row, base + TOTAL] = total
        state[row, base + REST] = rest
        state[row, base + IDLE] = idle
        state[row, base + SUM_PLACE] = float((slot - base - SUMMED + 1) % n)
        state[row, slot] = value
    return total

"""Rolling sum with weights that fall by one a bar, in O(1) and without drift."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indicators.jit import inlined
from indicators.sums import add_product, shift, two_sum

if TYPE_CHECKING:
    from indicators.types import Floats

COLUMNS = 4
"""State: plain sum and its rest, weighted sum and its rest."""


@inlined
def roll_weighted(
    state: Floats, row: int, base: int, n: float, seen: float, enters: float, leaves: float, commit: bool
) -> tuple[float, float, float, float]:
    """Sums of the n values that end with `enters`: plain, and with weights 1 (oldest) to n (newest).

    Each bar, every value loses one unit of weight: the weighted sum loses the plain one.

    Args:
        state: ``float64[capacity, >= base + 4]``.
        row: row of the symbol.
        base: first of the four columns.
        n: length of the window.
        seen: values before this one.
        enters: the new value.
        leaves: the value n values ago; without meaning before there is one.
        commit: keep the new sums.

    Returns:
        (total, its rest, weighted, its rest); without meaning before n values.
    """
    total, rest = state[row, base], state[row, base + 1]
    weighted, weighted_rest = state[row, base + 2], state[row, base + 3]
    gone = 0.0
    if seen >= n:
        gone = leaves
        weighted, lost = two_sum(weighted, -total)
        weighted_rest += lost - rest
    weighted, weighted_rest = add_product(weighted, weighted_rest, min(seen + 1.0, n), enters)
    total, rest = shift(total, rest, enters, gone)
    if commit:
        state[row, base] = total
        state[row, base + 1] = rest
        state[row, base + 2] = weighted
        state[row, base + 3] = weighted_rest
    return total, rest, weighted, weighted_rest

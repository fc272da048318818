"""Rolling mean and variance in O(1) that neither drift nor cancel.

Sum and sum of squares are kept in two doubles each (`indicators.sums`), about 32 digits: squares of a price
of 600,000 leave room for the variance of one tick. A window of one repeated value has variance 0 exactly,
told by the length of the run of equal values and not by a threshold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from indicators.jit import kernel
from indicators.sums import add_product, shift, two_product

if TYPE_CHECKING:
    from indicators.types import Floats

COLUMNS = 6
"""State: sum and its rest, sum of squares and its rest, last value, length of the run of equal values."""


@kernel
def roll_moments(
    state: Floats, row: int, base: int, n: float, enters: float, leaves: float, commit: bool
) -> tuple[float, float]:
    """Mean and population variance of the n values that end with `enters`.

    Args:
        state: ``float64[capacity, >= base + 6]``.
        row: row of the symbol.
        base: first of the six columns.
        n: length of the window.
        enters: the new value.
        leaves: the value n bars ago, 0 while there is none (the result has no meaning before n values).
        commit: keep the new sums.

    Returns:
        (mean, variance), variance >= 0.
    """
    total, rest = shift(state[row, base], state[row, base + 1], enters, leaves)
    squares, square_rest = add_product(state[row, base + 2], state[row, base + 3], enters, enters)
    squares, square_rest = add_product(squares, square_rest, -leaves, leaves)
    run = state[row, base + 5] + 1.0 if enters == state[row, base + 4] else 1.0
    if commit:
        state[row, base] = total
        state[row, base + 1] = rest
        state[row, base + 2] = squares
        state[row, base + 3] = square_rest
        state[row, base + 4] = enters
        state[row, base + 5] = run
    if run >= n:
        return enters, 0.0
    mean = total / n
    # sum of (x - mean)^2 = squares - mean * (2 * total - n * mean), every term in two doubles
    product, lost = two_product(n, mean)
    inner = 2.0 * total - product
    inner_rest = 2.0 * rest - lost
    outer, lost = two_product(mean, inner)
    spread = (squares - outer) + (square_rest - (lost + mean * inner_rest))
    return mean, max(spread, 0.0) / n

"""Rolling mean and variance in O(1) that neither drift nor cancel.

Sum and sum of squares are kept in two doubles each (`indicators.sums`), about 32 digits: squares of a price
of 600,000 leave room for the variance of one tick. A window of one repeated value has variance 0 exactly,
told by the length of the run of equal values and not by a threshold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from indicators.jit import inlined
from indicators.sums import shift, shift_squares, two_product

if TYPE_CHECKING:
    from indicators.types import Floats

COLUMNS = 6
"""State: sum and its rest, sum of squares and its rest, last value, length of the run of equal values."""


@inlined
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
    squares, square_rest = shift_squares(state[row, base + 2], state[row, base + 3], enters, leaves)
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
    # sum of (x - m)^2 = squares - m * (2 * total - n * m) for any m next to the mean, every term in two doubles
    share = 1.0 / n
    middle = total * share
    product, lost = two_product(n, middle)
    inner = 2.0 * total - product
    inner_rest = 2.0 * rest - lost
    outer, lost = two_product(middle, inner)
    spread = (squares - outer) + (square_rest - (lost + middle * inner_rest))
    return total / n, max(spread, 0.0) * share

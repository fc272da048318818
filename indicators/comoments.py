"""Rolling covariance of two series in O(1), beside the variance of each, that neither drifts nor cancels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indicators.jit import inlined
from indicators.moments import COLUMNS, roll_moments
from indicators.sums import add_product, shift, two_product

if TYPE_CHECKING:
    from indicators.types import Floats

COLUMNS_OF_PAIR = 2 * COLUMNS + 2
"""State: moments of x, those of y (see `indicators.moments`), sum of products and its rest."""


@inlined
def roll_comoments(
    state: Floats,
    row: int,
    base: int,
    n: float,
    enters: tuple[float, float],
    leaves: tuple[float, float],
    commit: bool,
) -> tuple[float, float, float]:
    """Population covariance, and variance of x and y, of the n pairs that end with `enters`.

    Args:
        state: ``float64[capacity, >= base + 14]``.
        row: row of the symbol.
        base: first of the columns.
        n: length of the window.
        enters: the new x and y.
        leaves: those n pairs ago, 0 while there are none (the result has no meaning before n pairs).
        commit: keep the new sums.

    Returns:
        (covariance, variance of x, variance of y); all exactly 0 where x or y is the same n times.
    """
    x, y, products = base, base + COLUMNS, base + 2 * COLUMNS
    sum_x, rest_x = shift(state[row, x], state[row, x + 1], enters[0], leaves[0])
    sum_y, rest_y = shift(state[row, y], state[row, y + 1], enters[1], leaves[1])
    total, rest = add_product(state[row, products], state[row, products + 1], enters[0], enters[1])
    total, rest = add_product(total, rest, -leaves[0], leaves[1])
    _, of_x = roll_moments(state, row, x, n, enters[0], leaves[0], commit)
    _, of_y = roll_moments(state, row, y, n, enters[1], leaves[1], commit)
    if commit:
        state[row, products] = total
        state[row, products + 1] = rest
    if of_x == 0.0 or of_y == 0.0:
        return 0.0, of_x, of_y
    # sum of (x - a)(y - b) = products - a * sum y - b * sum x + n * a * b for any a, b next to the means
    a, b = sum_x / n, sum_y / n
    total, rest = add_product(total, rest - a * rest_y - b * rest_x, -a, sum_y)
    total, rest = add_product(total, rest, -b, sum_x)
    times, lost = two_product(n, a)
    total, rest = add_product(total, rest + lost * b, times, b)
    return (total + rest) / n, of_x, of_y

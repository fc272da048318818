"""Sums that do not drift: two doubles hold what one would lose.

A running sum adds the value that enters a window and takes off the one that leaves. In one double the
rounding of five million such steps stays for ever; here a second double keeps it. Exact transformations after
Knuth (two_sum) and Dekker (two_product), see Ogita, Rump and Oishi, "Accurate sum and dot product", SIAM J.
Sci. Comput. 26 (2005).
"""

from __future__ import annotations

from indicators.jit import fused, inlined


@inlined
def two_sum(a: float, b: float) -> tuple[float, float]:
    """The rounded sum of a and b, and exactly what rounding took off."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


@inlined
def two_product(a: float, b: float) -> tuple[float, float]:
    """The rounded product of a and b, and exactly what rounding took off."""
    product = a * b
    return product, fused(a, b, -product)


@inlined
def shift(total: float, rest: float, enters: float, leaves: float) -> tuple[float, float]:
    """The sum total + rest after one value enters and another leaves its window, again as (total, rest)."""
    first, lost = two_sum(total, enters)
    second, lost_too = two_sum(first, -leaves)
    rest += lost + lost_too
    total = second + rest
    return total, rest - (total - second)


@inlined
def shift_squares(total: float, rest: float, enters: float, leaves: float) -> tuple[float, float]:
    """As `shift`, for a sum of squares: the square of `enters` in, that of `leaves` out."""
    square_in, lost_in = two_product(enters, enters)
    square_out, lost_out = two_product(leaves, leaves)
    return shift(total, rest + (lost_in - lost_out), square_in, square_out)


@inlined
def add_product(total: float, rest: float, a: float, b: float) -> tuple[float, float]:
    """The sum total + rest plus a times b, again as (total, rest)."""
    product, lost = two_product(a, b)
    summed, lost_too = two_sum(total, product)
    rest += lost + lost_too
    total = summed + rest
    return total, rest - (total - summed)

"""Recursive averages that indicators share; each starts from the mean of its first n values."""

from __future__ import annotations

from indicators.jit import inlined


@inlined
def seeded_ema(before: float, value: float, seen: float, n: float) -> float:
    """The next state of an average: the sum of values until n were seen, the average from then on.

    Args:
        before: its last state, 0 at first.
        value: the new value.
        seen: values before it.
        n: length: the weight of a new value is 2 / (n + 1).
    """
    if seen >= n:
        return before + (value - before) * (2.0 / (n + 1.0))
    total = before + value
    return total / n if seen + 1.0 == n else total


@inlined
def wilder(before: float, value: float, seen: float, n: float) -> float:
    """The next state of Wilder's average: the sum of values until n were seen, the average from then on.

    Args:
        before: its last state, 0 at first.
        value: the new value.
        seen: values before it.
        n: length: the weight of a new value is 1 / n.
    """
    if seen >= n:
        return (before * (n - 1.0) + value) / n
    total = before + value
    return total / n if seen + 1.0 == n else total

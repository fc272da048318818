"""How long ago the highest of the last n values was, in O(log n).

The values that can still become the highest stand in order, largest and oldest first, each with its number. A new
value takes the place of all that are not above it, found by bisection; at most one a bar grows too old. A peek thus
costs no more than a bar.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from indicators.jit import inlined

if TYPE_CHECKING:
    from indicators.types import Floats

HEAD, SIZE, CANDIDATES = range(3)

COLUMNS = CANDIDATES
"""Columns of state that `bars_since_highest` takes beside the 2 * n of its window."""


@inlined
def bars_since_highest(state: Floats, row: int, base: int, n: int, seen: float, value: float, commit: bool) -> float:
    """Values since the highest of the n that end with `value`, 0 where it is that; the newest of equal ones.

    Negate for the lowest.

    Args:
        state: ``float64[capacity, width]``.
        row: row of the symbol.
        base: first of COLUMNS + 2 * n columns.
        n: length of the window.
        seen: values before this one.
        value: the new value.
        commit: keep the new state.
    """
    first, numbers = base + CANDIDATES, base + CANDIDATES + n
    head, size = int(state[row, base + HEAD]), int(state[row, base + SIZE])
    if size > 0 and state[row, numbers + head] <= seen - n:
        head, size = (head + 1) % n, size - 1
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        if state[row, first + (head + middle) % n] > value:
            low = middle + 1
        else:
            high = middle
    if commit:
        state[row, base + HEAD] = head
        state[row, base + SIZE] = low + 1
        state[row, first + (head + low) % n] = value
        state[row, numbers + (head + low) % n] = seen
    return seen - state[row, numbers + head] if low > 0 else 0.0

"""The last n values in ascending order, kept in the state: one goes out and one comes in with every bar.

Both are found by bisection; the values between their places move by one. That is O(log n) comparisons and a move of
some n / 3 values in one block of memory, so the cost grows with n; at 1,000 values of 10,000 symbols most of it is
waiting for memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from indicators.jit import inlined

if TYPE_CHECKING:
    from indicators.types import Floats


@inlined
def below(state: Floats, row: int, base: int, size: int, value: float) -> int:
    """How many of the `size` ascending values from column `base` on are smaller than `value`; O(log size)."""
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        if state[row, base + middle] < value:
            low = middle + 1
        else:
            high = middle
    return low


@inlined
def place_of(state: Floats, row: int, base: int, size: int, leaves: float, enters: float) -> tuple[int, int]:
    """Place from which `leaves` goes, `size` for none, and place to which `enters` comes after that.

    Args:
        state: ``float64[capacity, width]``.
        row: row of the symbol.
        base: first column of the ascending values.
        size: how many there are.
        leaves: one of them, or NaN for none: it is below nothing, nothing below it.
        enters: the new value.
    """
    gone = below(state, row, base, size, leaves) if leaves == leaves else size  # noqa: PLR0124 (not NaN)
    came = below(state, row, base, size, enters)
    return gone, came - 1 if gone < came else came


@inlined
def ranked(state: Floats, row: int, base: int, gone: int, came: int, enters: float, k: int) -> float:
    """Value number k of the ascending order after the change, without making it."""
    if k == came:
        return enters
    rest = k if k < came else k - 1
    return float(state[row, base + (rest if rest < gone else rest + 1)])


@inlined
def replace(state: Floats, row: int, base: int, gone: int, came: int, enters: float) -> None:
    """Make the change."""
    for k in range(gone, came):
        state[row, base + k] = state[row, base + k + 1]
    for k in range(gone, came, -1):
        state[row, base + k] = state[row, base + k - 1]
    state[row, base + came] = enters

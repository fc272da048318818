"""Rolling highest and lowest in O(1) amortised, without branches on the values.

The algorithm of van Herk and of Gil and Werman: time is cut into blocks of n bars. A window that ends at
place p of a block is the first p + 1 bars of this block and the last n - 1 - p of the block before; for the
former a running extreme is kept, for the latter the extremes of all ends of the block, made once when the
block is complete. The result is that of a deque of monotone values, bit for bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from indicators.jit import kernel

if TYPE_CHECKING:
    from indicators.types import Floats

HIGHEST, LOWEST = 1.0, -1.0


@kernel
def roll_extreme(
    sign: float, value: float, place: int, ends: Floats, past: Floats, count: int, commit: bool
) -> float:
    """Highest or lowest of the n values that end with `value`; without meaning before n values.

    Cost: O(1) amortised, a loop over n at the end of each block.

    Args:
        sign: HIGHEST or LOWEST.
        value: the new value.
        place: its place in its block: number of values seen before it modulo n.
        ends: ``float64[1 + n]``, state: running extreme, then the extremes of the ends of the last complete
            block.
        past: ``float64[power of two]``, stretch of the ring that holds at least n - 1 earlier values.
        count: bars in the ring.
        commit: keep the new state.
    """
    n = ends.shape[0] - 1
    best = sign * value
    if place > 0:
        best = max(best, ends[0])
    if place == n - 1:
        if commit:
            _close_block(sign, value, ends, past, count)
        return sign * best
    if commit:
        ends[0] = best
    return sign * max(best, float(ends[2 + place]))


@kernel
def _close_block(sign: float, value: float, ends: Floats, past: Floats, count: int) -> None:
    n, mask = ends.shape[0] - 1, past.shape[0] - 1
    best = sign * value
    ends[n] = best
    for lag in range(1, n):
        best = max(best, sign * past[(count - lag) & mask])
        ends[n - lag] = best

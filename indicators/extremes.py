"""Rolling highest and lowest in O(1) amortised, without branches on the values.

The algorithm of van Herk and of Gil and Werman: time is cut into blocks of n bars. A window that ends at
place p of a block is the first p + 1 bars of this block and the last n - 1 - p of the block before. For the
former a running extreme is kept, for the latter the extremes of all ends of the block, made in one sweep when
the block is complete. The result is that of a deque of monotone values, bit for bit.

A window stands in n columns: from place p + 1 on the ends of the block before, up to p the plain values of
this one, until the sweep turns them into ends in place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from indicators.jit import inlined

if TYPE_CHECKING:
    from indicators.types import Floats


@inlined
def roll_highest(
    state: Floats, row: int, running: int, base: int, step: int, place: int, n: int, value: float, commit: bool
) -> float:
    """Highest of the n values that end with `value`; without meaning before n values. Negate for the lowest.

    Cost: O(1) amortised, a loop over n at the end of each block.

    Args:
        state: ``float64[capacity, width]``.
        row: row of the symbol.
        running: column of the running extreme.
        base: first column of the window.
        step: distance between columns of the window: two windows that are always read together lie
            interleaved.
        place: place of the new value in its block: number of values seen before it modulo n.
        n: length of the window.
        value: the new value.
        commit: keep the new state.
    """
    best = max(value, state[row, running]) if place > 0 else value
    if commit:
        state[row, running] = best
        state[row, base + step * place] = value
    if place < n - 1:
        return max(best, float(state[row, base + step * (place + 1)]))
    if commit:
        _sweep(state, row, base, step, n)
    return best


@inlined
def _sweep(state: Floats, row: int, base: int, step: int, n: int) -> None:
    best = state[row, base + step * (n - 1)]
    for place in range(n - 2, -1, -1):
        best = max(best, state[row, base + step * place])
        state[row, base + step * place] = best

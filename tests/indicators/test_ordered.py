"""The values of a window in order, beside a sorted list."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING

import numpy as np
import pytest

from indicators.jit import inlined
from indicators.ordered import below, place_of, ranked, replace

if TYPE_CHECKING:
    from indicators.types import Floats

BASE = 2


@inlined  # not cached: a change of the helpers is seen
def _peek(state: Floats, size: int, leaves: float, enters: float, out: Floats) -> int:
    """Fill `out` with the order after the change; how many values before it are smaller than the new one."""
    gone, came = place_of(state, 1, BASE, size, leaves, enters)
    for k in range(len(out)):
        out[k] = ranked(state, 1, BASE, gone, came, enters, k)
    return below(state, 1, BASE, size, enters)


@inlined
def _commit(state: Floats, size: int, leaves: float, enters: float) -> None:
    gone, came = place_of(state, 1, BASE, size, leaves, enters)
    replace(state, 1, BASE, gone, came, enters)


@pytest.mark.parametrize("levels", [1, 5, 10_000])
@pytest.mark.parametrize("n", [1, 2, 31, 32, 33, 64, 65, 500, 1000])
def test_keeps_what_a_sorted_list_keeps_and_a_peek_changes_nothing(n: int, levels: int) -> None:
    values = np.random.default_rng(n).integers(0, levels, 2 * n + 100).astype(np.float64).tolist()
    state, kept = np.zeros((3, BASE + n)), list[float]()
    for t, enters in enumerate(values):
        size, leaves = len(kept), values[t - n] if t >= n else np.nan
        smaller = bisect_left(kept, enters)
        if t >= n:
            kept.remove(leaves)
        insort(kept, enters)
        before, order = state.copy(), np.empty(len(kept))
        assert _peek(state, size, leaves, enters, order) == smaller
        np.testing.assert_array_equal(order, kept)
        np.testing.assert_array_equal(state, before)
        _commit(state, size, leaves, enters)
    assert not state[[0, 2]].any()
    assert not state[1, :BASE].any()

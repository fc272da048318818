"""The ordered tree against a sorted list."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from indicators import ordertree

SLOTS = 12

values = st.one_of(st.integers(0, 5).map(float), st.floats(-1e6, 1e6))


@settings(max_examples=60, deadline=None)
@given(stream=st.lists(values, max_size=60), bound=values)
def test_counts_and_sums_what_is_below_as_a_window_moves(stream: list[float], bound: float) -> None:
    tree = np.zeros(ordertree.width(SLOTS))
    for t, value in enumerate(stream):
        if t >= SLOTS:
            ordertree.remove(tree, t % SLOTS)
        ordertree.insert(tree, t % SLOTS, value)
        window = stream[max(0, t + 1 - SLOTS) : t + 1]
        under = [x for x in window if x < bound]
        size, total = ordertree.below(tree, bound)
        assert size == len(under)
        assert math.isclose(total, math.fsum(under), rel_tol=1e-12, abs_tol=1e-6)
        assert ordertree.whole(tree)[0] == len(window)


def test_sums_are_as_good_as_new_after_a_huge_value_has_left() -> None:
    tree = np.zeros(ordertree.width(3))
    for slot, value in enumerate([1.0, 1e300, 2.0]):
        ordertree.insert(tree, slot, value)
    ordertree.remove(tree, 1)
    assert ordertree.whole(tree) == (2.0, 3.0)


def test_stays_shallow_on_sorted_input() -> None:
    n = 1_000
    tree = np.zeros(ordertree.width(n))
    for slot in range(n):
        ordertree.insert(tree, slot, float(slot))
    assert max(_depth(tree, node) for node in range(1, n + 1)) < 40


def _depth(tree: np.ndarray, node: int) -> int:
    depth = 0
    while node > 0:
        depth, node = depth + 1, int(tree[6 * node + ordertree.PARENT])
    return depth

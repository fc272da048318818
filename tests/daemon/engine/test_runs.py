from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from daemon.engine.runs import runs

bars = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), max_size=40)


def divided(pairs: list[tuple[int, int]]) -> list[list[int]]:
    rows, keys = np.array(pairs, np.int64).reshape(-1, 2).T
    return [run.tolist() for run in runs(rows, keys)]


@given(bars)
def test_every_bar_is_in_one_run(pairs: list[tuple[int, int]]) -> None:
    assert sorted(at for run in divided(pairs) for at in run) == list(range(len(pairs)))


@given(bars)
def test_a_run_has_one_key_and_no_row_twice(pairs: list[tuple[int, int]]) -> None:
    for run in divided(pairs):
        assert len({pairs[at][1] for at in run}) == 1
        assert len({pairs[at][0] for at in run}) == len(run)


@given(bars)
def test_the_bars_of_a_row_keep_the_order_in_which_they_came(pairs: list[tuple[int, int]]) -> None:
    taken = [at for run in divided(pairs) for at in run]
    for row in range(5):
        of_row = [at for at in taken if pairs[at][0] == row]
        assert of_row == sorted(of_row)


def test_bars_in_order_make_one_run_a_key() -> None:
    assert divided([(1, 5), (0, 5), (1, 6), (0, 6)]) == [[1, 0], [3, 2]]


def test_a_late_bar_of_one_row_costs_the_others_nothing() -> None:
    """Row 0 hears of its second minute before its first has closed."""
    assert divided([(0, 3), (1, 2), (2, 2), (0, 2), (1, 3)]) == [[1, 2], [0, 4], [3]]

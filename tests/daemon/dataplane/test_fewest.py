from itertools import chain, combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from daemon.dataplane.fewest import Cover, cover


def uncovered(missing: np.ndarray, found: Cover) -> int:
    rest = missing.copy()
    rest[found.rows] = False
    rest[:, found.days] = False
    return int(rest.sum())


def fewest_by_trial(missing: np.ndarray) -> int:
    """All sets of days, each completed by the symbols that it leaves out."""
    days = range(missing.shape[1])
    subsets = chain.from_iterable(combinations(days, k) for k in range(len(days) + 1))
    return min(len(s) + int(np.delete(missing, s, axis=1).any(axis=1).sum()) for s in subsets)


@settings(deadline=None)  # the first loads scipy
@given(arrays.arrays(np.bool_, st.tuples(st.integers(1, 7), st.integers(1, 6))))
def test_no_other_choice_needs_fewer_calls(missing: np.ndarray) -> None:
    found = cover(missing)
    assert uncovered(missing, found) == 0
    assert found.calls == fewest_by_trial(missing)


def test_nothing_missing_needs_no_call() -> None:
    assert cover(np.zeros((5, 3), np.bool_)).calls == 0
    assert cover(np.zeros((0, 3), np.bool_)).calls == 0
    assert cover(np.zeros((3, 0), np.bool_)).calls == 0


def test_a_whole_market_goes_by_the_day_and_a_few_symbols_by_themselves() -> None:
    assert cover(np.ones((7_000, 250), np.bool_)).days.tolist() == list(range(250))
    assert cover(np.ones((100, 250), np.bool_)).rows.tolist() == list(range(100))


def test_a_listing_and_a_missed_day_are_a_call_each() -> None:
    missing = np.zeros((7_000, 250), np.bool_)
    missing[:, 249] = True
    missing[17] = True
    found = cover(missing)
    assert (found.rows.tolist(), found.days.tolist()) == ([17], [249])


def test_where_both_need_as_many_calls_whole_days_are_taken() -> None:
    found = cover(np.ones((4, 4), np.bool_))
    assert (found.rows.tolist(), found.days.tolist()) == ([], [0, 1, 2, 3])

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from daemon.scoring.scaling import CLIP, deviation, merge, scaled, unseen

ANYTHING = hnp.arrays(np.float64, st.tuples(st.integers(1, 12), st.just(3)), elements=st.floats(width=64))


@settings(deadline=None)  # the first example compiles
@given(st.lists(ANYTHING, max_size=6))
def test_no_batch_of_numbers_whatever_spoils_the_moments(batches: list[np.ndarray]) -> None:
    moments = unseen(3)
    for batch in batches:
        moments = merge(moments, batch)
        assert np.isfinite(moments).all()
        assert (moments.variance >= 0).all()
        assert (np.abs(scaled(moments, batch)) <= CLIP).all()


@pytest.mark.parametrize("value", [0.0, 3.25, -1e-9, 0.1, 123456.789])
def test_a_constant_feature_keeps_no_variance_and_scales_to_zero(value: float) -> None:
    moments = unseen(1)
    for size in range(1, 60):
        moments = merge(moments, np.full((size, 1), value))
    assert scaled(moments, np.array([[value], [value + 1.0]])).tolist() == [[0.0], [0.0]]


def test_moments_of_batches_equal_those_of_all_rows_at_once() -> None:
    values = np.random.default_rng(1).normal([5.0, -300.0], [0.1, 40.0], (1000, 2))
    values[::7, 0] = np.nan
    moments = unseen(2)
    for batch in np.array_split(values, 37):
        moments = merge(moments, batch)
    assert moments.seen == pytest.approx((~np.isnan(values)).sum(axis=0))
    assert moments.mean == pytest.approx(np.nanmean(values, axis=0), rel=1e-12)
    assert deviation(moments) == pytest.approx(np.nanstd(values, axis=0), rel=1e-12)


def test_what_is_missing_moves_nothing_and_scales_to_the_mean() -> None:
    moments = merge(unseen(1), np.array([[1.0], [2.0], [6.0]]))
    missing = np.array([[np.nan], [np.inf], [-np.inf], [1e308]])
    after = merge(moments, missing)
    assert [column.tolist() for column in after] == [column.tolist() for column in moments]
    assert not scaled(moments, missing).any()

"""Ranks, deviations and shares against twins that are slow and obvious."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import fmean, pstdev

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indicators import crosssection
from indicators.errors import GroupError

Twin = Callable[[float, list[float]], float]

NAN = math.nan


def rank(x: float, known: list[float]) -> float:
    return 1 + sum(y > x for y in known) + (sum(y == x for y in known) - 1) / 2


def pct_rank(x: float, known: list[float]) -> float:
    return 0.5 if len(known) == 1 else (len(known) - rank(x, known)) / (len(known) - 1)


def zscore(x: float, known: list[float]) -> float:
    return NAN if len(set(known)) == 1 else (x - fmean(known)) / pstdev(known)


OF_THE_VALUE: dict[str, Twin] = {"rank": rank, "pct_rank": pct_rank, "zscore": zscore}
OF_THE_GROUP: dict[str, Callable[[list[float]], float]] = {"mean": fmean, "spread": pstdev, "breadth": fmean}


def expected(name: str, values: list[float], groups: list[int]) -> list[float]:
    return [
        _expected(name, x, [y for y, h in zip(values, groups, strict=True) if h == g and math.isfinite(y)])
        for x, g in zip(values, groups, strict=True)
    ]


def _expected(name: str, x: float, known: list[float]) -> float:
    if name in OF_THE_GROUP:
        return OF_THE_GROUP[name](known) if known else NAN
    return OF_THE_VALUE[name](x, known) if math.isfinite(x) else NAN


numbers = st.one_of(st.integers(-3, 3).map(float), st.floats(-1e6, 1e6).map(lambda x: round(x, 3)), st.just(NAN))
rows = st.lists(st.tuples(numbers, st.integers(0, 4)), max_size=40)


@pytest.mark.parametrize("name", [*OF_THE_VALUE, *OF_THE_GROUP])
@settings(deadline=None)
@given(rows)
def test_what_is_computed_is_what_its_name_says_in_all_and_by_group(name: str, rows: list[tuple[float, int]]) -> None:
    values, groups = [value for value, _ in rows], [group for _, group in rows]
    if name == "breadth":
        values = [value if math.isnan(value) else float(value > 0) for value in values]
    function = getattr(crosssection, name)
    column = np.array(values, np.float64)
    whole, parts = function(column), function(column, np.array(groups, np.int64))
    np.testing.assert_allclose(whole, expected(name, values, [0] * len(rows)), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(parts, expected(name, values, groups), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "values", "result"),
    [
        ("rank", [7, 9, 9, NAN], [3, 1.5, 1.5, NAN]),
        ("rank", [5], [1]),
        ("rank", [2, 2, 2], [2, 2, 2]),
        ("pct_rank", [1, 2, 3], [0, 0.5, 1]),
        ("pct_rank", [5, NAN], [0.5, NAN]),
        ("pct_rank", [2, 2, 2], [0.5, 0.5, 0.5]),
        ("zscore", [5, NAN], [NAN, NAN]),
        ("zscore", [0.1] * 7, [NAN] * 7),
        ("mean", [1, NAN, 3], [2, 2, 2]),
        ("mean", [NAN, NAN], [NAN, NAN]),
        ("spread", [5, NAN], [0, 0]),
        ("breadth", [1, 0, NAN, 1], [2 / 3] * 4),
    ],
)
def test_ties_single_and_unknown_values_are_defined(name: str, values: list[float], result: list[float]) -> None:
    np.testing.assert_allclose(getattr(crosssection, name)(np.array(values, np.float64)), result, rtol=1e-15)


@pytest.mark.parametrize("name", [*OF_THE_VALUE, "mean", "spread"])
def test_what_is_not_finite_is_counted_nowhere(name: str) -> None:
    function = getattr(crosssection, name)
    with_them = function(np.array([3.0, np.inf, 1.0, -np.inf, 2.0, np.nan]))
    np.testing.assert_array_equal(with_them[[0, 2, 4]], function(np.array([3.0, 1.0, 2.0])))


@pytest.mark.parametrize("name", [*OF_THE_VALUE, *OF_THE_GROUP])
def test_the_largest_doubles_raise_nothing_and_give_no_infinity(name: str) -> None:
    values = getattr(crosssection, name)(np.array([1.7e308, -1.7e308, 1e308, 5e-324]))
    assert not np.isinf(values).any()


@pytest.mark.parametrize("groups", [[0, -1], [0]])
def test_groups_that_do_not_go_with_the_values_are_refused(groups: list[int]) -> None:
    with pytest.raises(GroupError, match="2 values"):
        crosssection.rank(np.array([1.0, 2.0]), np.array(groups))

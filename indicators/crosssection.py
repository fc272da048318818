"""Where each symbol stands among all of them at one moment: ranks, deviations, means.

Every function takes one column, ``float64[n]``, a value a symbol, and, where it goes by groups, ``int64[n]`` with the
group of each, numbered from 0; without groups all are one. What is not finite is not known: it is counted nowhere.
Order of rows does not matter but for the last bit of sums.

Cost for 10,000 rows: ranks about half a millisecond, nearly all of it the sort; everything else some 50 us.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.errors import GroupError
from indicators.jit import kernel

if TYPE_CHECKING:
    from indicators.types import Floats, Longs


def rank(values: Floats, groups: Longs | None = None) -> Floats:
    """Place of each value, 1 for the highest; ``float64[n]``, NaN where the value is not known.

    Equal values share the mean of their places: of 7, 9, 9 the ranks are 3, 1.5, 1.5.

    Raises:
        GroupError: a group is negative, or there is not one for each value.
    """
    places, _ = _places(values, groups)
    return places


def pct_rank(values: Floats, groups: Longs | None = None) -> Floats:
    """Share of the others that each value is above, 0 to 1, 1 for the highest; NaN where the value is not known.

    It is (n - rank) / (n - 1): an equal value counts half. A value without others is 0.5, neither high nor low, as are
    values that are all equal.

    Raises:
        GroupError: as `rank`.
    """
    places, size = _places(values, groups)
    return np.where(size == 1, 0.5, (size - places) / np.maximum(size - 1, 1)) + 0.0 * places


def zscore(values: Floats, groups: Longs | None = None) -> Floats:
    """Distance of each value from the mean in population standard deviations, ``float64[n]``.

    NaN where the value is not known, and where all known values are equal or there is only one.

    Raises:
        GroupError: as `rank`.
    """
    groups = _checked(values, groups)
    centre, width = _moments_of(values, groups)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        scores = (values - centre[groups]) / width[groups]
    return np.where(np.isfinite(scores), scores, np.nan)


def mean(values: Floats, groups: Longs | None = None) -> Floats:
    """Mean of the known values, ``float64[n]``: the same for every row of a group, whether or not its own is known.

    NaN where none of the group is known.

    Raises:
        GroupError: as `rank`.
    """
    groups = _checked(values, groups)
    return _moments_of(values, groups)[0][groups]


def spread(values: Floats, groups: Longs | None = None) -> Floats:
    """Population standard deviation of the known values, for every row of a group; NaN where none is known, 0 for one.

    Raises:
        GroupError: as `rank`.
    """
    groups = _checked(values, groups)
    return _moments_of(values, groups)[1][groups]


def breadth(holds: Floats, groups: Longs | None = None) -> Floats:
    """Share of those for which something is true, among those of which it is known whether it is.

    Args:
        holds: ``float64[n]``, 1 true, 0 false, NaN not known.
        groups: see above.

    Returns:
        ``float64[n]``, as `mean`: for every row of a group.

    Raises:
        GroupError: as `rank`.
    """
    groups = _checked(holds, groups)
    known = np.bincount(groups, np.isfinite(holds))
    with np.errstate(invalid="ignore"):
        return (np.bincount(groups, holds > 0.0) / known)[groups]


def _checked(values: Floats, groups: Longs | None) -> Longs:
    """The groups, all one where none are given."""
    if groups is None:
        return np.zeros(len(values), np.int64)
    if len(groups) != len(values) or (len(groups) and groups.min() < 0):
        raise GroupError(f"{len(groups)} groups for {len(values)} values: each needs one, numbered from 0")
    return groups


def _room(groups: Longs) -> int:
    return int(groups.max()) + 1 if len(groups) else 0


def _places(values: Floats, groups: Longs | None) -> tuple[Floats, Floats]:
    """Rank of each row, and how many are known of its group."""
    groups = _checked(values, groups)
    known = np.flatnonzero(np.isfinite(values))
    order = known[np.argsort(values[known])]
    below, size = _passed(order, values, groups)
    above, _ = _passed(order[::-1].copy(), values, groups)
    return (size + above - below + 1.0) / 2.0, size


def _passed(order: Longs, values: Floats, groups: Longs) -> tuple[Floats, Floats]:
    """How many of its group came before each row in this order and differ from it; how many come in all."""
    room = _room(groups)
    seen, begun, last, passed = np.zeros(room), np.zeros(room), np.zeros(room), np.full(len(values), np.nan)
    _count(order, values, groups, seen, begun, last, passed)
    return passed, seen[groups]


def _moments_of(values: Floats, groups: Longs) -> tuple[Floats, Floats]:
    """Mean and population deviation of each group, NaN where none of it is known, or a sum is beyond all doubles."""
    room = _room(groups)
    size, first, total, squares = (np.zeros(room) for _ in range(4))
    _sum(values, groups, size, first, total, squares)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        centre, width = first + total / size, np.sqrt(squares / size)
    centre[~np.isfinite(centre)] = width[~np.isfinite(width)] = np.nan
    return centre, width


@kernel
def _count(
    order: Longs, values: Floats, groups: Longs, seen: Floats, begun: Floats, last: Floats, passed: Floats
) -> None:
    for k in range(order.shape[0]):
        i = order[k]
        group = groups[i]
        if seen[group] == 0.0 or values[i] != last[group]:
            begun[group], last[group] = seen[group], values[i]
        seen[group] += 1.0
        passed[i] = begun[group]


@kernel
def _sum(values: Floats, groups: Longs, size: Floats, first: Floats, total: Floats, squares: Floats) -> None:
    """Sums of distances from each group's first value, so that equal values have a deviation of exactly 0."""
    for i in range(values.shape[0]):
        group = groups[i]
        if np.isfinite(values[i]):
            if size[group] == 0.0:
                first[group] = values[i]
            size[group] += 1.0
            total[group] += values[i] - first[group]
    for i in range(values.shape[0]):
        group = groups[i]
        if np.isfinite(values[i]):
            squares[group] += (values[i] - first[group] - total[group] / size[group]) ** 2

"""In what order bars that wait together are taken, so that it makes no difference that they waited."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from streams.types import Longs

    Positions = NDArray[np.intp]


def runs(rows: Longs, keys: Longs) -> Iterator[Positions]:
    """Divide n bars into runs of one key, no row twice in a run, every row's bars in the order in which they came.

    Bars of different rows do not know of each other, so those of one key are taken together as long as no row has to
    go back: a bar whose key is not above that of its row's bar before belongs to the next round. Few rounds are
    needed, for bars come nearly in order: a vendor's minute bar after the first seconds of the next minute.

    Args:
        rows: ``int64[n]``, in order of arrival.
        keys: ``int64[n]``, what a run has in common; lower keys go first within a round.

    Yields:
        Positions, by row: neighbours in memory are touched together, which makes a step over 10,000 rows twice as
        fast. Cost: O(n log n) for all.
    """
    by_row = np.argsort(rows, kind="stable")
    groups = _groups(rows[by_row], keys[by_row])
    if len(groups) and groups[0] == groups[-1] and (groups == groups[0]).all():
        yield by_row
        return
    order = np.argsort(groups, kind="stable")
    edges = np.flatnonzero(np.diff(groups[order])) + 1
    yield from (run for run in np.split(by_row[order], edges) if len(run))


def _groups(rows: Longs, keys: Longs) -> Longs:
    """Number of each bar's group, by round and key: ``int64[n]`` for bars sorted by row."""
    same = rows[1:] == rows[:-1]
    again = same & (keys[1:] <= keys[:-1])
    if not again.any():
        return keys
    total = np.concatenate([[0], np.cumsum(again)])
    first = np.flatnonzero(np.concatenate([[True], ~same]))
    rounds = total - np.repeat(total[first], np.diff(np.append(first, len(rows))))
    low = keys.min()
    groups: Longs = rounds * (keys.max() - low + 1) + keys - low
    return groups

"""Corrected bars among the bars that were taken off to make room for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.ring import Closed

if TYPE_CHECKING:
    from collections.abc import Iterator


def merged(taken: Closed, given: Closed) -> Closed:
    """Each bar once, by row and then by time, in its last version.

    What is NaN in the `outside` of a given bar is as the version before has it.
    """
    both = Closed(*(np.concatenate(pair, axis=-1) for pair in zip(taken, given, strict=True)))
    ordered = both.take(np.lexsort((both.start_ms, both.rows)))  # stable: versions stay in order of arrival
    same = (np.diff(ordered.rows) == 0) & (np.diff(ordered.start_ms) == 0)
    for i in np.flatnonzero(same):
        later = ordered.outside[:, i + 1]
        np.copyto(later, ordered.outside[:, i], where=np.isnan(later))
    return ordered.take(np.append(~same, True)[: len(ordered.rows)])


def in_chunks(closed: Closed, most: int) -> Iterator[Closed]:
    """Bars by row and then by time, at most so many of each row at once."""
    _, first, place = np.unique(closed.rows, return_index=True, return_inverse=True)
    turn = (np.arange(len(closed.rows)) - first[place]) // most
    for k in range(int(turn.max(initial=-1)) + 1):
        yield closed.take(turn == k)

"""The fewest calls that fetch what is missing.

Daily bars come by the day for all symbols, or by the symbol for all days: each call answers a column or a row of the
table of symbols and days. To choose the fewest that together answer every missing cell is to find a smallest vertex
cover of a bipartite graph, which König (1931) reads off a largest matching: exact, not a rule of thumb.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from streams.types import Flags, Longs


class Cover(NamedTuple):
    """Calls that answer every missing cell.

    Attributes:
        rows: ``int64[r]``, symbols to fetch by a range each.
        days: ``int64[d]``, columns to fetch as a grouped day each.
    """

    rows: Longs
    days: Longs

    @property
    def calls(self) -> int:
        """How many there are."""
        return len(self.rows) + len(self.days)


def cover(missing: Flags) -> Cover:
    """The fewest rows and columns that hold every True cell of ``bool[symbols, days]``.

    Of several smallest covers it is the one with the most whole days: what a grouped day says of other symbols is
    known from then on. Cost: about that of a matching, O(cells * sqrt(symbols + days)); 7,000 by 250 in 0.3 s.
    """
    partner = _matching(missing)  # of each row: its day, -1 for none
    holder = np.full(missing.shape[1], -1)
    holder[partner[partner >= 0]] = np.flatnonzero(partner >= 0)
    # König from the side of the days: what unmatched days reach by alternating paths
    reached_rows, reached_days = np.zeros(len(partner), np.bool_), (holder < 0) & missing.any(axis=0)
    fresh = reached_days
    while fresh.any():
        rows = missing[:, fresh].any(axis=1) & ~reached_rows
        reached_rows |= rows
        fresh = np.zeros_like(reached_days)
        fresh[partner[rows]] = True  # every reached row is matched, else the matching could grow
        fresh &= ~reached_days
        reached_days |= fresh
    return Cover(np.flatnonzero(reached_rows), np.flatnonzero(missing.any(axis=0) & ~reached_days))


def _matching(missing: Flags) -> Longs:
    """A largest matching of rows and columns: the column of each row, -1 for none."""
    from scipy.sparse import csr_array  # noqa: PLC0415 - a daemon that has all it needs never loads it
    from scipy.sparse.csgraph import maximum_bipartite_matching  # noqa: PLC0415

    if not missing.any():
        return np.full(len(missing), -1)
    return np.asarray(maximum_bipartite_matching(csr_array(missing), perm_type="column"), np.int64)

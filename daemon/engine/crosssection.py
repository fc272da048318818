"""Computes a plan's cross-sections over all rows at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from daemon.engine.crosscalls import opposite
from daemon.engine.machine import run
from indicators import crosssection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from daemon.engine.frozen import Frozen
    from daemon.engine.machine import Inputs, Program
    from daemon.engine.syntax import Across, Node
    from streams.types import Floats, Longs

_FUNCTIONS = {
    "breadth": crosssection.breadth,
    "mean": crosssection.mean,
    "pct_rank": crosssection.pct_rank,
    "rank": crosssection.rank,
    "zscore": crosssection.zscore,
}


class CrossSections:
    """What is compared, as one program, and what is made of each of its results.

    Args:
        columns: number of the frozen column of each cross-section.
        compile_: makes a program of trees.
    """

    def __init__(self, columns: Mapping[Across, int], compile_: Callable[[Sequence[Node]], Program]) -> None:
        self._columns = dict(columns)
        self._numbers = compile_([leaf.of for leaf in columns])
        counted = [leaf for leaf in columns if leaf.name == "breadth"]
        self._against = compile_([opposite(leaf.of) for leaf in counted])
        self._opposites = {leaf: number for number, leaf in enumerate(counted)}

    def freeze(self, inputs: Inputs, sectors: Longs, frozen: Frozen) -> None:
        """Compare the rows of `inputs` with each other and put the results into their columns.

        Args:
            inputs: all rows that are compared.
            sectors: ``int64[n]``, the group of each of them.
            frozen: where the results go.
        """
        values, against = run(self._numbers, inputs), run(self._against, inputs)
        for number, (leaf, column) in enumerate(self._columns.items()):
            compared = np.ascontiguousarray(values[:, number])
            if leaf in self._opposites:
                compared = _certain(compared, against[:, self._opposites[leaf]])
            groups = sectors if leaf.by == "sector" else None
            frozen.put(column, inputs.rows, _FUNCTIONS[leaf.name](compared, groups))


def warm() -> None:
    """Compile what the first barrier would have to wait for."""
    for function in _FUNCTIONS.values():
        function(np.zeros(1))


def _certain(holds: Floats, fails: Floats) -> Floats:
    """1 where a condition certainly holds, 0 where its opposite does, NaN where neither is known."""
    return np.where(holds > 0.0, 1.0, np.where(fails > 0.0, 0.0, np.nan))

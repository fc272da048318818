"""Questions about what comes: a condition over what is known now and over the bars of a window ahead. Pure.

``future_high > close + 4 * atr(14)`` compares a number of the window with one of the minute in which it is asked. What
names nothing of the future is computed then and kept; what is left is computed when the window is over.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from daemon.engine import checks
from daemon.engine.graph import Graph
from daemon.engine.machine import Inputs, run
from daemon.engine.syntax import In, Name, Number
from daemon.engine.vocabulary import FUTURE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from daemon.engine.syntax import Node
    from streams.types import Flags, Floats


def looks_ahead(tree: Node) -> bool:
    """Whether a condition names anything of the future."""
    return not checks.names(tree).isdisjoint(FUTURE)


class Outlook:
    """A condition over a window ahead.

    Args:
        tree: in normal form, checked with a vocabulary of the future.

    Attributes:
        kept: its parts that name nothing of the future, as large as they are, each once: numbers, and conditions as 1
            or 0.
    """

    def __init__(self, tree: Node) -> None:
        self.kept = tuple(dict.fromkeys(_known(tree)))
        leaves = (*map(Name, FUTURE), *self.kept)
        graph = Graph(_no_column, {}, {leaf: place for place, leaf in enumerate(leaves)})
        self._program = graph.program([tree])

    def holds(self, future: Floats, kept: Floats) -> Flags:
        """Where it holds, ``bool[n]``; a comparison with what is not known does not.

        Args:
            future: ``float64[4, n]``, in the order of `FUTURE`, NaN where nothing traded.
            kept: ``float64[len(self.kept), n]``, as they were when it was asked.
        """
        size = future.shape[1]
        nothing, frozen = np.zeros((6, size)), np.ascontiguousarray(np.concatenate([future, kept]))
        rows = np.arange(size)
        inputs = Inputs(rows, nothing, nothing[:5], nothing, nothing, np.zeros(size, np.int64), frozen)
        return np.asarray(run(self._program, inputs)[:, 0] > 0.0)


def _known(tree: Node) -> Iterator[Node]:
    if looks_ahead(tree):
        for child in tree.children:
            yield from _known(child)
    elif not isinstance(tree, Number):
        yield replace(tree, negated=False) if isinstance(tree, In) else tree


def _no_column(leaf: Node) -> int:
    raise TypeError(f"{leaf} was to be kept when it was asked")

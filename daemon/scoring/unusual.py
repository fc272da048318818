"""How unusual a symbol's features are: River's half-space trees, which need no answers.

Imports River. They know the newest `WINDOW` rows; before that many have come nothing is unusual.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from river import anomaly

from daemon.scoring import flatten
from daemon.scoring.errors import StateError
from daemon.scoring.memory import evenly
from daemon.scoring.saved import checked
from daemon.scoring.scaling import CLIP

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from daemon.scoring.memory import Batch
    from daemon.scoring.trees import Forest

ROWS: Final = 16
"""Rows of a minute that are learned, evenly."""

WINDOW: Final = 2_000
TREES: Final = 15
HEIGHT: Final = 8
SEED: Final = 7


class Unusual:
    """Half-space trees over scaled features.

    Args:
        features: names, one a column.

    Attributes:
        compiled: the trees as flat arrays, None while nothing is known; made anew once a window.
    """

    def __init__(self, features: Sequence[str]) -> None:
        self._names = list(features)
        limits = dict.fromkeys(self._names, (-CLIP, CLIP))
        self.trees = anomaly.HalfSpaceTrees(TREES, HEIGHT, WINDOW, limits, SEED)
        self.compiled: Forest | None = None
        self._lessons = 0

    def learn(self, batch: Batch) -> None:
        """Take in some rows of a minute."""
        turned = False
        for row in batch.rows[evenly(len(batch.answer), ROWS, self._lessons)].tolist():
            self.trees.learn_one(dict(zip(self._names, row, strict=True)))
            turned |= self.trees.counter == 0
        self._lessons += 1
        if turned:
            self.compiled = flatten.flat(self.trees, self._names)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Masses of all nodes, before and in this window, and how far it is; where they split follows from the seed."""
        masses = [(node.r_mass, node.l_mass) for node in self._nodes()]
        trees = self.trees
        counts = [trees.counter, trees._first_window, self._lessons]  # noqa: SLF001 (River gives no state away)
        return {"masses": np.array(masses, np.int64).reshape(-1, 2), "counts": np.array(counts, np.int64)}

    def load_arrays(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on where `to_arrays` left off, in a fresh instance.

        Raises:
            StateError: the arrays are no masses of such trees.
        """
        if not len(checked(arrays, "masses", np.int64, (None, 2), 0, WINDOW)):
            return
        self.trees.learn_one(dict.fromkeys(self._names, 0.0))
        nodes = list(self._nodes())
        masses = checked(arrays, "masses", np.int64, (len(nodes), 2))
        for node, (before, now) in zip(nodes, masses.tolist(), strict=True):
            node.r_mass, node.l_mass = before, now
        self.trees.counter, first, self._lessons = checked(arrays, "counts", np.int64, (3,), 0).tolist()
        if self.trees.counter >= WINDOW:
            raise StateError(f"a window of half-space trees has {WINDOW:,} rows, not {self.trees.counter:,}")
        self.trees._first_window = bool(first)  # noqa: SLF001
        self.compiled = None if first else flatten.flat(self.trees, self._names)

    def _nodes(self) -> Iterator[Any]:
        for nodes in self.trees._tree_nodes:  # noqa: SLF001
            yield from nodes

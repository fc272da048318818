"""How unusual a symbol's features are: River's half-space trees, which need no answers.

Imports River. They know the newest `WINDOW` rows; before that many have come nothing is unusual.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from river import anomaly

from daemon.scoring import flatten
from daemon.scoring.memory import evenly
from daemon.scoring.scaling import CLIP

if TYPE_CHECKING:
    from collections.abc import Sequence

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

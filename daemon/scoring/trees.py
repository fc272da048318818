"""Trees and forests as flat arrays, scored by one compiled loop. Pure: numpy and numba, no River.

A row goes left where its value is not greater than the threshold. Each leaf has two numbers, for yes and for no; what a
forest says is the share of yes among the weighted leaves that a row comes to, or, of half-space trees, one less their
weighted sum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from daemon.scoring.errors import StateError
from daemon.scoring.saved import GREATEST, checked
from indicators.jit import kernel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from streams.types import Floats

    Ints = NDArray[np.int32]

LEAF = -1
"""The feature of a leaf."""

UNTOLD = 0.5
"""What a forest says that has learned nothing."""


class Forest(NamedTuple):
    """Nodes of all trees, one after the other; children stand after their parents.

    Attributes:
        feature: ``int32[nodes]``, the column that a node looks at, `LEAF` for a leaf.
        left: ``int32[nodes]``, child for values up to the threshold; that of a leaf is itself.
        right: ``int32[nodes]``, child for greater values; likewise.
        threshold: ``float64[nodes]``.
        yes: ``float64[nodes]``, of leaves.
        no: ``float64[nodes]``, of leaves.
        roots: ``int32[trees]``.
        weights: ``float64[trees]``, none negative.
        shared: 1 where yes is measured by yes and no together, 0 where it is taken from one.
    """

    feature: Ints
    left: Ints
    right: Ints
    threshold: Floats
    yes: Floats
    no: Floats
    roots: Ints
    weights: Floats
    shared: int

    def score(self, values: Floats) -> Floats:
        """Probability of yes, or how unusual, ``float64[n]``, never NaN; `UNTOLD` where no leaf says anything.

        Args:
            values: ``float64[n, k]``, scaled features. NaN is greater than any threshold.

        Cost: some 15 ns a tree and row, by its depth.
        """
        yes, no = np.zeros((2, len(values)))
        _walk(np.ascontiguousarray(values), *self[:8], yes, no)
        if not self.shared:
            return 1.0 - yes
        total = yes + no
        return np.where(total > 0.0, yes / np.where(total > 0.0, total, 1.0), UNTOLD)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """As plain arrays, by the names above."""
        arrays: dict[str, NDArray[Any]] = dict(zip(self._fields[:8], self[:8], strict=True))
        return {**arrays, "shared": np.array([self.shared], np.int64)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], features: int) -> Self:
        """What `to_arrays` wrote.

        Raises:
            StateError: it is no forest over so many features: a column or child that is not there, a way that does not
                end, numbers that no forest can have.
        """
        kinds = (np.int32,) * 3 + (np.float64,) * 3 + (np.int32, np.float64)
        bounds = (-np.inf, np.inf)
        columns: list[Any] = [
            checked(arrays, name, kind, (None,), *(bounds if name == "threshold" else ()))
            for name, kind in zip(cls._fields[:8], kinds, strict=True)
        ]
        (shared,) = checked(arrays, "shared", np.int64, (1,), 0, 1).tolist()
        forest = cls._make([*columns, shared])
        if not forest.holds(features):
            raise StateError("the nodes of a forest do not fit together")
        return forest

    def holds(self, features: int) -> bool:
        """Whether every walk over so many features ends at a leaf, and all numbers are ones that a forest can have."""
        nodes, own = len(self.feature), np.arange(len(self.feature))
        if {len(column) for column in self[1:6]} != {nodes} or len(self.roots) != len(self.weights):
            return False
        leaf = self.feature == LEAF
        children = np.concatenate([self.left[~leaf], self.right[~leaf]])
        after = children > np.tile(own[~leaf], 2)
        numbers = np.concatenate([self.yes, self.no, self.weights])
        return bool(
            ((self.feature >= LEAF) & (self.feature < features)).all()
            and (after & (children < nodes)).all()
            and ((self.roots >= 0) & (self.roots < nodes)).all()
            and (numbers >= 0.0).all()
            and (numbers <= GREATEST).all()
            and not np.isnan(self.threshold).any()
        )


@kernel
def _walk(
    values: Floats,
    feature: Ints,
    left: Ints,
    right: Ints,
    threshold: Floats,
    yes_of: Floats,
    no_of: Floats,
    roots: Ints,
    weights: Floats,
    yes: Floats,
    no: Floats,
) -> None:
    """Tree by tree: the nodes of one stay in the cache while all rows go through it."""
    for tree in range(len(roots)):
        for row in range(values.shape[0]):
            node = roots[tree]
            while feature[node] >= 0:
                node = left[node] if values[row, feature[node]] <= threshold[node] else right[node]
            yes[row] += weights[tree] * yes_of[node]
            no[row] += weights[tree] * no_of[node]

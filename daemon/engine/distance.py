"""How far rules are from firing, from 0 (one holds) to 1 (far, or not known). Pure.

A comparison of numbers that does not hold is as far as its sides differ, relative to their sizes; any other is far. The
distances of ``and`` add up as chances of independent obstacles do, ``1 - (1 - a)(1 - b)``; those of ``or`` multiply.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Final, TypeGuard

import numpy as np

from daemon.engine.syntax import COMPARISONS, Binary, Call, Name, Number, String

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daemon.engine.syntax import Node
    from streams.types import Flags, Floats

NEAR: Final = 1e-6
"""Nothing that does not hold is nearer."""

_FAR = Number(1.0)


class Distances:
    """The distances of a set of rules, from values that a program computes.

    Args:
        conditions: of each rule, in normal form.

    Attributes:
        roots: what has to be computed: each comparison, and then each one's gap.
    """

    def __init__(self, conditions: Sequence[Node]) -> None:
        self._conditions = tuple(conditions)
        self._comparisons = list(dict.fromkeys(leaf for tree in conditions for leaf in comparisons(tree)))
        self.roots = (*self._comparisons, *map(gap, self._comparisons))

    def of(self, values: Floats, judged: Flags | None = None) -> Floats:
        """Distance to the nearest rule, ``float64[n]``; 1 without rules.

        Args:
            values: ``float64[n, 2c]``, of `roots`; NaN where not known.
            judged: ``bool[rules]``, those that count; None for all.
        """
        held, gaps = values[:, : len(self._comparisons)] > 0.0, values[:, len(self._comparisons) :]
        far = np.where(held, 0.0, np.clip(np.where(np.isnan(gaps), 1.0, gaps), NEAR, 1.0))
        by_leaf = dict(zip(self._comparisons, far.T, strict=True))
        chosen = self._conditions if judged is None else np.array(self._conditions, object)[judged]
        return reduce(np.minimum, (_combined(tree, by_leaf) for tree in chosen), np.ones(len(values)))


def gap(comparison: Node) -> Node:
    """The tree of how far a comparison is from holding, 0 to 1."""
    if not isinstance(comparison, Binary) or _is_text(comparison):
        return _FAR
    left, right = comparison.left, comparison.right
    size = Binary("+", Call("abs", (left,)), Call("abs", (right,)))
    short = Call("abs", (Binary("-", left, right),)) if comparison.operator != "!=" else size
    return Binary("/", short, size)


def _is_text(comparison: Binary) -> bool:
    return any(isinstance(side, String) or side == Name("session") for side in comparison.children)


def comparisons(tree: Node) -> list[Node]:
    """What a condition in normal form joins by ``and`` and ``or``, in order."""
    if isinstance(tree, Binary) and tree.operator in COMPARISONS:
        return [tree]
    return [leaf for child in tree.children for leaf in comparisons(child)] if _is_joint(tree) else [tree]


def _combined(tree: Node, far: dict[Node, Floats]) -> Floats:
    if not _is_joint(tree):
        return far[tree]
    left, right = _combined(tree.left, far), _combined(tree.right, far)
    return left * right if tree.operator == "or" else 1.0 - (1.0 - left) * (1.0 - right)


def _is_joint(tree: Node) -> TypeGuard[Binary]:
    return isinstance(tree, Binary) and tree.operator in {"and", "or"}

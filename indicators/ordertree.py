"""The values of a window in order, with sums: what is below x, and how much is it, in O(log n).

A treap in a stretch of state: node k (1..n) belongs to slot k - 1 of the window, six columns each; node 0
stands for "none" and holds the root on its left. Priorities are a fixed scrambling of the node's number, so
the tree's shape depends on the values alone and expected depth is logarithmic. The sum of every node is made
from its children, never
adjusted: nothing drifts. After Seidel and Aragon, "Randomized search trees", Algorithmica 16 (1996).

All functions take the tree as ``float64[6 * (n + 1)]``; all zero is the empty tree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from indicators.jit import kernel

if TYPE_CHECKING:
    from indicators.types import Floats

VALUE, SIZE, SUM, LEFT, RIGHT, PARENT, FIELDS = range(7)

_SCRAMBLE = 2654435761  # odd: distinct nodes get distinct priorities
_PRIORITIES = (1 << 32) - 1


def width(n: int) -> int:
    """Columns of a tree over n slots."""
    return FIELDS * (n + 1)


@kernel
def _node(tree: Floats, node: int, field: int) -> int:
    return int(tree[FIELDS * node + field])


@kernel
def _priority(node: int) -> int:
    return (node * _SCRAMBLE) & _PRIORITIES


@kernel
def _gather(tree: Floats, node: int) -> None:
    """Make size and sum of a node from its children."""
    at, left, right = FIELDS * node, FIELDS * _node(tree, node, LEFT), FIELDS * _node(tree, node, RIGHT)
    tree[at + SIZE] = 1.0 + tree[left + SIZE] + tree[right + SIZE]
    tree[at + SUM] = tree[at + VALUE] + (tree[left + SUM] + tree[right + SUM])


@kernel
def _climb(tree: Floats, node: int) -> None:
    while node > 0:
        _gather(tree, node)
        node = _node(tree, node, PARENT)


@kernel
def _replace(tree: Floats, parent: int, child: int, other: int) -> None:
    side = LEFT if _node(tree, parent, LEFT) == child else RIGHT
    tree[FIELDS * parent + side] = other
    if other > 0:
        tree[FIELDS * other + PARENT] = parent


@kernel
def _rotate_up(tree: Floats, node: int) -> None:
    parent = _node(tree, node, PARENT)
    _replace(tree, _node(tree, parent, PARENT), parent, node)
    near, far = (LEFT, RIGHT) if _node(tree, parent, LEFT) == node else (RIGHT, LEFT)
    inner = _node(tree, node, far)
    tree[FIELDS * parent + near] = inner
    if inner > 0:
        tree[FIELDS * inner + PARENT] = parent
    tree[FIELDS * node + far] = parent
    tree[FIELDS * parent + PARENT] = node
    _gather(tree, parent)
    _gather(tree, node)


@kernel
def insert(tree: Floats, slot: int, value: float) -> None:
    """Put `value` into an empty slot."""
    node, parent, side = slot + 1, 0, LEFT
    below = _node(tree, 0, LEFT)
    while below > 0:
        parent = below
        side = LEFT if value < tree[FIELDS * below + VALUE] else RIGHT
        below = _node(tree, below, side)
    tree[FIELDS * node + VALUE] = value
    tree[FIELDS * node + LEFT] = 0.0
    tree[FIELDS * node + RIGHT] = 0.0
    tree[FIELDS * node + PARENT] = parent
    tree[FIELDS * parent + side] = node
    _gather(tree, node)
    while parent > 0 and _priority(node) > _priority(parent):
        _rotate_up(tree, node)
        parent = _node(tree, node, PARENT)
    _climb(tree, parent)


@kernel
def remove(tree: Floats, slot: int) -> None:
    """Empty a slot that holds a value."""
    node = slot + 1
    while True:
        left, right = _node(tree, node, LEFT), _node(tree, node, RIGHT)
        if left == 0 and right == 0:
            break
        lefts = right == 0 or (left > 0 and _priority(left) > _priority(right))
        _rotate_up(tree, left if lefts else right)
    parent = _node(tree, node, PARENT)
    _replace(tree, parent, node, 0)
    _climb(tree, parent)


@kernel
def held(tree: Floats, slot: int) -> float:
    """The value in a slot."""
    return float(tree[FIELDS * (slot + 1) + VALUE])


@kernel
def whole(tree: Floats) -> tuple[float, float]:
    """Number and sum of all values."""
    root = FIELDS * _node(tree, 0, LEFT)
    return tree[root + SIZE], tree[root + SUM]


@kernel
def below(tree: Floats, bound: float) -> tuple[float, float]:
    """Number and sum of the values less than `bound`."""
    size, total = 0.0, 0.0
    node = _node(tree, 0, LEFT)
    while node > 0:
        if tree[FIELDS * node + VALUE] < bound:
            left = FIELDS * _node(tree, node, LEFT)
            size += 1.0 + tree[left + SIZE]
            total += tree[FIELDS * node + VALUE] + tree[left + SUM]
            node = _node(tree, node, RIGHT)
        else:
            node = _node(tree, node, LEFT)
    return size, total

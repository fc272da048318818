"""From River's trees and forests to flat arrays that say the same, within rounding.

Imports River, and reads what has no public way out of it: tests hold each kind equal to River's own answer, after any
number of updates. A forest is flattened anew after each lesson; only the nodes that its trees have are gone through.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from river import anomaly, ensemble, forest, tree

from daemon.scoring.trees import LEAF, UNTOLD, Forest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

Distribution = tuple[float, float]
"""For yes and for no."""

GUESS: Final = 0.5
"""Share of mistakes beyond which a boosted model knows nothing."""

NOTHING: Final[Distribution] = (0.0, 0.0)


class UncompilableError(Exception):
    """An estimator that flat arrays cannot stand for; River itself has to be asked."""


def flat(estimator: Any, features: Sequence[str]) -> Forest:
    """What an estimator says now.

    Args:
        estimator: a Hoeffding tree (adaptive or not) whose leaves predict the majority, a bag of such, an adaptive
            random forest, an aggregated Mondrian forest, boosted Hoeffding trees, or half-space trees.
        features: names of the columns.

    Raises:
        UncompilableError: none of these, or its leaves do more than count.
    """
    nodes = _Nodes(features)
    for weight, one in _trees(estimator):
        nodes.begin(weight)
        if isinstance(estimator, anomaly.HalfSpaceTrees):
            _half_space(nodes, one, estimator)
        elif isinstance(estimator, forest.AMFClassifier):
            _mondrian(nodes, one)
        else:
            _hoeffding(nodes, one)
    return nodes.forest(shared=not isinstance(estimator, anomaly.HalfSpaceTrees))


def chance(answer: Mapping[Any, float]) -> float:
    """Probability of yes by what River answered; `UNTOLD` where that is nothing."""
    total = sum(answer.values())
    return answer.get(True, 0.0) / total if total > 0.0 else UNTOLD


class _Nodes:
    """Grows a forest, node by node."""

    def __init__(self, features: Sequence[str]) -> None:
        self._columns = {name: column for column, name in enumerate(features)}
        self._nodes: list[tuple[int, int, int, float, float, float]] = []
        self._roots: list[int] = []
        self._weights: list[float] = []

    def begin(self, weight: float) -> None:
        """The next node is the root of a tree."""
        self._roots.append(len(self._nodes))
        self._weights.append(weight)

    def leaf(self, yes: float, no: float) -> int:
        """A leaf; its number."""
        own = len(self._nodes)
        self._nodes.append((LEAF, own, own, 0.0, yes, no))
        return own

    def branch(self, feature: str, threshold: float) -> int:
        """A node whose children are told by `join`; its number."""
        self._nodes.append((self._columns[feature], 0, 0, threshold, 0.0, 0.0))
        return len(self._nodes) - 1

    def join(self, own: int, left: int, right: int) -> int:
        """The children of a branch; its own number."""
        feature, _, _, threshold, yes, no = self._nodes[own]
        self._nodes[own] = (feature, left, right, threshold, yes, no)
        return own

    def forest(self, *, shared: bool) -> Forest:
        """All of them."""
        columns = list(zip(*self._nodes, strict=True)) or [()] * 6
        ints, floats = (np.array(c, np.int32) for c in columns[:3]), (np.array(c, np.float64) for c in columns[3:])
        roots, weights = np.array(self._roots, np.int32), np.array(self._weights, np.float64)
        feature, left, right = ints
        threshold, yes, no = floats
        return Forest(feature, left, right, threshold, yes, no, roots, weights, int(shared))


def _trees(estimator: Any) -> Iterator[tuple[float, Any]]:
    """Each tree and its weight."""
    for kind, trees in _KINDS.items():
        if isinstance(estimator, kind):
            yield from trees(estimator)
            return
    raise UncompilableError(f"{type(estimator).__name__} has no compiled form")


def _voted(estimator: Any) -> Iterator[tuple[float, Any]]:
    """By how good each tree has been."""
    for number, one in enumerate(estimator):
        metric = estimator._metrics[number].get()  # noqa: SLF001
        voted = not estimator.disable_weighted_vote and metric > 0.0
        yield metric if voted else 1.0, _counting(one)


def _averaged(estimator: Any) -> Iterator[tuple[float, Any]]:
    for one in estimator if estimator._is_initialized else ():  # noqa: SLF001
        yield 1.0 / estimator.n_estimators, one


def _added(estimator: Any) -> Iterator[tuple[float, Any]]:
    for one in () if estimator._first_window else estimator.trees:  # noqa: SLF001
        yield 1.0, one


def _boosted(estimator: Any) -> Iterator[tuple[float, Any]]:
    """As `AdaBoostClassifier.predict_proba_one` weighs them."""
    for number, one in enumerate(estimator):
        wrong, right = estimator.wrong_weight[number], estimator.correct_weight[number]
        epsilon = (wrong + 1e-16) / (right + wrong + 1e-16)
        yield math.log((1.0 - epsilon) / epsilon) if 0.0 < epsilon <= GUESS else 1.0, _counting(one)


def _counting(one: Any) -> Any:
    if not isinstance(one, tree.HoeffdingTreeClassifier) or one.leaf_prediction != "mc":
        raise UncompilableError(
            f"{type(one).__name__}: only trees whose leaves count (leaf_prediction='mc') are compiled"
        )
    return one


def _hoeffding(nodes: _Nodes, one: Any) -> None:
    root = one._root  # noqa: SLF001
    nodes.leaf(*NOTHING) if root is None else _hoeffding_node(nodes, root, NOTHING)


def _hoeffding_node(nodes: _Nodes, node: Any, beside: Distribution) -> int:
    """A node; `beside` is what leaves of alternate trees on the way add, where a tree is adaptive."""
    if not hasattr(node, "children"):
        yes, no = _share(node.stats)
        total = yes + no + beside[0] + beside[1]
        if not total:
            return nodes.leaf(*NOTHING)
        return nodes.leaf((yes + beside[0]) / total, (no + beside[1]) / total)
    alternate = getattr(node, "_alternate_tree", None)
    if alternate is not None and not hasattr(alternate, "children"):
        yes, no = _share(alternate.stats)
        beside = (beside[0] + yes, beside[1] + no)
    own = nodes.branch(node.feature, node.threshold)
    return nodes.join(own, *(_hoeffding_node(nodes, child, beside) for child in node.children))


def _share(stats: Mapping[Any, float]) -> Distribution:
    total = sum(stats.values())
    return (stats.get(True, 0.0) / total, stats.get(False, 0.0) / total) if total else NOTHING


def _mondrian(nodes: _Nodes, one: Any) -> None:
    """The prediction at a leaf is aggregated over the way to it: it does not depend on the row."""
    index = {name: number for number, name in enumerate(one._idx_to_class)}  # noqa: SLF001
    classes = len(one._classes)  # noqa: SLF001
    yes, no = index.get(True), index.get(False)

    def share(scores: Sequence[float]) -> Distribution:
        return (scores[yes] if yes is not None else 0.0, scores[no] if no is not None else 0.0)

    def visit(node: Any, way: list[tuple[float, list[float]]]) -> int:
        scores = list(node.predict(one.dirichlet, classes))
        if node.is_leaf:
            return nodes.leaf(*share(_aggregated(scores, way) if one.use_aggregation else scores))
        part = 0.5 * math.exp(node.weight - node.log_weight_tree)
        own = nodes.branch(node.feature, node.threshold)
        return nodes.join(own, *(visit(child, [*way, (part, scores)]) for child in node.children))

    visit(one._root, [])  # noqa: SLF001


def _aggregated(scores: list[float], way: list[tuple[float, list[float]]]) -> list[float]:
    for part, above in reversed(way):
        scores = [part * new + (1.0 - part) * old for new, old in zip(above, scores, strict=True)]
    return scores


def _half_space(nodes: _Nodes, one: Any, estimator: Any) -> None:
    """A walk ends where too little mass is left; masses on the way count by their depth."""
    most = estimator._max_score  # noqa: SLF001

    def visit(node: Any, depth: int, total: float) -> int:
        total += node.r_mass * 2.0**depth
        if depth == estimator.height or node.r_mass < estimator.size_limit:
            return nodes.leaf(total / most, 0.0)
        own = nodes.branch(node.feature, float(np.nextafter(node.threshold, -np.inf)))  # River goes left below it only
        return nodes.join(own, *(visit(child, depth + 1, total) for child in node.children))

    visit(one, 0, 0.0)


_KINDS: Final[Mapping[type, Callable[[Any], Iterator[tuple[float, Any]]]]] = {
    tree.HoeffdingTreeClassifier: lambda one: iter([(1.0, _counting(one))]),
    forest.ARFClassifier: _voted,
    forest.AMFClassifier: _averaged,
    anomaly.HalfSpaceTrees: _added,
    ensemble.AdaBoostClassifier: _boosted,
    ensemble.BaggingClassifier: lambda bag: ((1.0, _counting(one)) for one in bag),
}

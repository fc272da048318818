"""What a set of rules and features needs, when each rule is evaluated, and what it compares."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from daemon.engine import checks
from daemon.engine.crosscalls import across
from daemon.engine.periods import divided
from daemon.engine.syntax import COMPARISONS, Across, Attribute, Binary, Call, Lag, Name, write
from daemon.engine.vocabulary import FUNCTIONS, Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from daemon.engine.rules import RuleSet
    from daemon.engine.syntax import Node
    from indicators import Spec
    from streams.types import Flags


BARS = (1, "")
"""What a symbol's own bars are called among the needs of a rule."""

Needs = dict[tuple[int, str], int]
"""Bars that something takes, by minutes of the timeframe and key of the indicator."""


class Longer(NamedTuple):
    """An indicator of a longer timeframe: its value stands in a frozen column."""

    column: int
    minutes: int
    key: str
    output: str


class When(Enum):
    """At what moment rules are evaluated: on a forming bar, on a closed one, or when the market's minute closes."""

    FORMING = "forming"
    CLOSED = "closed"
    BARRIER = "barrier"


class Plan:
    """Rules and features, ready for an evaluator. Built once a rule file.

    Args:
        ruleset: checked rules.
        features: checked expressions, in the order of the model's columns; see
            `daemon.engine.rules.features`.
        vocabulary: the one they were checked with.

    Attributes:
        rules: in the order of the set; a rule's index is its row everywhere.
        features: as given.
        conditions: the whole condition of each rule, in normal form.
        judged: ``bool[rules]``, which rules are evaluated at each of the moments there are.
        specs: indicators on minutes that the frame must hold, without repeats.
        longer: indicators on longer timeframes, by minutes (`DAILY` for days), without repeats.
        outputs: key and name of each indicator output in use, by its tree.
        frozen: number of the frozen column of each leaf that has one, see `daemon.engine.frozen`. A leaf that stands
            here is read from that column, whatever it is; who fills it is told by the kind of leaf.
        leaves: names, outputs and frozen columns that are looked back at, by their text.
        lags: bars that each of them is looked back at, by its text.
        needs: for each rule, what it takes until all that it names has a value: bars that each indicator must have
            seen, and under `BARS` those of the symbol itself. A rule on the score needs the features too.
    """

    def __init__(self, ruleset: RuleSet, features: Sequence[Node] = (), vocabulary: Vocabulary | None = None) -> None:
        self.rules = ruleset.rules
        self.features = tuple(features)
        self.conditions = tuple(rule.condition for rule in self.rules)
        self.judged = self._judged()
        self.outputs: dict[Node, tuple[str, str]] = {}
        self.frozen: dict[Node, int] = {}
        self.leaves: dict[str, Node] = {}
        self.lags: dict[str, int] = {}
        self._vocabulary = vocabulary or Vocabulary()
        self._specs: dict[int, dict[Spec, None]] = {1: {}}
        learned = [self._use(tree) for tree in self.features]
        own = [self._use(tree) for tree in self.conditions]
        self.specs: tuple[Spec, ...] = tuple(self._specs.pop(1))
        self.longer: dict[int, tuple[Spec, ...]] = {minutes: tuple(specs) for minutes, specs in self._specs.items()}
        self.needs = tuple(_most(needs, *(learned if self.uses_score(rule) else ())) for rule, needs in enumerate(own))

    @property
    def has_tick(self) -> bool:
        """Whether any rule is evaluated on the forming bar."""
        return bool(self.judged[When.FORMING].any())

    @property
    def across(self) -> dict[Across, int]:
        """Those of the frozen columns that are cross-sections."""
        return {leaf: column for leaf, column in self.frozen.items() if isinstance(leaf, Across)}

    @property
    def periods(self) -> list[Longer]:
        """Those of the frozen columns that are indicators of longer timeframes."""
        return [
            Longer(self.frozen[leaf], divided(_call(leaf))[1], *output)
            for leaf, output in self.outputs.items()
            if leaf in self.frozen
        ]

    def _judged(self) -> dict[When, Flags]:
        """A cross-section is known at the barrier: there, and nowhere else, are rules evaluated that name one."""
        barrier = np.array([any(True for _ in across(tree)) for tree in self.conditions], np.bool_)
        forming = np.array([rule.evaluate == "tick" for rule in self.rules], np.bool_)
        return {When.FORMING: forming & ~barrier, When.CLOSED: ~barrier, When.BARRIER: barrier}

    def uses_score(self, rule: int) -> bool:
        """Whether the score takes part in a rule."""
        return "score" in checks.names(self.conditions[rule])

    def terms(self, rule: int) -> dict[str, Node]:
        """The numbers that a rule compares, by their text, in order of appearance; constants are left out."""
        return {write(term): term for term in _terms(self.conditions[rule])}

    def _use(self, tree: Node) -> Needs:
        """Notes the leaves of a tree; returns its needs."""
        return _most(*(self._leaf(leaf, bars) for leaf, bars in _leaves(tree)))

    def _leaf(self, leaf: Node, bars: int) -> Needs:
        """Notes a leaf that is looked back at over `bars`."""
        if bars:
            text = write(leaf)
            self.leaves[text] = leaf
            self.lags[text] = max(bars, self.lags.get(text, 0))
        if isinstance(leaf, Across):
            self.frozen.setdefault(leaf, len(self.frozen))
            return {BARS: bars + 1}
        if isinstance(leaf, Name):
            return {BARS: bars + 1}
        given, minutes = divided(_call(leaf))
        spec = self._vocabulary.catalogue.spec(_call(leaf).name, [checks.argument(one) for one in given])
        output = leaf.name if isinstance(leaf, Attribute) else spec.outputs[0]
        self.outputs[leaf] = (spec.key, output)
        self._specs.setdefault(minutes, {})[spec] = None
        warmup = spec.warmups[spec.outputs.index(output)]
        if minutes == 1:
            return {(1, spec.key): bars + warmup}
        self.frozen.setdefault(leaf, len(self.frozen))
        return {(minutes, spec.key): warmup, BARS: bars + 1}


def _most(*needs: Needs) -> Needs:
    """All of them together."""
    most: Needs = {}
    for key, bars in (pair for some in needs for pair in some.items()):
        most[key] = max(bars, most.get(key, 0))
    return most


def _call(leaf: Node) -> Call:
    """The indicator that a leaf is an output of."""
    return cast("Call", leaf.of if isinstance(leaf, Attribute) else leaf)


def _leaves(tree: Node) -> Iterator[tuple[Node, int]]:
    """Everything in a normal form that is not computed from something else, and how far back it is needed."""
    match tree:
        case Lag(of, bars):
            yield of, bars
            yield from _leaves_within(of)
        case Across():
            yield tree, 0
            yield from _leaves_within(tree)
        case Name() | Attribute():
            yield tree, 0
        case Call(name) if name not in FUNCTIONS:
            yield tree, 0
        case _:
            for child in tree.children:
                yield from _leaves(child)


def _leaves_within(leaf: Node) -> Iterator[tuple[Node, int]]:
    """What a cross-section compares is computed too."""
    if isinstance(leaf, Across):
        yield from _leaves(leaf.of)


def _terms(tree: Node) -> Iterator[Node]:
    if isinstance(tree, Binary) and tree.operator in COMPARISONS:
        yield from (side for side in tree.children if not checks.is_constant(side) and side != Name("session"))
    else:
        for child in tree.children:
            yield from _terms(child)

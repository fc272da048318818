"""What a set of rules and features needs, when each rule is evaluated, and what it compares."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from daemon.engine import checks
from daemon.engine.graph import START
from daemon.engine.outlook import Outlook, looks_ahead
from daemon.engine.periods import divided
from daemon.engine.syntax import (
    COMPARISONS,
    Across,
    Attribute,
    Binary,
    Call,
    Chain,
    Covered,
    Extreme,
    In,
    Lag,
    Name,
    Number,
    String,
    Within,
    write,
)
from daemon.engine.vocabulary import COVERAGES, FUNCTIONS, SCORES, Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from daemon.engine.rules import RuleSet
    from daemon.engine.syntax import Node
    from indicators import Spec
    from streams.types import Flags


BARS = (1, "")
"""What a symbol's own bars are called among the needs of a rule."""

_NEVER = Number(0.0)

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
        asked: checked conditions that targets of the models name, see `daemon.scoring.targets.conditions`.

    Attributes:
        ruleset: as given.
        rules: in the order of the set; a rule's index is its row everywhere.
        features: as given.
        feature_texts: the same as text, which alerts name them by.
        conditions: the whole condition of each rule, in normal form but for ``coverage``, which is the rule's own.
        untils: what ends an episode of a rule, None where that is the condition's end.
        orders: what candidates of a rule are ordered by, None for rules that take all.
        judged: ``bool[rules]``, which rules are evaluated at each of the moments there are.
        specs: indicators on minutes that the frame must hold, without repeats.
        longer: indicators on longer timeframes, by minutes (`DAILY` for days), without repeats.
        outputs: key and name of each indicator output in use, by its tree.
        frozen: number of the frozen column of each leaf that has one, see `daemon.engine.frozen`. A leaf that stands
            here is read from that column, whatever it is; who fills it is told by the kind of leaf.
        leaves: names, outputs and frozen columns that are looked back at, by their text.
        lags: bars that each of them is looked back at, by its text.
        targets: conditions of targets, as given.
        asked: the same in normal form; where one names ``coverage``, its own, by the number after those of the rules.
            One that looks ahead never holds: it is in `outlooks`.
        outlooks: conditions of targets that name the future, by their place among those.
        kept: what these need to know when they are asked, in the order of `outlooks`.
        needs: for each rule, and then each of `asked`, what it takes until all that it names has a value: bars that
            each indicator must have seen, and under `BARS` those of the symbol itself. What goes by the score needs
            the features too.
        named: the same without the features: what they lack counts as their mean, and a score has a value.
        learned: the same for all features together.
    """

    def __init__(
        self,
        ruleset: RuleSet,
        features: Sequence[Node] = (),
        vocabulary: Vocabulary | None = None,
        asked: Sequence[Node] = (),
    ) -> None:
        self.ruleset, self.rules = ruleset, ruleset.rules
        self.features = tuple(features)
        self.feature_texts = tuple(write(tree) for tree in self.features)
        self.conditions = tuple(_own(rule.condition, number) for number, rule in enumerate(self.rules))
        self.untils = tuple(rule.until and _own(rule.until, number) for number, rule in enumerate(self.rules))
        self.orders = tuple(rule.by if rule.budget or rule.group else None for rule in self.rules)
        self.targets = tuple(asked)
        own_asked = [_own(tree, number) for number, tree in enumerate(asked, len(self.rules))]
        self.outlooks = {place: Outlook(tree) for place, tree in enumerate(own_asked) if looks_ahead(tree)}
        self.kept = tuple(tree for outlook in self.outlooks.values() for tree in outlook.kept)
        self.asked = tuple(_NEVER if place in self.outlooks else tree for place, tree in enumerate(own_asked))
        self.judged = self._judged()
        self.outputs: dict[Node, tuple[str, str]] = {}
        self.frozen: dict[Node, int] = {}
        self.leaves: dict[str, Node] = {}
        self.lags: dict[str, int] = {}
        self._vocabulary = vocabulary or Vocabulary()
        self._specs: dict[int, dict[Spec, None]] = {1: {}}
        self.learned = _most(*(self._use(tree) for tree in self.features))
        own = [self._use(tree) for tree in (*self.conditions, *self.asked)]
        for tree in (*self.untils, *self.orders, *self.kept):
            if tree:
                self._use(tree)
        self.specs: tuple[Spec, ...] = tuple(self._specs.pop(1))
        self.longer: dict[int, tuple[Spec, ...]] = {minutes: tuple(specs) for minutes, specs in self._specs.items()}
        scored = (self.learned if self._is_scored(tree) else {} for tree in (*self.conditions, *self.asked))
        self.named = tuple(own)
        self.needs = tuple(_most(*both) for both in zip(own, scored, strict=True))

    @cached_property
    def has_tick(self) -> bool:
        """Whether any rule is evaluated on the forming bar."""
        return bool(self.judged[When.FORMING].any())

    @cached_property
    def across(self) -> dict[Across, int]:
        """Those of the frozen columns that are cross-sections."""
        return {leaf: column for leaf, column in self.frozen.items() if isinstance(leaf, Across)}

    @cached_property
    def lists(self) -> dict[In, int]:
        """Those of the frozen columns that say who is in a list."""
        return {leaf: column for leaf, column in self.frozen.items() if isinstance(leaf, In)}

    @cached_property
    def covered(self) -> dict[int, int]:
        """Those of the frozen columns that say how a rule is covered, by the rule."""
        return {leaf.rule: column for leaf, column in self.frozen.items() if isinstance(leaf, Covered)}

    @cached_property
    def periods(self) -> list[Longer]:
        """Those of the frozen columns that are indicators of longer timeframes."""
        return [
            Longer(self.frozen[leaf], divided(_call(leaf))[1], *output)
            for leaf, output in self.outputs.items()
            if leaf in self.frozen
        ]

    def _judged(self) -> dict[When, Flags]:
        """A cross-section is known at the barrier: there, and nowhere else, are rules evaluated that name one.

        So are those that tell the symbols of a sector together.
        """
        barrier = np.array([bool(rule.group) or rule.is_across for rule in self.rules], np.bool_)
        forming = np.array([rule.evaluate == "tick" for rule in self.rules], np.bool_)
        return {When.FORMING: forming & ~barrier, When.CLOSED: ~barrier, When.BARRIER: barrier}

    def uses_score(self, rule: int) -> bool:
        """Whether the score, or how unusual a bar is, takes part in a rule."""
        return self._is_scored(self.conditions[rule])

    @staticmethod
    def _is_scored(tree: Node) -> bool:
        return not checks.names(tree).isdisjoint(SCORES)

    @cached_property
    def names_unusual(self) -> bool:
        """Whether anything asks how unusual a bar is."""
        trees = (tree for tree in (*self.conditions, *self.asked, *self.kept, *self.untils, *self.orders) if tree)
        return any("unusual" in checks.names(tree) for tree in trees)

    def terms(self, rule: int) -> dict[str, Node]:
        """The numbers that a rule compares, by their text, in order of appearance; constants are left out."""
        return {write(term): term for term in terms_of(self.conditions[rule])}

    def _use(self, tree: Node) -> Needs:
        """Notes the leaves of a tree; returns its needs."""
        return _most(*(self._leaf(leaf, bars, older) for leaf, bars, older in _leaves(tree, 0)))

    def _leaf(self, leaf: Node, bars: int, older: int) -> Needs:
        """Notes a leaf that is looked back at over `bars`, by something that is itself looked back at over `older`."""
        if bars:
            text = write(leaf)
            self.leaves[text] = leaf
            self.lags[text] = max(bars, self.lags.get(text, 0))
        bars += older
        if isinstance(leaf, Across | In | Covered):
            self.frozen.setdefault(leaf, len(self.frozen))
            return {} if isinstance(leaf, In | Covered) else {BARS: bars + 1}
        if not isinstance(leaf, Attribute) and not (isinstance(leaf, Call) and leaf.name not in FUNCTIONS):
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


def _leaves(tree: Node, older: int) -> Iterator[tuple[Node, int, int]]:  # noqa: C901, PLR0912 -- one a kind of node
    """Everything in a normal form that is not computed from something else, and what is looked back at.

    With it how far back, and how far back the whole of it is looked at from.
    """
    match tree:
        case Lag(Extreme(_, of, size), bars):
            yield of, bars + size - 1, older
            yield from _leaves(of, older + bars + size - 1)
        case Extreme(_, of, size):
            yield of, size - 1, older
            yield from _leaves(of, older + size - 1)
        case Lag(Name("minutes_since_bar"), bars):
            yield START, bars + 1, older
        case Name("minutes_since_bar"):
            yield START, 1, older
        case Within(window, steps):
            for size in range(1, len(steps)):
                yield Chain(window, steps[:size]), 1, older
            for step in steps:
                yield from _leaves(step, older)
        case Lag(of, bars):
            yield of, bars, older
            if isinstance(of, Across):
                yield from _leaves(of.of, older)
        case Across(_, of):
            yield tree, 0, older
            yield from _leaves(of, older)
        case In():
            yield replace(tree, negated=False), 0, older
        case Name() | Attribute() | Covered():
            yield tree, 0, older
        case Call(name) if name not in FUNCTIONS:
            yield tree, 0, older
        case _:
            for child in tree.children:
                yield from _leaves(child, older)


def _own(tree: Node, rule: int) -> Node:
    """A condition of a rule, with the coverage of that rule in it."""
    match tree:
        case Binary(operator, Name("coverage"), String(value)):
            return Binary(operator, Covered(rule), Number(float(COVERAGES.index(value))), at=tree.at)
        case Binary("and" | "or" as operator, left, right):
            return Binary(operator, _own(left, rule), _own(right, rule), at=tree.at)
        case Within(window, steps):
            return Within(window, tuple(_own(step, rule) for step in steps), at=tree.at)
    return tree


def terms_of(tree: Node) -> Iterator[Node]:
    """The numbers that a condition in normal form compares, in order of appearance."""
    if isinstance(tree, Binary) and tree.operator in COMPARISONS:
        yield from (side for side in tree.children if not checks.is_constant(side) and not _is_text(side))
    else:
        for child in tree.children:
            yield from terms_of(child)


def _is_text(side: Node) -> bool:
    """Whether a side of a comparison is no number that could be told."""
    name = side.of if isinstance(side, Lag) else side
    return isinstance(name, Covered) or name == Name("session")

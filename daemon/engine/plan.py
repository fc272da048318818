"""What a set of rules and features needs: indicators, look-back, warm-up; and what each rule compares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from daemon.engine import checks
from daemon.engine.syntax import COMPARISONS, Attribute, Binary, Call, Lag, Name, write
from daemon.engine.vocabulary import FUNCTIONS, Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from daemon.engine.rules import RuleSet
    from daemon.engine.syntax import Node
    from indicators import Spec
    from streams.types import Flags


BARS = ""
"""What a symbol's own bars are called among the needs of a rule."""


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
        tick: ``bool[rules]``, which rules are also evaluated on the forming bar.
        specs: indicators that the frame must hold, without repeats.
        outputs: key and name of each indicator output in use, by its tree.
        leaves: names and outputs that are looked back at, by their text.
        lags: bars that each of them is looked back at, by its text.
        needs: for each rule, what it takes until all that it names has a value: bars that each indicator must have
            seen, by key, and under `BARS` those of the symbol itself. A rule on the score needs the features too.
    """

    def __init__(self, ruleset: RuleSet, features: Sequence[Node] = (), vocabulary: Vocabulary | None = None) -> None:
        self.rules = ruleset.rules
        self.features = tuple(features)
        self.conditions = tuple(rule.condition for rule in self.rules)
        self.tick: Flags = np.array([rule.evaluate == "tick" for rule in self.rules], np.bool_)
        self.outputs: dict[Node, tuple[str, str]] = {}
        self.leaves: dict[str, Node] = {}
        self.lags: dict[str, int] = {}
        self._vocabulary = vocabulary or Vocabulary()
        self._specs: dict[Spec, None] = {}
        learned = [self._use(tree) for tree in self.features]
        own = [self._use(tree) for tree in self.conditions]
        self.specs: tuple[Spec, ...] = tuple(self._specs)
        self.needs = tuple(_most(needs, *(learned if self.uses_score(rule) else ())) for rule, needs in enumerate(own))

    @property
    def has_tick(self) -> bool:
        """Whether any rule is evaluated on the forming bar."""
        return bool(self.tick.any())

    def uses_score(self, rule: int) -> bool:
        """Whether the score takes part in a rule."""
        return "score" in checks.names(self.conditions[rule])

    def terms(self, rule: int) -> dict[str, Node]:
        """The numbers that a rule compares, by their text, in order of appearance; constants are left out."""
        return {write(term): term for term in _terms(self.conditions[rule])}

    def _use(self, tree: Node) -> dict[str, int]:
        """Notes the leaves of a tree; returns its needs."""
        return _most(*(self._leaf(leaf, bars) for leaf, bars in _leaves(tree)))

    def _leaf(self, leaf: Node, bars: int) -> dict[str, int]:
        """Notes a leaf that is looked back at over `bars`."""
        if bars:
            text = write(leaf)
            self.leaves[text] = leaf
            self.lags[text] = max(bars, self.lags.get(text, 0))
        call = leaf.of if isinstance(leaf, Attribute) else leaf
        if not isinstance(call, Call):
            return {BARS: bars + 1}
        spec = self._spec(call)
        output = leaf.name if isinstance(leaf, Attribute) else spec.outputs[0]
        self.outputs[leaf] = (spec.key, output)
        self._specs[spec] = None
        return {spec.key: bars + spec.warmups[spec.outputs.index(output)]}

    def _spec(self, call: Call) -> Spec:
        arguments = [checks.argument(argument) for argument in call.arguments]
        return self._vocabulary.catalogue.spec(call.name, arguments)


def _most(*needs: dict[str, int]) -> dict[str, int]:
    """All of them together."""
    return {
        key: max(some.get(key, 0) for some in needs) for key in dict.fromkeys(key for some in needs for key in some)
    }


def _leaves(tree: Node) -> Iterator[tuple[Node, int]]:
    """Everything in a normal form that is not computed from something else, and how far back it is needed."""
    match tree:
        case Lag(of, bars):
            yield of, bars
        case Name() | Attribute():
            yield tree, 0
        case Call(name) if name not in FUNCTIONS:
            yield tree, 0
        case _:
            for child in tree.children:
                yield from _leaves(child)


def _terms(tree: Node) -> Iterator[Node]:
    if isinstance(tree, Binary) and tree.operator in COMPARISONS:
        yield from (side for side in tree.children if not checks.is_constant(side) and side != Name("session"))
    else:
        for child in tree.children:
            yield from _terms(child)

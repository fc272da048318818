"""How a cross-section is called, ``rank(x, by="sector")``, and what its tree is asked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from daemon.engine.errors import RuleError, nearest
from daemon.engine.syntax import BY, COMPARISONS, NEGATED, Across, Binary, Call, In, Keyword, String, write
from daemon.engine.vocabulary import CROSS_SECTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from daemon.engine.syntax import Node

_MEANS = {"market_mean": "market", "sector_mean": "sector", "market_return": "market"}
"""Those that say in their names among whom."""

_EXAMPLES = {"breadth": "close > vwap()", "market_return": "15"}


class Called(NamedTuple):
    """What a call of a cross-section asks for: a function of `indicators.crosssection`, of what, among whom."""

    name: str
    of: Node
    by: str


def is_across(call: Call) -> bool:
    """Whether a call is a cross-section: a z-score is one where it says among whom, and else an indicator."""
    named = any(isinstance(given, Keyword) for given in call.arguments)
    return call.name in CROSS_SECTIONS or (call.name == "zscore" and named)


def read(call: Call, errors: list[RuleError]) -> Called | None:
    """What a cross-section's call asks for, unchecked what it compares; None after a mistake has been noted."""
    before = len(errors)
    by = _by(call, [given for given in call.arguments if isinstance(given, Keyword)], errors)
    values = [given for given in call.arguments if not isinstance(given, Keyword)]
    strings = [given for given in values if isinstance(given, String)]
    if strings:
        errors.append(RuleError(strings[0].at, f"{call.name} compares no strings", f"write by={write(strings[0])}"))
    elif len(values) != 1:
        example = f"write {call.name}({_EXAMPLES.get(call.name, 'roc(15)')})"
        errors.append(RuleError(call.at, f"{call.name} takes 1 argument, not {len(values)}", example))
    if len(errors) > before:
        return None
    of = Call("roc", (values[0],), at=call.at) if call.name == "market_return" else values[0]
    return Called("mean" if call.name in _MEANS else call.name, of, by)


def across(tree: Node) -> Iterator[Across]:
    """All cross-sections in a normal form, in order of appearance."""
    if isinstance(tree, Across):
        yield tree
    for child in tree.children:
        yield from across(child)


def opposite(tree: Node) -> Node:
    """The normal form of what holds where a condition, in normal form, certainly does not."""
    if isinstance(tree, In):
        return replace(tree, negated=not tree.negated)
    if not isinstance(tree, Binary):
        raise TypeError(f"{write(tree)} is no condition")
    sides = (tree.left, tree.right)
    if tree.operator not in COMPARISONS:
        sides = (opposite(tree.left), opposite(tree.right))
    return Binary(NEGATED[tree.operator], *sides, at=tree.at)


def _by(call: Call, keywords: Sequence[Keyword], errors: list[RuleError]) -> str:
    """Among whom."""
    chosen = _MEANS.get(call.name, "market")
    for number, keyword in enumerate(keywords):
        value = keyword.value
        if call.name in _MEANS:
            remedy = f"its name says that it is of the {_MEANS[call.name]}"
            errors.append(RuleError(keyword.at, f'{call.name} takes no argument "{keyword.name}"', remedy))
        elif keyword.name != "by":
            message = f'{call.name} has no argument "{keyword.name}"'
            errors.append(RuleError(keyword.at, message, nearest(keyword.name, ["by"]) or 'write by="sector"'))
        elif number:
            errors.append(RuleError(keyword.at, f'{call.name} says "by" twice'))
        elif not isinstance(value, String) or value.value not in BY:
            remedy = nearest(value.value, BY) if isinstance(value, String) else ""
            message = f"by cannot be {write(value)}"
            errors.append(RuleError(value.at, message, remedy or 'write by="sector" or by="market"'))
        else:
            chosen = value.value
    return chosen

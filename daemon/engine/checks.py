"""Checks an expression against the vocabulary and brings it into normal form.

In normal form nothing is left but what an evaluator has to know: ``not`` is pushed into comparisons (negation
normal form), ``between`` and ``crosses_above/below`` are spelled out, look-back stands at names and indicator
outputs only, aliases and default parameters are written out. Comparisons with an unknown value (NaN) are
false, so with no ``not`` left a condition is true only when it certainly is. The normal form of a normal form
is itself.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

from daemon.engine import crosscalls
from daemon.engine.crosscalls import Called, is_across
from daemon.engine.errors import RuleError, nearest
from daemon.engine.language import MAX_LAG, parse
from daemon.engine.periods import minutes_of, written
from daemon.engine.syntax import (
    BY,
    COMPARISONS,
    NEGATED,
    Across,
    Attribute,
    Between,
    Binary,
    Call,
    Keyword,
    Lag,
    Name,
    Number,
    String,
    Unary,
    write,
)
from daemon.engine.vocabulary import (
    ALIASES,
    CONTEXT,
    CROSS_SECTIONS,
    CROSSINGS,
    FIELDS,
    FUNCTIONS,
    RESERVED,
    SESSIONS,
)
from indicators.errors import ArgumentError

if TYPE_CHECKING:
    from daemon.engine.errors import Position
    from daemon.engine.syntax import (
        Node,
    )
    from daemon.engine.vocabulary import Vocabulary
    from indicators import Spec

_MIRRORED = {"==": "==", "!=": "!="}
_NOTHING = Number(0.0)


def condition(tree: Node, vocabulary: Vocabulary, errors: list[RuleError]) -> Node:
    """The normal form of a condition; mistakes are added to `errors`, and then the result means nothing."""
    return _Checker(vocabulary, errors).truth(tree, negate=False)


def number(tree: Node, vocabulary: Vocabulary, errors: list[RuleError]) -> Node:
    """The normal form of a number; mistakes are added to `errors`, and then the result means nothing."""
    return _Checker(vocabulary, errors).number(tree, 0)


def names(tree: Node) -> set[str]:
    """All bare names in a tree."""
    own = {tree.name} if isinstance(tree, Name) else set()
    return own.union(*(names(child) for child in tree.children))


def is_constant(tree: Node) -> bool:
    """Whether a value in normal form depends on nothing of the market."""
    if isinstance(tree, Number | String):
        return True
    computed = isinstance(tree, Unary | Binary) or (isinstance(tree, Call) and tree.name in FUNCTIONS)
    return computed and all(is_constant(child) for child in tree.children)


def argument(given: Node) -> float | str:
    """An argument as the catalogue takes it: a number, or the name of a field."""
    match given:
        case Number(value):
            return value
        case Unary("negative", Number(value)):
            return -value
        case Name(name):
            return ALIASES.get(name, name)
    raise TypeError(f"{write(given)} is no argument of an indicator")


class _Checker:
    """Two functions that call each other: what has to be true or false, and what has to be a number."""

    def __init__(self, vocabulary: Vocabulary, errors: list[RuleError]) -> None:
        self._vocabulary = vocabulary
        self._errors = errors
        self._within = ""

    def truth(self, node: Node, *, negate: bool) -> Node:  # noqa: PLR0911 -- one a kind of node
        """Normal form of a condition, or of its opposite."""
        match node:
            case Unary("not", operand):
                return self.truth(operand, negate=not negate)
            case Binary("and" | "or" as operator, left, right):
                sides = (self.truth(side, negate=negate) for side in (left, right))
                return Binary(NEGATED[operator] if negate else operator, *sides, at=node.at)
            case Binary(operator) if operator in COMPARISONS:
                return self._comparison(node, NEGATED[operator] if negate else operator)
            case Between(value, low, high):
                above, below = (self._compare(value, end, node.at) for end in (low, high))
                return _both(above, ">=", below, "<=", negate, node.at)
            case Call(name) if name in CROSSINGS:
                return self._crossing(node, negate)
        before = len(self._errors)
        self.number(node, 0)
        if len(self._errors) > before:
            return _NOTHING
        return self._mistake(node.at, f"{write(node)} is a number; a condition is needed", 'compare it: "... > 0"')

    def number(self, node: Node, lag: int) -> Node:  # noqa: C901, PLR0911 -- one a kind of node
        """Normal form of a number `lag` bars ago."""
        match node:
            case Number():
                return node
            case Name():
                return self._name(node, lag)
            case Across(name, of, by):
                return self._lagged(Across(name, self._compared(name, Called(name, of, by)), by, at=node.at), lag)
            case Call() if is_across(node):
                return self._across(node, lag)
            case Call(name):
                return self._function(node, lag) if name in FUNCTIONS else self._indicator(node, "", lag)
            case Keyword():
                return self._mistake(node.at, *_unasked(node))
            case Attribute(Call() as call, output):
                return self._indicator(call, output, lag)
            case Lag(of, bars):
                return self.number(of, lag + bars)
            case Unary("negative", operand):
                return Unary("negative", self.number(operand, lag), at=node.at)
            case Binary("+" | "-" | "*" | "/" as operator, left, right):
                return Binary(operator, self.number(left, lag), self.number(right, lag), at=node.at)
            case String():
                return self._mistake(node.at, "a number is needed, not a string", "only session compares to one")
        before = len(self._errors)
        self.truth(node, negate=False)
        if len(self._errors) > before:
            return _NOTHING
        return self._mistake(node.at, f"{write(node)} is a condition; a number is needed")

    def _mistake(self, at: Position, message: str, remedy: str = "") -> Node:
        self._errors.append(RuleError(at, message, remedy))
        return _NOTHING

    def _comparison(self, node: Binary, operator: str) -> Node:
        sides = (node.left, node.right)
        if any(isinstance(side, String) or side == Name("session") for side in sides):
            return self._session(node, operator)
        return Binary(operator, *self._compare(*sides, node.at), at=node.at)

    def _compare(self, left: Node, right: Node, at: Position) -> tuple[Node, Node]:
        """Both sides of a comparison; two constants would be compared for nothing."""
        before = len(self._errors)
        sides = (self.number(left, 0), self.number(right, 0))
        if len(self._errors) == before and all(is_constant(side) for side in sides):
            self._mistake(at, "both sides of this comparison are constants")
        return sides

    def _session(self, node: Binary, operator: str) -> Node:
        """``session == "regular"``, with the sides in that order."""
        name, value = sorted((node.left, node.right), key=lambda side: isinstance(side, String))
        if name != Name("session") or not isinstance(value, String) or operator not in _MIRRORED:
            remedy = 'write session == "regular" or session != "pre"'
            return self._mistake(node.at, "a string is compared to session alone, by == or !=", remedy)
        if value.value not in SESSIONS:
            remedy = nearest(value.value, list(SESSIONS)) or f"it is one of {', '.join(SESSIONS)}"
            return self._mistake(value.at, f'there is no session "{value.value}"', remedy)
        return Binary(operator, name, value, at=node.at)

    def _crossing(self, node: Call, negate: bool) -> Node:
        """Beyond now, and not beyond at the last closed bar."""
        if len(node.arguments) != 2:  # noqa: PLR2004
            return self._mistake(node.at, f"{node.name} takes 2 arguments", f"write {node.name}(close, vwap())")
        left, right = node.arguments
        now = self._compare(left, right, node.at)
        before = (self.number(left, 1), self.number(right, 1)) if not self._errors else now
        beyond, within = (">", "<=") if node.name == "crosses_above" else ("<", ">=")
        return _both(now, beyond, before, within, negate, node.at)

    def _name(self, node: Name, lag: int) -> Node:
        name = ALIASES.get(node.name, node.name)
        if name in FIELDS or name in CONTEXT:
            return self._lagged(Name(name, at=node.at), lag)
        return self._mistake(node.at, *self._unknown(name))

    def _unknown(self, name: str) -> tuple[str, str]:
        """What is wrong with a bare name that is no number, and the remedy."""
        if name == "session":
            return "session is not a number", 'write session == "regular"'
        if name in RESERVED:
            return f'"{name}" is not yet available', ""
        if name in self._vocabulary.catalogue:
            return f'"{name}" is an indicator', f"call it: {name}()"
        if name in FUNCTIONS or name in CROSSINGS or name in CROSS_SECTIONS:
            return f'"{name}" is a function', "call it with its arguments in parentheses"
        return f'unknown name "{name}"', nearest(name, self._vocabulary.everything())

    def _lagged(self, leaf: Node, lag: int) -> Node:
        if lag > MAX_LAG:
            return self._mistake(leaf.at, f"a look-back reaches {MAX_LAG} bars at most, together {lag}")
        return Lag(leaf, lag, at=leaf.at) if lag else leaf

    def _function(self, node: Call, lag: int) -> Node:
        fewest, most = FUNCTIONS[node.name]
        arguments = tuple(self.number(argument, lag) for argument in node.arguments)
        if not fewest <= len(arguments) <= most:
            wanted = f"{fewest} argument{'s' * (most > 1)}" if fewest == most else f"{fewest} to {most} arguments"
            return self._mistake(node.at, f"{node.name} takes {wanted}, not {len(arguments)}")
        return Call(node.name, arguments, at=node.at)

    def _across(self, call: Call, lag: int) -> Node:
        """Normal form of a cross-section that is called."""
        if self._within:
            message = f"{call.name} cannot stand inside {self._within}: both are taken when the market's minute closes"
            return self._mistake(call.at, message, "compare each by itself")
        called = crosscalls.read(call, self._errors)
        if called is None:
            return _NOTHING
        return self._lagged(Across(called.name, self._compared(call.name, called), called.by, at=call.at), lag)

    def _compared(self, shown: str, called: Called) -> Node:
        """Normal form of what a cross-section compares; neither look-back nor another cross-section reaches in."""
        before, self._within = len(self._errors), shown
        normal = self.truth(called.of, negate=False) if called.name == "breadth" else self.number(called.of, 0)
        self._within = ""
        if len(self._errors) == before and is_constant(normal):
            return self._mistake(called.of.at, f"{shown} of a constant is the same for every symbol")
        return normal

    def _indicator(self, call: Call, output: str, lag: int) -> Node:
        spec, minutes = self._spec(call), self._minutes(call)
        if spec is None or not minutes:
            return _NOTHING
        if not output and len(spec.outputs) > 1 and call.name not in spec.outputs:
            return self._mistake(call.at, *_outputs(spec))
        if output and output not in spec.outputs:
            remedy = nearest(output, spec.outputs) or _outputs(spec)[0]
            return self._mistake(call.at, f'{spec.key} has no output "{output}"', remedy)
        return self._lagged(_output(spec, minutes, output or call.name, call.at), lag)

    def _spec(self, call: Call) -> Spec | None:
        """The catalogue's entry, or None after a mistake has been noted."""
        if call.name not in self._vocabulary.catalogue:
            self._mistake(call.at, *self._unknown_call(call.name))
            return None
        given = call.arguments[: -1 if _ends_with_string(call) else None]
        if not all(self._is_argument(one) for one in given):
            return None
        try:
            return self._vocabulary.catalogue.spec(call.name, [argument(one) for one in given])
        except ArgumentError as error:
            at = call if error.position is None else call.arguments[error.position]
            self._mistake(at.at, str(error))
            return None

    def _minutes(self, call: Call) -> int:
        """The timeframe that a call ends with, 1 if with none; 0 after a mistake has been noted."""
        if not _ends_with_string(call):
            return 1
        given = cast("String", call.arguments[-1])
        if given.value in BY:
            self._mistake(given.at, "a cross-section names its group", f"write by={write(given)}")
            return 0
        try:
            return minutes_of(given.value)
        except ArgumentError as error:
            self._mistake(given.at, str(error), "1d is a trading day")
            return 0

    def _unknown_call(self, name: str) -> tuple[str, str]:
        if name in RESERVED:
            return f'"{name}" is not yet available', ""
        if name in (*FIELDS, *ALIASES, *CONTEXT, "session"):
            return f'"{name}" takes no arguments', f"write {name} alone"
        callable_names = [*FUNCTIONS, *CROSSINGS, *CROSS_SECTIONS, *self._vocabulary.catalogue.names]
        return f'unknown indicator "{name}"', nearest(name, callable_names)

    def _is_argument(self, given: Node) -> bool:
        """Whether a node can be an argument of an indicator; if not, the mistake has been noted."""
        match given:
            case Number() | Name() | Unary("negative", Number()):
                return True
            case Keyword():
                self._mistake(given.at, *_unasked(given))
            case String():
                self._mistake(given.at, "a timeframe is the last argument", 'write rsi(14, "5m")')
            case _:
                self._mistake(given.at, "an indicator takes numbers, and a field of the bar as its source")
        return False


def _unasked(keyword: Keyword) -> tuple[str, str]:
    return f'no argument "{keyword.name}" is taken here by name', f"write {write(keyword.value)} alone, in its place"


def _both(
    first: tuple[Node, Node], one: str, second: tuple[Node, Node], other: str, negate: bool, at: Position
) -> Node:
    """Two comparisons that both hold, or at least one does not."""
    if negate:
        return Binary("or", Binary(NEGATED[one], *first, at=at), Binary(NEGATED[other], *second, at=at), at=at)
    return Binary("and", Binary(one, *first, at=at), Binary(other, *second, at=at), at=at)


def _outputs(spec: Spec) -> tuple[str, str]:
    return f"{spec.key} has the outputs {', '.join(spec.outputs)}", f"write {spec.key}.{spec.outputs[0]}"


def _output(spec: Spec, minutes: int, output: str, at: Position) -> Node:
    """An output by its canonical text: the bare call when there is only one."""
    call = cast("Call", parse(spec.key))
    period = (String(written(minutes), at=at),) if minutes > 1 else ()
    call = replace(call, arguments=(*call.arguments, *period), at=at)
    return call if len(spec.outputs) == 1 else Attribute(call, output, at=at)


def _ends_with_string(call: Call) -> bool:
    return bool(call.arguments) and isinstance(call.arguments[-1], String)

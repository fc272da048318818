"""Checks an expression against the vocabulary and brings it into normal form.

In normal form nothing is left but what an evaluator has to know: ``not`` is pushed into comparisons (negation
normal form), ``between``, ``crosses_above/below``, ``became``, ``rising`` and ``falling`` are spelled out, and so are
lists; look-back stands at names, indicator outputs and extremes only, aliases and default parameters are written out.
Comparisons with an unknown value (NaN) are false, so with no ``not`` left a condition is true only when it certainly
is. The normal form of a normal form is itself.
"""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from itertools import pairwise
from typing import TYPE_CHECKING, cast

from daemon.engine import crosscalls
from daemon.engine.crosscalls import Called, is_across
from daemon.engine.durations import duration_ms
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
    Extreme,
    In,
    Keyword,
    Lag,
    Name,
    Number,
    String,
    Unary,
    Within,
    write,
)
from daemon.engine.vocabulary import (
    ALIASES,
    CONTEXT,
    COVERAGES,
    CROSS_SECTIONS,
    EVENTS,
    EXTREMES,
    FIELDS,
    FUNCTIONS,
    FUTURE,
    RESERVED,
    SESSIONS,
    TEXTS,
)
from indicators.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from daemon.engine.errors import Position
    from daemon.engine.syntax import (
        Node,
    )
    from daemon.engine.vocabulary import Vocabulary
    from indicators import Spec

_MIRRORED = {"==": "==", "!=": "!="}
_NOTHING = Number(0.0)

MAX_STEPS = 5
"""Of a ``within``."""
MAX_RUN = 30
"""Bars that ``rising`` and ``falling`` look at."""
MAX_WINDOW_MS = 86_400_000


def condition(tree: Node, vocabulary: Vocabulary, errors: list[RuleError]) -> Node:
    """The normal form of a condition; mistakes are added to `errors`, and then the result means nothing."""
    normal = _Checker(vocabulary, errors).truth(tree, 0, negate=False)
    remedy = "compare it as it is: future_high > 1.01 * close"
    errors += [
        RuleError(node.at, "the future is neither looked back at nor ranked", remedy) for node in _looks_back(normal)
    ]
    return normal


def number(tree: Node, vocabulary: Vocabulary, errors: list[RuleError]) -> Node:
    """The normal form of a number; mistakes are added to `errors`, and then the result means nothing."""
    return _Checker(vocabulary, errors).number(tree, 0)


def names(tree: Node) -> set[str]:
    """All bare names in a tree."""
    own = {tree.name} if isinstance(tree, Name) else set()
    return own.union(*(names(child) for child in tree.children))


def _looks_back(tree: Node) -> Iterator[Node]:
    """Whatever looks back at the future, or ranks it."""
    if isinstance(tree, Lag | Extreme | Across | Within) and not names(tree).isdisjoint(FUTURE):
        yield tree
    else:
        for child in tree.children:
            yield from _looks_back(child)


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
        self._inside = ""

    def truth(self, node: Node, lag: int, *, negate: bool) -> Node:  # noqa: PLR0911 -- one a kind of node
        """Normal form of a condition `lag` bars ago, or of its opposite."""
        match node:
            case Unary("not", operand):
                return self.truth(operand, lag, negate=not negate)
            case Binary("and" | "or" as operator, left, right):
                sides = (self.truth(side, lag, negate=negate) for side in (left, right))
                return Binary(NEGATED[operator] if negate else operator, *sides, at=node.at)
            case Binary(operator) if operator in COMPARISONS:
                return self._comparison(node, NEGATED[operator] if negate else operator, lag)
            case Between(value, low, high):
                above, below = (self._compare(value, end, node.at, lag) for end in (low, high))
                return _both(above, ">=", below, "<=", negate, node.at)
            case In():
                return self._in(node, negate)
            case Within(window, steps):
                return self._within(Call("within", (String(window), *steps), at=node.at), lag, negate)
            case Call(name) if name in EVENTS:
                return self._event(node, lag, negate)
            case Lag(of, bars) if _is_event(of):
                return self.truth(of, lag + bars, negate=negate)
        before = len(self._errors)
        self.number(node, 0)
        if len(self._errors) > before:
            return _NOTHING
        return self._mistake(node.at, f"{write(node)} is a number; a condition is needed", 'compare it: "... > 0"')

    def number(self, node: Node, lag: int) -> Node:  # noqa: C901, PLR0911, PLR0912 -- one a kind of node
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
            case Extreme(name, of, bars):
                return self._lagged(Extreme(name, self.number(of, 0), bars, at=node.at), lag)
            case Call(name) if name in EXTREMES:
                return self._extreme(node, lag)
            case Call(name) if name not in EVENTS:
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
                remedy = f"only {', '.join(TEXTS)} compare to one"
                return self._mistake(node.at, "a number is needed, not a string", remedy)
        before = len(self._errors)
        self.truth(node, 0, negate=False)
        if len(self._errors) > before:
            return _NOTHING
        return self._mistake(node.at, f"{write(node)} is a condition; a number is needed")

    def _mistake(self, at: Position, message: str, remedy: str = "") -> Node:
        self._errors.append(RuleError(at, message, remedy))
        return _NOTHING

    def _comparison(self, node: Binary, operator: str, lag: int) -> Node:
        sides = (node.left, node.right)
        if any(isinstance(side, String) or _text(side) for side in sides):
            return self._texts(node, operator, lag)
        return Binary(operator, *self._compare(*sides, node.at, lag), at=node.at)

    def _compare(self, left: Node, right: Node, at: Position, lag: int) -> tuple[Node, Node]:
        """Both sides of a comparison; two constants would be compared for nothing."""
        before = len(self._errors)
        sides = (self.number(left, lag), self.number(right, lag))
        if len(self._errors) == before and all(is_constant(side) for side in sides):
            self._mistake(at, "both sides of this comparison are constants")
        return sides

    def _texts(self, node: Binary, operator: str, lag: int) -> Node:
        """``session == "regular"``, with the sides in that order; symbols and sectors become lists of one."""
        name, value = sorted((node.left, node.right), key=lambda side: isinstance(side, String))
        kind = _text(name)
        if not kind or not isinstance(value, String) or operator not in _MIRRORED:
            remedy = f'write session == "regular" or sector != "Energy"; {" and ".join(TEXTS)} are texts'
            return self._mistake(node.at, "a text is compared to a string, by == or !=", remedy)
        if kind in {"symbol", "sector"}:
            return self._in(In(Name(kind, at=name.at), "", (value.value,), operator == "!=", at=value.at), negate=False)
        known = tuple(SESSIONS) if kind == "session" else COVERAGES
        if value.value not in known:
            remedy = nearest(value.value, list(known)) or f"it is one of {', '.join(known)}"
            return self._mistake(value.at, f'there is no {kind} "{value.value}"', remedy)
        bars = lag + (name.bars if isinstance(name, Lag) else 0)
        if kind == "coverage" and (bars or self._inside):
            return self._mistake(name.at, "coverage is that of now, for the whole rule", 'write coverage == "covered"')
        return Binary(operator, self._lagged(Name(kind, at=name.at), bars), value, at=node.at)

    def _in(self, node: In, negate: bool) -> Node:
        """``symbol in [...]``, with the members of a named list written out; it is the same at every bar."""
        kind = _text(node.value)
        if kind not in {"symbol", "sector"}:
            return self._mistake(node.at, "only symbol and sector can be in a list", 'write symbol in ["AAPL", "MSFT"]')
        members = node.members
        if node.named:
            if node.named not in self._vocabulary.lists:
                remedy = nearest(node.named, list(self._vocabulary.lists)) or "add it to the table [lists] of the file"
                return self._mistake(node.at, f'there is no list "{node.named}"', remedy)
            members = self._vocabulary.lists[node.named]
        known = self._vocabulary.sectors if kind == "sector" else ()
        for member in members if known else ():
            if member not in known:
                self._mistake(node.at, f'there is no sector "{member}"', nearest(member, list(known)))
        return In(Name(kind, at=node.value.at), "", tuple(sorted(set(members))), node.negated != negate, at=node.at)

    def _event(self, node: Call, lag: int, negate: bool) -> Node:
        match node.name:
            case "became":
                return self._became(node, lag, negate)
            case "within":
                return self._within(node, lag, negate)
            case "rising" | "falling":
                return self._run(node, lag, negate)
        return self._crossing(node, lag, negate)

    def _crossing(self, node: Call, lag: int, negate: bool) -> Node:
        """Beyond now, and not beyond at the last closed bar."""
        if len(node.arguments) != 2:  # noqa: PLR2004
            return self._mistake(node.at, f"{node.name} takes 2 arguments", f"write {node.name}(close, vwap())")
        left, right = node.arguments
        now = self._compare(left, right, node.at, lag)
        before = (self.number(left, lag + 1), self.number(right, lag + 1)) if not self._errors else now
        beyond, within = (">", "<=") if node.name == "crosses_above" else ("<", ">=")
        return _both(now, beyond, before, within, negate, node.at)

    def _became(self, node: Call, lag: int, negate: bool) -> Node:
        """True now, and certainly not at the last closed bar."""
        if len(node.arguments) != 1:
            return self._mistake(node.at, f"became takes 1 condition, not {len(node.arguments)}", "write became(a < b)")
        before = len(self._errors)
        now = self.truth(node.arguments[0], lag, negate=negate)
        if len(self._errors) > before:
            return _NOTHING
        then = self.truth(node.arguments[0], lag + 1, negate=not negate)
        return Binary("or" if negate else "and", now, then, at=node.at)

    def _run(self, node: Call, lag: int, negate: bool) -> Node:
        """So many steps up, or down, in a row: ``rising(x, 2)`` is ``x > x[1] and x[1] > x[2]``."""
        if len(node.arguments) != 2:  # noqa: PLR2004
            return self._mistake(node.at, f"{node.name} takes a number and bars", f"write {node.name}(close, 3)")
        value, bars = node.arguments[0], self._bars(node, MAX_RUN)
        if not bars:
            return _NOTHING
        before = len(self._errors)
        normal = self.number(value, lag)
        if len(self._errors) == before and is_constant(normal):
            return self._mistake(value.at, f"{node.name} of a constant never holds")
        operator = ">" if node.name == "rising" else "<"
        steps = [
            Binary(NEGATED[operator] if negate else operator, *pair, at=node.at)
            for pair in pairwise(self.number(value, lag + back) for back in range(bars + 1))
        ]
        return reduce(lambda left, right: Binary("or" if negate else "and", left, right, at=node.at), steps)

    def _within(self, node: Call, lag: int, negate: bool) -> Node:
        """Steps that came true one after the other, in a window of market time."""
        window, *steps = node.arguments or (_NOTHING,)
        length_ms = duration_ms(window.value) if isinstance(window, String) else None
        if length_ms is None or not 2 <= len(steps) <= MAX_STEPS:  # noqa: PLR2004
            remedy = 'write within("5m", crosses_above(close, vwap()), rvol(20) > 3)'
            return self._mistake(node.at, f"within takes a duration, and 2 to {MAX_STEPS} conditions", remedy)
        if not 0 < length_ms <= MAX_WINDOW_MS:
            return self._mistake(window.at, "a window lasts up to 1d, and longer than nothing")
        if negate or lag or self._inside:
            remedy = "ask for it by itself"
            return self._mistake(node.at, "within has no opposite and no look-back, nor stands inside another", remedy)
        self._inside = "within"
        normal = tuple(self.truth(step, 0, negate=False) for step in steps)
        self._inside = ""
        return Within(cast("String", window).value, normal, at=node.at)

    def _extreme(self, node: Call, lag: int) -> Node:
        """The highest or lowest of the last bars; look-back stands around it."""
        if len(node.arguments) != 2:  # noqa: PLR2004
            return self._mistake(node.at, f"{node.name} takes a number and bars", f"write {node.name}(high, 20)")
        value, bars = node.arguments[0], self._bars(node, MAX_LAG)
        before = len(self._errors)
        normal = self.number(value, 0)
        if len(self._errors) == before and is_constant(normal):
            return self._mistake(value.at, f"{node.name} of a constant is that constant")
        if bars + lag > MAX_LAG:
            return self._mistake(node.at, f"a look-back reaches {MAX_LAG} bars at most, together {bars + lag}")
        return self._lagged(Extreme(node.name, normal, bars, at=node.at), lag) if bars else _NOTHING

    def _bars(self, node: Call, most: int) -> int:
        """The last argument, a whole number of bars; 0 after a mistake has been noted."""
        given = node.arguments[-1]
        if isinstance(given, Number) and given.value.is_integer() and 1 <= given.value <= most:
            return int(given.value)
        self._mistake(given.at, f"{node.name} takes a whole number of bars, from 1 to {most}", "as in (close, 3)")
        return 0

    def _name(self, node: Name, lag: int) -> Node:
        name = ALIASES.get(node.name, node.name)
        if name in FIELDS or name in CONTEXT or (self._vocabulary.future and name in FUTURE):
            return self._lagged(Name(name, at=node.at), lag)
        return self._mistake(node.at, *self._unknown(name))

    def _unknown(self, name: str) -> tuple[str, str]:
        """What is wrong with a bare name that is no number, and the remedy."""
        if name in TEXTS:
            return f"{name} is not a number", f'compare it to a string: {name} == "..."'
        if name in RESERVED:
            return f'"{name}" is not yet available', ""
        if name in self._vocabulary.catalogue:
            return f'"{name}" is an indicator', f"call it: {name}()"
        if name in self._vocabulary.lists:
            return f'"{name}" is a list of symbols', f"write symbol in {name}"
        if name in (*FUNCTIONS, *EVENTS, *EXTREMES, *CROSS_SECTIONS):
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
        if self._inside and self._inside != "within":
            message = f"{call.name} cannot stand inside {self._inside}: both are taken when the market's minute closes"
            return self._mistake(call.at, message, "compare each by itself")
        called = crosscalls.read(call, self._errors)
        if called is None:
            return _NOTHING
        return self._lagged(Across(called.name, self._compared(call.name, called), called.by, at=call.at), lag)

    def _compared(self, shown: str, called: Called) -> Node:
        """Normal form of what a cross-section compares; neither look-back nor another cross-section reaches in."""
        before, outer, self._inside = len(self._errors), self._inside, shown
        normal = self.truth(called.of, 0, negate=False) if called.name == "breadth" else self.number(called.of, 0)
        self._inside = outer
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
        if name in (*FIELDS, *ALIASES, *CONTEXT, *TEXTS):
            return f'"{name}" takes no arguments', f"write {name} alone"
        callable_names = [*FUNCTIONS, *EVENTS, *EXTREMES, *CROSS_SECTIONS, *self._vocabulary.catalogue.names]
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


def _text(node: Node) -> str:
    """The name that is compared to strings, where it is one, looked back at or not."""
    name = node.of if isinstance(node, Lag) else node
    return name.name if isinstance(name, Name) and name.name in TEXTS else ""


def _is_event(node: Node) -> bool:
    return isinstance(node, Call) and node.name in EVENTS


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

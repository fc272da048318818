"""The tree of an expression, and the one way in which it is written out.

Two trees are equal when they say the same, wherever they stand: places take no part in comparison.
Writing a tree out and parsing the text again gives an equal tree, so its text can stand for it as a key.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from daemon.engine.errors import Position

EXACT = 2.0**53
"""Whole numbers below are written without a point."""

NOWHERE = Position(0, 0)
"""Place of nodes that stand in no text."""

COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")

NEGATED = {"<": ">=", ">=": "<", ">": "<=", "<=": ">", "==": "!=", "!=": "==", "and": "or", "or": "and"}
"""What holds where another certainly does not: of operands that are the opposite, for ``and`` and ``or``."""

BY = ("market", "sector")
"""Among whom a cross-section compares."""

BINDING = {"or": 1, "and": 2, "not": 3, **dict.fromkeys((*COMPARISONS, "between", "in"), 4)}
BINDING |= {"+": 5, "-": 5, "*": 6, "/": 6, "negative": 7, "postfix": 8, "atom": 9}
"""How tightly each operator binds; the higher wins."""


@dataclass(frozen=True, slots=True)
class Node:
    """Base of all nodes."""

    at: Position = field(default=NOWHERE, compare=False, repr=False, kw_only=True)

    @property
    def children(self) -> tuple[Node, ...]:
        """The nodes right below."""
        return ()


@dataclass(frozen=True, slots=True)
class Number(Node):
    """A finite number that is not negative: the sign is an operator."""

    value: float


@dataclass(frozen=True, slots=True)
class String(Node):
    """A string between quotes; it holds one kind of quote at most, and no line end."""

    value: str


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A bare name: a field of the bar, the score, the session."""

    name: str


@dataclass(frozen=True, slots=True)
class Call(Node):
    """An indicator or a function with its arguments."""

    name: str
    arguments: tuple[Node, ...]

    @property
    def children(self) -> tuple[Node, ...]:
        """The arguments."""
        return self.arguments


@dataclass(frozen=True, slots=True)
class Keyword(Node):
    """An argument given by name, in a call only: ``by="sector"``."""

    name: str
    value: Node

    @property
    def children(self) -> tuple[Node, ...]:
        """The value."""
        return (self.value,)


@dataclass(frozen=True, slots=True)
class Across(Node):
    """Where a symbol stands in the market, or its sector, by the value `of` something: a text says it by a call.

    Attributes:
        name: function of `indicators.crosssection`.
        of: a number, for ``breadth`` a condition; in normal form.
        by: one of `BY`.
    """

    name: str
    of: Node
    by: str

    @property
    def children(self) -> tuple[Node, ...]:
        """What is compared."""
        return (self.of,)


@dataclass(frozen=True, slots=True)
class Attribute(Node):
    """One output of an indicator: ``macd(12, 26, 9).signal``."""

    of: Node
    name: str

    @property
    def children(self) -> tuple[Node, ...]:
        """What the attribute is taken of."""
        return (self.of,)


@dataclass(frozen=True, slots=True)
class In(Node):
    """Whether the symbol, or its sector, is one of a list: ``symbol in ["A", "B"]``, ``sector not in tech``.

    Attributes:
        value: what is looked for.
        named: name of the list, "" where its members are given; always "" in normal form.
        members: in normal form sorted, none twice.
        negated: whether it must not be there.
    """

    value: Node
    named: str
    members: tuple[str, ...]
    negated: bool = False

    @property
    def children(self) -> tuple[Node, ...]:
        """What is looked for."""
        return (self.value,)


@dataclass(frozen=True, slots=True)
class Extreme(Node):
    """The highest or the lowest of the last so many closed bars, this one included; in normal form only.

    Attributes:
        name: ``highest`` or ``lowest``.
        of: a number, without look-back of its own around it.
        bars: how many.
    """

    name: str
    of: Node
    bars: int

    @property
    def children(self) -> tuple[Node, ...]:
        """What is compared with itself."""
        return (self.of,)


@dataclass(frozen=True, slots=True)
class Within(Node):
    """Steps that came true one after the other, each at a later bar, the last one now; in normal form only.

    Attributes:
        window: from the first step's bar to the last one's, as it was written: ``5m``.
        steps: conditions, two to five.
    """

    window: str
    steps: tuple[Node, ...]

    @property
    def children(self) -> tuple[Node, ...]:
        """The steps."""
        return self.steps


@dataclass(frozen=True, slots=True)
class Chain(Node):
    """Start of the first bar of the newest chain of `steps` that was complete by a bar, in ms; never written by people.

    What a `Within` of one step more looks back at.
    """

    window: str
    steps: tuple[Node, ...]

    @property
    def children(self) -> tuple[Node, ...]:
        """The steps."""
        return self.steps


@dataclass(frozen=True, slots=True)
class Covered(Node):
    """Coverage for what a rule names, as a code; made of ``coverage`` when rules are planned."""

    rule: int


@dataclass(frozen=True, slots=True)
class Lag(Node):
    """The value some closed bars ago: ``close[1]``."""

    of: Node
    bars: int

    @property
    def children(self) -> tuple[Node, ...]:
        """What is looked back at."""
        return (self.of,)


@dataclass(frozen=True, slots=True)
class Unary(Node):
    """``-x`` (`operator` is ``negative``) or ``not x``."""

    operator: str
    operand: Node

    @property
    def children(self) -> tuple[Node, ...]:
        """The operand."""
        return (self.operand,)


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """Two operands around an operator: arithmetic, a comparison, ``and``, ``or``."""

    operator: str
    left: Node
    right: Node

    @property
    def children(self) -> tuple[Node, ...]:
        """Both operands."""
        return (self.left, self.right)


@dataclass(frozen=True, slots=True)
class Between(Node):
    """``value between low and high``, both ends included."""

    value: Node
    low: Node
    high: Node

    @property
    def children(self) -> tuple[Node, ...]:
        """The value and both ends."""
        return (self.value, self.low, self.high)


def write(node: Node) -> str:  # noqa: C901, PLR0911, PLR0912 -- one a kind of node
    """The text of a tree, with only the parentheses it needs; recursion is as deep as the tree."""
    match node:
        case Number():
            return _number(node)
        case String():
            return _string(node)
        case Name(name):
            return name
        case Call(name, arguments):
            return f"{name}({', '.join(write(argument) for argument in arguments)})"
        case Keyword(name, value):
            return f"{name}={write(value)}"
        case Across():
            return _across(node)
        case Attribute(of, name):
            return f"{_operand(of, BINDING['postfix'])}.{name}"
        case In():
            return _in(node)
        case Extreme(name, of, bars):
            return f"{name}({write(of)}, {bars})"
        case Within(window, steps):
            return f'within("{window}", {", ".join(map(write, steps))})'
        case Chain(window, steps):
            return f'chain("{window}", {", ".join(map(write, steps))})'
        case Covered(rule):
            return f"covered({rule})"
        case Lag(of, bars):
            return f"{_operand(of, BINDING['postfix'])}[{bars}]"
        case Unary(operator, operand):
            sign = "-" if operator == "negative" else "not "
            return sign + _operand(operand, BINDING[operator])
        case Binary():
            return _binary(node)
        case Between():
            return _between(node)
    raise TypeError(f"no node of an expression: {node!r}")


def _operand(node: Node, binding: int) -> str:
    text = write(node)
    return text if _binding(node) >= binding else f"({text})"


def _binding(node: Node) -> int:
    match node:
        case Binary(operator) | Unary(operator):
            return BINDING[operator]
        case Between() | In():
            return BINDING["between"]
        case _:
            return BINDING["atom"]


def _number(node: Number) -> str:
    return str(int(node.value)) if node.value.is_integer() and node.value < EXACT else repr(node.value)


def _string(node: String) -> str:
    quote = "'" if '"' in node.value else '"'
    return f"{quote}{node.value}{quote}"


def _in(node: In) -> str:
    members = node.named or f"[{', '.join(_string(String(member)) for member in node.members)}]"
    return f"{_operand(node.value, BINDING['between'] + 1)} {'not ' * node.negated}in {members}"


def _across(node: Across) -> str:
    """As it is called; without ``by="market"`` where that goes without saying."""
    if node.name == "mean":
        return f"{node.by}_mean({write(node.of)})"
    shown = f', by="{node.by}"' if node.by != "market" or node.name == "zscore" else ""
    return f"{node.name}({write(node.of)}{shown})"


def _binary(node: Binary) -> str:
    """The right operand binds tighter, for all operators lean left; comparisons lean nowhere."""
    own = BINDING[node.operator]
    left = _operand(node.left, own + (node.operator in COMPARISONS))
    return f"{left} {node.operator} {_operand(node.right, own + 1)}"


def _between(node: Between) -> str:
    tighter = BINDING["between"] + 1
    value, low, high = (_operand(child, tighter) for child in node.children)
    return f"{value} between {low} and {high}"

"""From trees in normal form to a program of the machine in which nothing is computed twice.

A node is known by what it does to which nodes, so equal parts of different expressions are the same node, and
nodes come after those they need.
"""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from daemon.engine.durations import duration_ms
from daemon.engine.machine import LOADS, WINDOW, Op, Program
from daemon.engine.syntax import (
    Binary,
    Call,
    Chain,
    Extreme,
    In,
    Lag,
    Name,
    Number,
    String,
    Unary,
    Within,
    write,
)
from daemon.engine.vocabulary import FIELDS, FUNCTIONS, SESSIONS
from streams.bars import MINUTE_MS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from daemon.engine.syntax import Node

    Key = tuple[Op, int, int, int] | float

START = Name("start")
"""Start of the bar, in ms; rules name it by what is measured from it."""

_CONTEXT = ("score", "minutes_since_open", "session", START.name, "unusual")
"""Rows of the machine's context, in order."""

_SINCE = Binary("/", Binary("-", START, Lag(START, 1)), Number(float(MINUTE_MS)))
"""Minutes from the start of the bar before to that of this one."""

_OPERATIONS = {
    "+": Op.ADD,
    "-": Op.SUBTRACT,
    "*": Op.MULTIPLY,
    "/": Op.DIVIDE,
    "and": Op.AND,
    "or": Op.OR,
    "<": Op.LESS,
    "<=": Op.LESS_EQUAL,
    "==": Op.EQUAL,
    "min": Op.MIN,
    "max": Op.MAX,
    "abs": Op.ABS,
    "log": Op.LOG,
    "log1p": Op.LOG1P,
    "sqrt": Op.SQRT,
    "sign": Op.SIGN,
    "tanh": Op.TANH,
}
_SWAPPED = {">": "<", ">=": "<="}


class Graph:
    """Nodes by what they are; a node's number is its place in order of need.

    Args:
        column: row of the frame's outputs that holds an indicator's output, given by its tree.
        rings: first line and mask of the ring of each leaf that is looked back at, by the leaf's text.
        frozen: number of the frozen column of each leaf that has one.
    """

    def __init__(
        self,
        column: Callable[[Node], int],
        rings: Mapping[str, tuple[int, int]],
        frozen: Mapping[Node, int] = MappingProxyType({}),
    ) -> None:
        self._column = column
        self._rings = rings
        self._frozen = frozen
        self._nodes: dict[Key, int] = {}

    def program(self, roots: Sequence[Node]) -> Program:
        """What computes `roots` and nothing that they do not need; recursion is as deep as the trees."""
        found = [self._add(root) for root in roots]
        constants = [key for key in self._nodes if isinstance(key, float)]
        operations = [key for key in self._nodes if not isinstance(key, float)]
        order: list[Key] = [*constants, *operations]
        register = {self._nodes[key]: place for place, key in enumerate(order)}
        return Program(
            constants=np.array(constants, np.float64),
            code=np.array([_instruction(key, register) for key in operations], np.int64).reshape(-1, 4),
            roots=np.array([register[number] for number in found], np.int64),
        )

    def _node(self, key: Key) -> int:
        return self._nodes.setdefault(key, len(self._nodes))

    def _apply(self, op: Op, left: int, right: int | None = None) -> int:
        """A node computed from others; an operation on one operand names it twice."""
        return self._node((op, left, left if right is None else right, 0))

    def _add(self, tree: Node) -> int:  # noqa: C901, PLR0911, PLR0912 -- one a kind of node
        if isinstance(tree, In):
            member = self._node((Op.FROZEN, self._frozen[replace(tree, negated=False)], 0, 0))
            return self._apply(Op.EQUAL, member, self._node(0.0 if tree.negated else 1.0))
        if tree in self._frozen:
            return self._node((Op.FROZEN, self._frozen[tree], 0, 0))
        match tree:
            case Number(value):
                return self._node(float(value))
            case String(value):
                return self._node(float(SESSIONS[value]))
            case Lag(Name("minutes_since_bar"), bars):
                return self._since(bars)
            case Lag(Extreme() as of, bars):
                return self._extreme(of, bars)
            case Extreme():
                return self._extreme(tree, 0)
            case Within(window, (*earlier, last)):
                return self._step(window, tuple(earlier), last)
            case Chain(window, (*earlier, last)):
                return self._chain(tree, window, tuple(earlier), last)
            case Name("minutes_since_bar"):
                return self._add(_SINCE)
            case Lag(of, bars):
                return self._node((Op.LAG, *self._rings[write(of)], bars))
            case Name(name) if name in FIELDS:
                return self._node((Op.BAR, FIELDS.index(name), 0, 0))
            case Name(name):
                return self._node((Op.CONTEXT, _CONTEXT.index(name), 0, 0))
            case Unary("negative", Number(value)):
                return self._node(-float(value))
            case Unary("negative", operand):
                return self._apply(Op.NEGATIVE, self._add(operand))
            case Binary(operator, left, right):
                return self._binary(operator, self._add(left), self._add(right))
            case Call(name, arguments) if name in FUNCTIONS:
                return self._function(name, [self._add(argument) for argument in arguments])
        return self._node((Op.COLUMN, self._column(tree), 0, 0))

    def _extreme(self, tree: Extreme, back: int) -> int:
        """Closed bars from the ring; with the bar of this step where nothing is looked back at."""
        name, bars = Op.HIGHEST if tree.name == "highest" else Op.LOWEST, tree.bars
        ring = self._rings.get(write(tree.of), (0, 0))
        if back:
            return self._node((name, *ring, WINDOW * bars + back))
        now = self._add(tree.of)
        if bars == 1:
            return now
        before = self._node((name, *ring, WINDOW * (bars - 1) + 1))
        return self._apply(Op.MAX if tree.name == "highest" else Op.MIN, now, before)

    def _since(self, bars: int) -> int:
        """`_SINCE` as it was."""
        starts = (self._add(Lag(START, back)) for back in (bars, bars + 1))
        return self._apply(Op.DIVIDE, self._apply(Op.SUBTRACT, *starts), self._node(float(MINUTE_MS)))

    def _step(self, window: str, earlier: tuple[Node, ...], last: Node) -> int:
        """The last step is true now, and those before it were, in order and in time, by the last closed bar."""
        since = self._apply(Op.SUBTRACT, self._add(START), self._add(Lag(Chain(window, earlier), 1)))
        in_time = self._apply(Op.LESS_EQUAL, since, self._node(float(duration_ms(window) or 0)))
        return self._apply(Op.AND, self._add(last), in_time)

    def _chain(self, chain: Chain, window: str, earlier: tuple[Node, ...], last: Node) -> int:
        """Where its first step stands, of the newest one; the one of the last bar goes on where none is newer."""
        complete = self._step(window, earlier, last) if earlier else self._add(last)
        begun = self._add(Lag(Chain(window, earlier), 1) if earlier else START)
        return self._node((Op.SELECT, complete, begun, self._add(Lag(chain, 1))))

    def _binary(self, operator: str, left: int, right: int) -> int:
        """Unequal is less or greater: with a NaN it is neither, as every comparison."""
        if operator == "!=":
            return self._apply(Op.OR, self._apply(Op.LESS, left, right), self._apply(Op.LESS, right, left))
        if operator in _SWAPPED:
            operator, left, right = _SWAPPED[operator], right, left
        return self._apply(_OPERATIONS[operator], left, right)

    def _function(self, name: str, arguments: list[int]) -> int:
        if name == "clip":
            value, low, high = arguments
            return self._apply(Op.MIN, self._apply(Op.MAX, value, low), high)
        op = _OPERATIONS[name]
        if len(arguments) == 1:
            return self._apply(op, arguments[0])
        return reduce(lambda left, right: self._apply(op, left, right), arguments)


def _instruction(key: tuple[Op, int, int, int], register: Mapping[int, int]) -> tuple[int, int, int, int]:
    op, left, right, other = key
    return key if op in LOADS else (op, register[left], register[right], register[other] if op == Op.SELECT else 0)

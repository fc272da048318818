"""From the text of an expression to its tree: a Pratt parser.

Binding, loosest first: ``or`` · ``and`` · ``not`` · comparison, ``between A and B``, ``in`` · ``+ -`` · ``* /`` ·
unary ``-`` · look-back ``[n]`` and output ``.name``. Comparisons do not chain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.engine.errors import RuleError
from daemon.engine.syntax import (
    BINDING,
    COMPARISONS,
    Attribute,
    Between,
    Binary,
    Call,
    In,
    Keyword,
    Lag,
    Name,
    Number,
    String,
    Unary,
)
from daemon.engine.tokens import Kind, plain, tokenize

if TYPE_CHECKING:
    from daemon.engine.errors import Position
    from daemon.engine.syntax import (
        Node,
    )
    from daemon.engine.tokens import Origin, Token

MAX_DEPTH = 64
"""Levels of a tree. Bounds every recursion over trees, so that hostile input gives an error of ours."""

MAX_LAG = 120
"""Bars that ``[n]`` may look back; each costs 8 bytes a symbol."""

_INFIX = {text: BINDING[text] for text in (*COMPARISONS, "or", "and", "between", "in", "+", "-", "*", "/")}
_WORDS = frozenset({"and", "or", "not", "between", "in"})


def parse(text: str, origin: Origin | None = None) -> Node:
    """The tree of an expression.

    Args:
        text: the expression.
        origin: place in its file of each offset in `text`; by default places in `text` itself.

    Raises:
        RuleError: the first mistake in `text`. Nothing else is raised, whatever `text` is.
    """
    origin = origin or plain(text)
    parser = _Parser(tokenize(text, origin))
    tree = parser.expression(0)
    parser.finish()
    _check_depth(tree)
    return tree


class _Parser:
    """Walks the tokens once; `nesting` counts what is open, for the recursion is as deep."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._next = 0
        self._nesting = 0

    def finish(self) -> None:
        """Refuses what stands behind a whole expression."""
        token = self._peek()
        if token.kind is not Kind.END:
            raise _unexpected(token, "an operator")

    def expression(self, binding: int) -> Node:
        """An expression whose operators bind tighter than `binding`."""
        self._nesting += 1
        if self._nesting > MAX_DEPTH:
            raise _too_deep(self._peek().at)
        left = self._prefix()
        while (own := self._infix_binding()) > binding:
            left = self._infix(left, own)
        self._nesting -= 1
        return left

    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._tokens[self._next]
        self._next += token.kind is not Kind.END
        return token

    def _at(self, text: str) -> bool:
        token = self._peek()
        return token.text == text and token.kind in (Kind.OPERATOR, Kind.NAME)

    def _expect(self, text: str) -> Token:
        if not self._at(text):
            raise _unexpected(self._peek(), f'"{text}"')
        return self._take()

    def _prefix(self) -> Node:
        token = self._take()
        match token.kind:
            case Kind.NUMBER:
                return Number(_finite(token), at=token.at)
            case Kind.STRING:
                return String(token.text, at=token.at)
            case Kind.NAME if token.text == "not":
                return Unary("not", self.expression(BINDING["not"] - 1), at=token.at)
            case Kind.NAME if token.text not in _WORDS:
                return self._name(token)
            case Kind.OPERATOR if token.text == "-":
                return Unary("negative", self.expression(BINDING["negative"] - 1), at=token.at)
            case Kind.OPERATOR if token.text == "(":
                inner = self.expression(0)
                self._expect(")")
                return inner
        raise _unexpected(token, "a value")

    def _name(self, token: Token) -> Node:
        if not self._at("("):
            return Name(token.text, at=token.at)
        return Call(token.text, self._arguments(), at=token.at)

    def _arguments(self) -> tuple[Node, ...]:
        self._expect("(")
        arguments: list[Node] = []
        while not self._at(")"):
            if arguments:
                self._expect(",")
            arguments.append(self._argument())
        self._take()
        return tuple(arguments)

    def _argument(self) -> Node:
        """A value, or a name, "=" and a value."""
        name, follows = self._peek(), self._tokens[min(self._next + 1, len(self._tokens) - 1)]
        if name.kind is not Kind.NAME or follows.kind is not Kind.OPERATOR or follows.text != "=":
            return self.expression(0)
        self._next += 2
        return Keyword(name.text, self.expression(0), at=name.at)

    def _infix_binding(self) -> int:
        token = self._peek()
        if token.kind is Kind.OPERATOR and token.text in "[.":
            return BINDING["postfix"]
        if token.kind is Kind.NAME and token.text == "not":
            follows = self._tokens[self._next + 1]
            return BINDING["between"] if follows.kind is Kind.NAME and follows.text == "in" else 0
        return _INFIX.get(token.text, 0) if token.kind in (Kind.OPERATOR, Kind.NAME) else 0

    def _infix(self, left: Node, binding: int) -> Node:
        token = self._take()
        if token.text == "[":
            return self._lag(left)
        if token.text == ".":
            return self._attribute(left, token)
        if binding == BINDING["between"]:
            return self._comparison(left, token)
        return Binary(token.text, left, self.expression(binding), at=token.at)

    def _comparison(self, left: Node, token: Token) -> Node:
        if token.text in {"in", "not"}:
            if token.text == "not":
                self._take()
            whole: Node = self._in(left, token, negated=token.text == "not")
        elif token.text == "between":
            low = self.expression(BINDING["between"])
            self._expect("and")
            whole = Between(left, low, self.expression(BINDING["between"]), at=token.at)
        else:
            whole = Binary(token.text, left, self.expression(BINDING["between"]), at=token.at)
        after = self._peek()
        if self._infix_binding() == BINDING["between"]:
            raise RuleError(after.at, "comparisons do not chain", 'write "a < b and b < c"')
        return whole

    def _in(self, left: Node, at: Token, *, negated: bool) -> Node:
        """What follows ``in``: the name of a list, or strings between brackets."""
        token = self._take()
        if token.kind is Kind.NAME and token.text not in _WORDS:
            return In(left, token.text, (), negated, at=at.at)
        if token.kind is not Kind.OPERATOR or token.text not in "([":
            raise RuleError(token.at, f"expected a list, found {token}", 'write in ["AAPL", "MSFT"], or a list\'s name')
        end = "])"[token.text == "("]
        members: list[str] = []
        while not members or not self._at(end):
            if members:
                self._expect(",")
            member = self._take()
            if member.kind is not Kind.STRING:
                raise RuleError(member.at, f"a list holds strings, not {member}", 'write in ["AAPL", "MSFT"]')
            members.append(member.text)
        self._take()
        return In(left, "", tuple(members), negated, at=at.at)

    def _lag(self, left: Node) -> Node:
        token = self._take()
        if token.kind is not Kind.NUMBER or not token.text.isdecimal():
            raise RuleError(token.at, "a look-back is a whole number of bars", "write close[1] for the last bar")
        if (bars := _finite(token)) > MAX_LAG:
            remedy = "name an indicator that remembers longer, like donchian"
            raise RuleError(token.at, f"a look-back reaches {MAX_LAG} bars at most", remedy)
        self._expect("]")
        return Lag(left, int(bars), at=left.at)

    def _attribute(self, left: Node, dot: Token) -> Node:
        token = self._take()
        if token.kind is not Kind.NAME:
            raise _unexpected(token, "the name of an output")
        if not isinstance(left, Call):
            remedy = "write macd(12, 26, 9).signal, and macd(12, 26, 9).signal[1] to look back"
            raise RuleError(dot.at, "only an indicator has outputs", remedy)
        return Attribute(left, token.text, at=left.at)


def _finite(token: Token) -> float:
    try:
        value = float(token.text)
    except ValueError:
        raise RuleError(token.at, f"{token} is not a number") from None
    if value == float("inf"):
        raise RuleError(token.at, f"{token} is too large a number")
    return value


def _unexpected(token: Token, wanted: str) -> RuleError:
    return RuleError(token.at, f"expected {wanted}, found {token}", _REMEDIES.get(token.text, ""))


_REMEDIES = {
    **dict.fromkeys(("AND", "OR", "NOT"), "write it in small letters"),
    **dict.fromkeys(COMPARISONS, "a comparison needs a value on both sides"),
    "is": 'write "=="',
    "=": 'write "==" to compare',
    "[": "look-back follows a value: close[1]",
}


def _too_deep(at: Position) -> RuleError:
    return RuleError(at, f"nested deeper than {MAX_DEPTH} levels", "split it into several rules")


def _check_depth(tree: Node) -> None:
    """Long chains lean left without nesting; trees of `MAX_DEPTH` levels are refused whatever made them."""
    level: list[Node] = [tree]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in node.children]
        if not level:
            return
    raise _too_deep(level[0].at)

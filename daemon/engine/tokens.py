"""Cuts the text of an expression into tokens that know their place."""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from daemon.engine.errors import Position, RuleError

if TYPE_CHECKING:
    from collections.abc import Callable

    Origin = Callable[[int], Position]
    """Where in its file the character at an offset of an expression stands."""

MAX_CHARACTERS = 4_000
"""A longer expression is refused: a limit against hostile input that no hand-written rule comes near."""


class Kind(Enum):
    """What a token is."""

    NUMBER = "number"
    STRING = "string"
    NAME = "name"
    OPERATOR = "operator"
    END = "end"


class Token(NamedTuple):
    """A piece of an expression; a string's text comes without its quotes."""

    kind: Kind
    text: str
    at: Position

    def __str__(self) -> str:
        """As an error names it."""
        return "the end of the expression" if self.kind is Kind.END else f'"{self.text}"'


_PATTERN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
      | (?P<number>(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9]+)?)
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<string>"[^"\n]*"|'[^'\n]*')
      | (?P<operator><=|>=|==|!=|[-+*/<>()\[\],.=])""",
    re.VERBOSE,
)

_REMEDIES = {
    "!": 'write "not"',
    "&": 'write "and"',
    "|": 'write "or"',
    "^": "write a product instead of a power",
    "%": "leave it out: change(), gap() and roc() are in percent, ranks and shares from 0 to 1",
    '"': "close the string on the same line",
    "'": "close the string on the same line",
    "#": "comments stand outside of expressions",
}


def plain(text: str) -> Origin:
    """Places in `text` itself, for an expression that stands in no file."""

    def at(offset: int) -> Position:
        before = text[:offset]
        return Position(before.count("\n") + 1, offset - before.rfind("\n"))

    return at


def tokenize(text: str, origin: Origin) -> list[Token]:
    """All tokens of `text`, an END token last.

    Raises:
        RuleError: the text is too long, or a character belongs to no token.
    """
    if len(text) > MAX_CHARACTERS:
        remedy = "split it into several rules"
        raise RuleError(origin(0), f"expression longer than {MAX_CHARACTERS:,} characters", remedy)
    tokens: list[Token] = []
    offset = 0
    while offset < len(text):
        match = _PATTERN.match(text, offset)
        if match is None:
            raise _unknown(text[offset], origin(offset))
        if match.lastgroup != "space":
            tokens.append(_token(match, origin))
        offset = match.end()
    tokens.append(Token(Kind.END, "", origin(len(text))))
    return tokens


def _token(match: re.Match[str], origin: Origin) -> Token:
    kind = Kind(match.lastgroup)
    text = match[0][1:-1] if kind is Kind.STRING else match[0]
    return Token(kind, text, origin(match.start()))


def _unknown(character: str, at: Position) -> RuleError:
    shown = character if character.isprintable() else f"U+{ord(character):04X}"
    return RuleError(at, f"unexpected character {shown}", _REMEDIES.get(character, ""))

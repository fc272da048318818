"""Where in a TOML text each value stands, down to each character of a string.

`tomllib` says what a file holds and not where; errors inside of an expression have to point into the file.
The text is one that tomllib has read without complaint, so nothing is checked here.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from daemon.engine.errors import Position

if TYPE_CHECKING:
    from collections.abc import Mapping

    Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_LINE = re.compile(r"[^\n]*")
_SPACE = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\n]*")
_ESCAPE = re.compile(r"\\(?:u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[ \t]*\n[ \t\n]*|.)")


class Place(NamedTuple):
    """Where a key and its value stand: offsets in the text.

    Attributes:
        key: start of the key.
        characters: of a string, where each character of its content stands, and where it ends; of anything else,
            the value's start alone.
    """

    key: int
    characters: tuple[int, ...]


class TomlMap:
    """Places of all values of a TOML text.

    Paths name tables by key and array elements by index: ``("rule", 0, "on", 1)``. Windows' line ends
    count as one character, as tomllib takes them. Building costs one pass over the text.
    """

    def __init__(self, text: str) -> None:
        self._text = text.replace("\r\n", "\n")
        self._lines = [0, *(match.end() for match in re.finditer("\n", self._text))]
        self._places: Mapping[Path, Place] = _Walk(self._text).places

    def key(self, path: Path) -> Position:
        """Where the key of `path` stands; of an element, the element itself."""
        return self._position(self._place(path).key)

    def character(self, path: Path, index: int) -> Position:
        """Where character `index` of the string at `path` stands; past its end, where it ends."""
        characters = self._place(path).characters
        return self._position(characters[min(index, len(characters) - 1)])

    def _place(self, path: Path) -> Place:
        """The place of `path`, or of what it lies in: better a little off than nowhere."""
        while path and path not in self._places:
            path = path[:-1]
        return self._places.get(path, Place(0, (0,)))

    def _position(self, offset: int) -> Position:
        line = bisect_right(self._lines, offset)
        return Position(line, offset - self._lines[line - 1] + 1)


class _Walk:
    """One pass over the text; `offset` is the next character to read."""

    def __init__(self, text: str) -> None:
        self.places: dict[Path, Place] = {}
        self._text = text
        self._offset = 0
        self._tables: dict[Path, int] = {}
        self._table: Path = ()
        self._document()

    def _document(self) -> None:
        self._skip(_BLANK)
        while self._offset < len(self._text):
            if self._text[self._offset] == "[":
                self._header()
            else:
                self._pair(self._table)
            self._skip(_BLANK)

    def _header(self) -> None:
        start = self._offset
        many = self._text.startswith("[[", start)
        self._offset += 2 if many else 1
        keys = self._dotted_key()
        self._skip(_LINE)
        parent = self._latest(keys[:-1])
        self._table = (*parent, keys[-1])
        if many:
            self._tables[self._table] = self._tables.get(self._table, -1) + 1
            self._table = (*self._table, self._tables[self._table])
        self.places[self._table] = Place(start, (start,))

    def _latest(self, keys: list[str]) -> Path:
        """A header below an array of tables means the array's newest table."""
        path: Path = ()
        for key in keys:
            path = (*path, key)
            if path in self._tables:
                path = (*path, self._tables[path])
        return path

    def _pair(self, table: Path) -> None:
        start = self._offset
        path = (*table, *self._dotted_key())
        self._offset += 1
        self._skip(_SPACE)
        self._value(path, start)

    def _dotted_key(self) -> list[str]:
        """One key or several joined by dots; reads up to what follows them."""
        keys: list[str] = []
        while True:
            self._skip(_SPACE)
            keys.append(self._key())
            self._skip(_SPACE)
            if not self._text.startswith(".", self._offset):
                return keys
            self._offset += 1

    def _key(self) -> str:
        if self._text[self._offset] in "\"'":
            first = self._offset + 1
            self._string()
            return self._text[first : self._offset - 1]
        return self._skip(_BARE_KEY)

    def _value(self, path: Path, key: int) -> None:
        start = self._offset
        characters: tuple[int, ...] = (start,)
        match self._text[start : start + 1]:
            case '"' | "'":
                characters = self._string()
            case "[":
                self._array(path)
            case "{":
                self._inline_table(path)
            case _:
                self._skip(_SCALAR)
        self.places[path] = Place(key, characters)

    def _array(self, path: Path) -> None:
        self._offset += 1
        index = 0
        while not self._closes("]"):
            self._value((*path, index), self._offset)
            index += 1

    def _inline_table(self, path: Path) -> None:
        self._offset += 1
        while not self._closes("}"):
            self._pair(path)

    def _closes(self, bracket: str) -> bool:
        """Skips to the next element; tells whether there is none and the bracket has been read."""
        self._skip(_BLANK)
        if self._text.startswith(",", self._offset):
            self._offset += 1
            self._skip(_BLANK)
        if not self._text.startswith(bracket, self._offset):
            return False
        self._offset += 1
        return True

    def _string(self) -> tuple[int, ...]:
        """Reads one of TOML's four strings: offsets of its content's characters, and of its end."""
        quote = self._text[self._offset]
        fence = quote * 3 if self._text.startswith(quote * 3, self._offset) else quote
        self._offset += len(fence)
        if len(fence) > 1 and self._text.startswith("\n", self._offset):
            self._offset += 1
        characters: list[int] = []
        while not self._fence_ends(fence):
            self._character(characters, escapes=quote == '"')
        characters.append(self._offset)
        self._offset += len(fence)
        return tuple(characters)

    def _fence_ends(self, fence: str) -> bool:
        """A closing fence is the last three of up to five quotes."""
        ends = self._text.startswith(fence, self._offset)
        return ends and not (len(fence) > 1 and self._text.startswith(fence[0], self._offset + len(fence)))

    def _character(self, characters: list[int], *, escapes: bool) -> None:
        match = _ESCAPE.match(self._text, self._offset) if escapes else None
        trimmed = match is not None and "\n" in match[0]
        if not trimmed:
            characters.append(self._offset)
        self._offset = match.end() if match else self._offset + 1

    def _skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._offset)
        if match is None:
            return ""
        self._offset = match.end()
        return match[0]

"""Plain text into a service's markup: escaped, and cut to its length with a note, never within an escape. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.chat.message import Message

BROKEN_AT: Final = "@\u200b"
"""An @ that calls nobody: a space of no width keeps it from the name behind it."""

_TITLE: Final = 200
_LONGEST_LINK: Final = 1000
_IDS: Final = 6
_ID_CHARACTERS: Final = 12
_NOTE_ROOM: Final = 30
_WORTH_CUTTING: Final = 40
_OF_A_LINK: Final = ":/?#[]@!$&'()*+,;=%~-._"


class Markup(NamedTuple):
    """How one service writes things.

    Attributes:
        limit: the longest text it takes, in UTF-16 units, of which no service counts more.
        escapes: of characters that mean something to it.
        title: a format with one ``{}``.
        link: as `title`, for an address; its escaped form stands for every ``{}``.
    """

    limit: int
    escapes: Mapping[str, str]
    title: str = "{}"
    link: str = "{}"

    def escape(self, text: str) -> str:
        """One line of `text` that shows as it is, and means nothing."""
        return "".join(self.escapes.get(character, character) for character in printable(text))


def printable(text: str) -> str:
    """`text` on one line: what is no printable character (newlines, ANSI, reversed writing) becomes a space."""
    return "".join(character if character.isprintable() else " " for character in text)


def size(text: str) -> int:
    """Length in UTF-16 units."""
    return len(text) + sum(character > "\uffff" for character in text)


def compose(message: Message, markup: Markup) -> str:
    """All of `message` but its image, no longer than the service takes; lines that find no room are counted."""
    title = markup.title.format(one_line(message.title, markup, _TITLE))
    ending = [part for part in (link_of(message.link, markup), markup.escape(told_ids(message.ids))) if part]
    room = markup.limit - size("\n".join([title, *ending]))
    return "\n".join([title, *some_lines(message.lines, markup, room), *ending])


def told_ids(ids: tuple[str, ...]) -> str:
    """The first few alerts, each shortened, so that a repeat can be recognised; "" for none."""
    if not ids:
        return ""
    more = f" and {len(ids) - _IDS} more" if len(ids) > _IDS else ""
    return f"alert {' '.join(identity[:_ID_CHARACTERS] for identity in ids[:_IDS])}{more}"


def safe_link(link: str) -> str:
    """`link` without characters that could end it; "" for what is no web address, or a very long one."""
    safe = quote(link, safe=_OF_A_LINK, errors="replace")
    return safe if safe.startswith(("https://", "http://")) and len(safe) <= _LONGEST_LINK else ""


def link_of(link: str, markup: Markup) -> str:
    """The link as `markup` writes it; "" for none, or one that is very long then."""
    safe = safe_link(link).replace("&", markup.escapes.get("&", "&"))
    return markup.link.format(safe) if 0 < len(safe) <= _LONGEST_LINK else ""


def some_lines(lines: tuple[str, ...], markup: Markup, room: int) -> list[str]:
    """As many of `lines`, escaped, as fit into `room` units with a newline each, and a note of how many do not."""
    escaped = [markup.escape(line) for line in lines]
    if sum(size(line) + 1 for line in escaped) <= room:
        return escaped
    kept: list[str] = []
    room -= _NOTE_ROOM
    for line in escaped:
        if size(line) >= room:
            break
        kept.append(line)
        room -= size(line) + 1
    if room > _WORTH_CUTTING:
        kept.append(one_line(lines[len(kept)], markup, room - 1))
    left = len(lines) - len(kept)
    return [*kept, f"(and {left} more line{'s' if left > 1 else ''})"] if left else kept


def one_line(text: str, markup: Markup, room: int) -> str:
    """`text` escaped, cut with an ellipsis where it is longer than `room`."""
    escaped = markup.escape(text)
    if size(escaped) <= room:
        return escaped
    kept, left = [], room - 1
    for character in printable(text):
        written = markup.escapes.get(character, character)
        left -= size(written)
        if left < 0:
            break
        kept.append(written)
    return "".join(kept) + "…"

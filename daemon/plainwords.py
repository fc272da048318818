"""What pydantic finds wrong with a value, in words for people: what it is, and what to write instead. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

REMEDIES = {
    "greater_than": "write a number greater than {gt:g}",
    "greater_than_equal": "write a number of at least {ge:g}",
    "less_than_equal": "write a number of at most {le:g}",
    "finite_number": "write a finite number",
    "literal_error": "write {expected}",
    "string_pattern_mismatch": "write a text that matches {pattern}",
    "too_short": "write at least one entry",
}
BY_PREFIX = {
    "float": "write a number",
    "int": "write a whole number",
    "bool": "write true or false",
    "date": 'write a day as text, such as "2025-01-09"',
    "string": "write a text in quotes",
    "path": "write a path in quotes",
    "tuple": "write a list",
}
"""By what an error's type begins with."""

OWN = "Value error, "
"""What the library puts before the texts of our own checks."""


def key_name(key: tuple[str | int, ...]) -> str:
    """A key as people say it; elements of lists count from 1."""
    *front, last = key
    name = ".".join(str(part) for part in (front if isinstance(last, int) else key))
    return f"entry {last + 1} of {name}" if isinstance(last, int) else name


def remedy(kind: str, message: str, context: Mapping[str, Any]) -> str:
    """What to do about a value: from the type of the error, its text, and the bounds it was held against."""
    if message.startswith(OWN):
        return _imperative(split(message)[1])
    if kind in REMEDIES:
        return REMEDIES[kind].format_map(context)
    return BY_PREFIX.get(kind.partition("_")[0], message)


def split(message: str) -> tuple[str, str]:
    """A text of our own checks as what is wrong, perhaps empty, and what to do."""
    what, _, advice = message.removeprefix(OWN).rpartition(": ")
    return what, advice


def _imperative(text: str) -> str:
    for old, new in (("has to be ", "write "), ("has to begin with ", "begin it with ")):
        if text.startswith(old):
            return new + text.removeprefix(old)
    return text

"""A text that must not be shown."""

from __future__ import annotations

import hmac
from typing import NoReturn

HIDDEN = "***"


class Secret:
    """Holds a secret and shows ``***`` wherever something is printed, formatted or logged.

    Only `reveal` gives the text, at the one place that sends it. Comparison takes the same time whatever the
    difference; a secret cannot be pickled.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __repr__(self) -> str:
        return HIDDEN

    def __format__(self, spec: str) -> str:
        return format(HIDDEN, spec)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written anywhere")

"""When to ask again: pauses, the vendor's own word on them, and when to leave it for a while. Pure."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import random

MOST_TRIES: Final = 5
FIRST_S: Final = 0.5
FACTOR: Final = 2.0
LONGEST_S: Final = 10.0
LONGEST_ASKED_S: Final = 300.0
"""A ``Retry-After`` beyond this is a mistake of the other side."""

OPENS_AFTER: Final = 5
OPEN_S: Final = 30.0


def pause_s(failures: int, jitter: random.Random) -> float:
    """Seconds to wait after the `failures`-th failure in a row, from 1: between half and all of the grown pause."""
    return min(FIRST_S * FACTOR ** min(failures - 1, 30), LONGEST_S) * jitter.uniform(0.5, 1.0)


def asked_pause_s(header: str | None, now_ms: int) -> float | None:
    """Seconds that a ``Retry-After`` asks for, from 0 to 300; None where there is none that can be read.

    Args:
        header: seconds, or an HTTP date.
        now_ms: wall clock, for a date.
    """
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        seconds = float(text[:10])
    else:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
        seconds = moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - now_ms / 1000
    return min(max(seconds, 0.0), LONGEST_ASKED_S)


class Circuit:
    """Opens after five failures in a row: nothing is asked for 30 s, then one request, whose answer decides."""

    def __init__(self) -> None:
        self._failures = 0
        self._closed_again_s = float("-inf")

    def is_open(self, now_s: float) -> bool:
        """Whether nothing may be asked now; one who is told that it may is the trial, and the next are not."""
        if self._failures < OPENS_AFTER:
            return False
        if now_s < self._closed_again_s:
            return True
        self._closed_again_s = now_s + OPEN_S
        return False

    def succeeded(self) -> None:
        """The other side answers."""
        self._failures = 0

    def failed(self, now_s: float) -> None:
        """It did not."""
        self._failures += 1
        if self._failures >= OPENS_AFTER:
            self._closed_again_s = now_s + OPEN_S

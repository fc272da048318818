"""Until when: moments of market time as people write them. Pure."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import numpy as np

if TYPE_CHECKING:
    from daemon.engine.sessions import SessionTable

NEW_YORK: Final = ZoneInfo("America/New_York")
LONGEST_MS: Final = 366 * 86_400_000
FORMS: Final = 'write 15:30, "2025-01-24 10:00", open or close; New York time'

_DURATION: Final = re.compile(r"(?:(\d{1,4})d)?(?:(\d{1,5})h)?(?:(\d{1,6})m)?(?:(\d{1,8})s)?")
_UNITS_MS: Final = (86_400_000, 3_600_000, 60_000, 1_000)


class DeadlineError(Exception):
    """A moment, or a time until then, that cannot be used. Stop: a person writes another one."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what, remedy)
        self.what, self.remedy = what, remedy

    def __str__(self) -> str:
        return f"{self.what}; {self.remedy}"


def until(text: str, now_ms: int, sessions: SessionTable) -> int:
    """The moment that is meant, milliseconds since the epoch, UTC.

    Args:
        text: ``15:30`` (today), ``2025-01-24 10:00``, ``open`` or ``close`` (the next one).
        now_ms: market time.
        sessions: the exchange's hours.

    Raises:
        DeadlineError: it is none of these, it is over, or more than a year away.
    """
    word = text.strip().lower()
    if word in {"open", "close"}:
        return _next(word, now_ms, sessions)
    at_ms = round(_moment(text.strip(), now_ms).timestamp() * 1000)
    if at_ms <= now_ms:
        raise DeadlineError(f"{text.strip()} is over: it is {_said(now_ms)}", "write a later time, with its day")
    return _near(at_ms, now_ms, text)


def after(text: str, now_ms: int) -> int:
    """The moment a duration such as ``30m``, ``1h30m`` or ``2d`` after `now_ms`.

    Raises:
        DeadlineError: it is no duration, it is none at all, or it is more than a year.
    """
    match = _DURATION.fullmatch(text.strip().lower())
    parts = match.groups(default="0") if match else ()
    length_ms = sum(int(part) * unit_ms for part, unit_ms in zip(parts, _UNITS_MS, strict=bool(parts)))
    if not length_ms:
        raise DeadlineError(f"{text:.40} is no duration", "write 90s, 30m, 1h30m or 2d")
    return _near(now_ms + length_ms, now_ms, text)


def _next(word: str, now_ms: int, sessions: SessionTable) -> int:
    moments_ms = sessions.open_ms if word == "open" else sessions.close_ms
    place = int(np.searchsorted(moments_ms, now_ms, side="right"))
    if place == len(moments_ms):
        raise DeadlineError(f"the calendar has no {word} after {_said(now_ms)}", "write the day and the time")
    return int(moments_ms[place])


def _moment(text: str, now_ms: int) -> datetime:
    day, _, at = text.replace("T", " ").rpartition(" ")
    try:
        on = date.fromisoformat(day) if day else datetime.fromtimestamp(now_ms / 1000, NEW_YORK).date()
        moment = time.fromisoformat(at)
    except ValueError:
        raise DeadlineError(f"{text:.40} is no time", FORMS) from None
    if ":" not in at or moment.tzinfo is not None:
        raise DeadlineError(f"{text:.40} is no time", FORMS)
    return datetime.combine(on, moment, NEW_YORK)


def _near(at_ms: int, now_ms: int, text: str) -> int:
    if at_ms - now_ms > LONGEST_MS:
        raise DeadlineError(f"{text.strip()} is more than a year away", "mute what nobody wants to hear of at all")
    return at_ms


def _said(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, NEW_YORK):%Y-%m-%d %H:%M:%S %Z}"

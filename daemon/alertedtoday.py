"""Which symbols alerted on the present trading day. Pure."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from streams.bars import SYMBOL

if TYPE_CHECKING:
    from daemon.engine.sessions import SessionTable
    from streams.types import Symbols

MOST: Final = 5_000
"""Symbols; of a day with more the first."""


class _Member(msgspec.Struct):
    symbol: str


class _Alert(msgspec.Struct):
    symbol: str
    bar_start_ms: int
    members: list[_Member] = []


class AlertedToday:
    """Forgets when a day begins.

    Args:
        sessions: the exchange's hours.
    """

    def __init__(self, sessions: SessionTable) -> None:
        self._sessions = sessions
        self._day = -1
        self._symbols: set[str] = set()

    @property
    def symbols(self) -> Symbols:
        """``S16[n]``, in no order."""
        return np.array([symbol.encode(errors="replace") for symbol in self._symbols], SYMBOL)

    def begin(self, day: int) -> bool:
        """The place in the calendar of a trading day; whether it is a later one."""
        later = day > self._day
        if later:
            self._day = day
            self._symbols.clear()
        return later

    def told(self, alert: str | bytes) -> None:
        """An alert of this daemon's own, as JSON; its day may have begun with it."""
        found = msgspec.json.decode(alert, type=_Alert)
        self.begin(self._day_of(found))
        self._add(found)

    def recalled(self, alert: bytes) -> bool:
        """An alert that stood in the stream; whether it is of an earlier day. What makes no sense is nobody's."""
        with suppress(msgspec.DecodeError, UnicodeDecodeError, OverflowError):
            found = msgspec.json.decode(alert, type=_Alert)
            self._add(found)
            return self._day_of(found) < self._day
        return False

    def _add(self, alert: _Alert) -> None:
        if self._day_of(alert) == self._day and len(self._symbols) < MOST:
            self._symbols |= {alert.symbol, *(member.symbol for member in alert.members)}

    def _day_of(self, alert: _Alert) -> int:
        return int(self._sessions.day(alert.bar_start_ms))

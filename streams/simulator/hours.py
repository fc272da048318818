"""The trading day in New York's time: when it begins, opens and closes. Weekdays only, without holidays."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from datetime import date

NEW_YORK: Final = ZoneInfo("America/New_York")

EARLY: Final = time(4, 0)
OPEN: Final = time(9, 30)
CLOSE: Final = time(16, 0)
LATE: Final = time(20, 0)

SATURDAY: Final = 5


class TradingDay(NamedTuple):
    """One date in New York, as milliseconds since the epoch, UTC: midnight, the four changes of phase, midnight."""

    midnight_ms: int
    early_ms: int
    open_ms: int
    close_ms: int
    late_ms: int
    end_ms: int
    weekday: bool

    def phase(self, now_ms: int) -> str:
        """``early``, ``open``, ``late`` or ``closed`` at a moment of this day."""
        if not self.weekday or not self.early_ms <= now_ms < self.late_ms:
            return "closed"
        if now_ms < self.open_ms:
            return "early"
        return "open" if now_ms < self.close_ms else "late"


@lru_cache(maxsize=8)
def trading_day(day: date) -> TradingDay:
    """The trading day of a date."""
    changes = (at(day, EARLY), at(day, OPEN), at(day, CLOSE), at(day, LATE))
    midnight = time()
    return TradingDay(
        at(day, midnight), *changes, at(day + timedelta(days=1), midnight), weekday=day.weekday() < SATURDAY
    )


def at(day: date, moment: time) -> int:
    """A time of day in New York as milliseconds since the epoch, UTC."""
    return round(datetime.combine(day, moment, NEW_YORK).timestamp() * 1000)


def date_of(now_ms: int) -> date:
    """New York's date at a moment."""
    return datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(NEW_YORK).date()


def server_time(now_ms: int) -> str:
    """RFC 3339 with milliseconds and New York's offset."""
    seconds, ms = divmod(now_ms, 1000)
    local = datetime.fromtimestamp(seconds, UTC).astimezone(NEW_YORK)
    return local.replace(microsecond=ms * 1000).isoformat(timespec="milliseconds")


def weekdays(first: date, count: int) -> list[date]:
    """The first `count` weekdays from `first` on."""
    found: list[date] = []
    while len(found) < count:
        if first.weekday() < SATURDAY:
            found.append(first)
        first += timedelta(days=1)
    return found

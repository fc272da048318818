"""Windows of time: bars of any length folded from minute bars or daily bars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from streams.bars import MINUTE_MS
from streams.simulator.book import day_date, day_number
from streams.simulator.hours import date_of, trading_day

if TYPE_CHECKING:
    from streams.types import Floats, Longs

MINUTES: Final = {"minute": 1, "hour": 60}
"""Spans that are folded from minute bars, in minutes."""

_DAYS = {"day": 1, "week": 7}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}

SPANS: Final = (*MINUTES, *_DAYS, *_MONTHS)

_SUNDAY = 4  # days from the first Sunday before 1970-01-01 to that day


class Window(NamedTuple):
    """A length of time: so many spans.

    Attributes:
        multiplier: how many.
        span: one of `SPANS`.
    """

    multiplier: int
    span: str

    @property
    def of_minutes(self) -> bool:
        """Whether it is folded from minute bars; else from daily bars."""
        return self.span in MINUTES

    def starts_ms(self, start_ms: Longs) -> Longs:
        """Where the window of each minute begins; counted from 04:00 New York of each day.

        Args:
            start_ms: ``int64[n]``, rising.
        """
        length_ms = self.multiplier * MINUTES[self.span] * MINUTE_MS
        starts = np.empty_like(start_ms)
        row = 0
        while row < len(start_ms):
            day = trading_day(date_of(int(start_ms[row])))
            end = int(np.searchsorted(start_ms, day.end_ms))
            offset = start_ms[row:end] - day.early_ms
            starts[row:end] = day.early_ms + offset // length_ms * length_ms
            row = end
        return starts

    def bounds_ms(self, from_ms: int, to_ms: int) -> tuple[int, int]:
        """`from_ms` snapped down, and `to_ms` up, to whole windows."""
        first, last = self.starts_ms(np.array([from_ms, to_ms], np.int64)).tolist()
        return first, last + self.multiplier * MINUTES[self.span] * MINUTE_MS

    def starts(self, days: Longs) -> Longs:
        """The first day of the window of each day; weeks begin on Sunday.

        Args:
            days: ``int64[n]``, days since 1970-01-01.
        """
        if self.span in _MONTHS:
            months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
            return _first_days(months // self._months * self._months)
        length, shift = self.multiplier * _DAYS[self.span], _SUNDAY if self.span == "week" else 0
        return (days + shift) // length * length - shift

    def bounds(self, first_day: int, last_day: int) -> tuple[int, int]:
        """Two days snapped to whole windows, both inclusive."""
        first, last = self.starts(np.array([first_day, last_day], np.int64))
        if self.span in _MONTHS:
            month = np.array([last]).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
            return int(first), int(_first_days(month + self._months)[0]) - 1
        return int(first), int(last) + self.multiplier * _DAYS[self.span] - 1

    @property
    def _months(self) -> int:
        return self.multiplier * _MONTHS[self.span]


def fold(window: Longs, values: Floats) -> tuple[Longs, Floats]:
    """Bars of windows from shorter ones.

    Args:
        window: ``int64[n]``, start of the window each bar belongs to, rising.
        values: ``float64[7, n]``: open, high, low, close, volume, vwap, trades.

    Returns:
        ``int64[m]``, the windows, and ``float64[7, m]``, their bars; vwap is NaN where that of a part is.
    """
    first = np.flatnonzero(np.diff(window, prepend=window[0] - 1)) if len(window) else np.zeros(0, np.int64)
    if not len(first):
        return window[:0], values[:, :0]
    last = np.append(first[1:], len(window)) - 1
    volume = np.add.reduceat(values[4], first)
    whole = last == first
    turnover = np.add.reduceat(values[4] * values[5], first)
    vwap = np.where(whole, values[5, first], np.divide(turnover, volume, where=volume > 0, out=volume * np.nan))
    return window[first], np.stack(
        (
            values[0, first],
            np.maximum.reduceat(values[1], first),
            np.minimum.reduceat(values[2], first),
            values[3, last],
            volume,
            vwap.round(4),
            np.add.reduceat(values[6], first),
        )
    )


def midnight_ms(day: int) -> int:
    """Midnight in New York at which a day begins."""
    return trading_day(day_date(day)).midnight_ms


def close_ms(day: int) -> int:
    """16:00 in New York of a day."""
    return trading_day(day_date(day)).close_ms


def day_of(moment_ms: int) -> int:
    """The day, in New York, of a moment."""
    return day_number(date_of(moment_ms))


def _first_days(months: Longs) -> Longs:
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)

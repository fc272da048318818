"""The exchange's hours as arrays: what part of which trading day a moment lies in.

Pure numpy: nothing here knows a calendar or a time zone. The opens and closes come in as UTC milliseconds
(see `daemon.calendar`, which makes them once and keeps them on disk), and the rest of a trading day lies at
fixed distances from them: no clock change falls between 04:00 and 20:00 New York time of a trading day.
"""

from __future__ import annotations

from bisect import bisect_right
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.bars import MINUTE_MS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streams.types import Flags, Floats, Longs

PRE_MS = 330 * MINUTE_MS
"""The pre-market runs from 04:00 to the open at 09:30."""

POST_MS = 240 * MINUTE_MS
"""After hours end four hours after the close: at 20:00, on half days at 17:00."""

DAY_MS = 24 * 60 * MINUTE_MS
"""No trading day begins at another date in UTC than in New York."""

NO_DAY = -1
"""Where there is none: the day before the table begins, the anchor of closed hours."""


class Phase(IntEnum):
    """Part of a trading day; the codes are those of ``session`` in rules."""

    CLOSED = -1
    PRE = 0
    REGULAR = 1
    POST = 2


PHASES = {int(phase): phase.name.lower() for phase in Phase}
"""Names by code, as rules and alerts spell them."""


class Moment(NamedTuple):
    """All that the table knows of one moment; see the questions of `SessionTable` for each.

    `day` is the date of the trading day, in days since 1970, `close_ms` the close of its regular session; both are
    `NO_DAY` where closed.
    """

    phase: int
    anchor: int
    minutes_since_open: float
    day: int
    close_ms: int


class SessionTable:
    """Trading days in order, and questions about moments.

    Every question takes one moment or an array of them, milliseconds since the epoch, UTC, and answers in
    the same shape at O(log days) a moment. Bounds belong to what begins there: at the open it is regular,
    at the close after hours. Beyond the first and the last day of the table everything is closed.

    Args:
        open_ms: ``int64[days]``, opens of the regular sessions, ascending.
        close_ms: ``int64[days]``, their closes.

    Attributes:
        open_ms, close_ms: as given.
        pre_ms: ``int64[days]``, where the pre-market begins.
        post_ms: ``int64[days]``, where after hours end.

    Raises:
        ValueError: the sessions are no ascending, separate days.
    """

    def __init__(self, open_ms: Longs, close_ms: Longs) -> None:
        self.open_ms = np.ascontiguousarray(open_ms, np.int64)
        self.close_ms = np.ascontiguousarray(close_ms, np.int64)
        self.pre_ms = self.open_ms - PRE_MS
        self.post_ms = self.close_ms + POST_MS
        if not (self.open_ms.ndim == 1 and self.open_ms.size and self.open_ms.shape == self.close_ms.shape):
            raise ValueError("sessions need one open and one close a day, and at least one day")
        if (self.open_ms >= self.close_ms).any() or (self.post_ms[:-1] > self.pre_ms[1:]).any():
            raise ValueError("sessions have to ascend and must not overlap")
        self._bounds = np.stack([self.pre_ms, self.open_ms, self.close_ms, self.post_ms], axis=1).ravel().tolist()

    @property
    def size(self) -> int:
        """Number of trading days."""
        return len(self.open_ms)

    @property
    def end_ms(self) -> int:
        """Where the last day's after hours end: nothing is known beyond."""
        return int(self.post_ms[-1])

    def at(self, ms: int) -> Moment:
        """`phase`, `anchor` and `minutes_since_open` of one moment at once, at a fiftieth of their cost."""
        day, part = divmod(bisect_right(self._bounds, ms) - 1, 4)
        if day < 0 or part > Phase.POST:
            return Moment(Phase.CLOSED, NO_DAY, np.nan, NO_DAY, NO_DAY)
        since = (ms - self._bounds[4 * day + 1]) / MINUTE_MS if part == Phase.REGULAR else np.nan
        _, open_ms, close_ms, _ = bounds = self._bounds[4 * day : 4 * day + 4]
        return Moment(part, bounds[part > Phase.PRE], since, open_ms // DAY_MS, close_ms)

    def day(self, ms: Longs | int) -> Longs:
        """``int64``: index of the newest day whose pre-market has begun; `NO_DAY` before the first."""
        return np.searchsorted(self.pre_ms, ms, side="right") - 1

    def date(self, ms: Longs | int) -> Longs:
        """``int64``: the date of `day`, in days since 1970; `NO_DAY` before the first."""
        day = self.day(ms)
        return np.where(day < 0, NO_DAY, self.open_ms[day] // DAY_MS)

    def dates(self, ms: int, most: int) -> tuple[int, Longs]:
        """The trading day of a moment, and up to `most` before it, ascending; as days since 1970.

        Between two days it is the one that is over; `NO_DAY` before the first.
        """
        day = int(self.day(ms))
        dates = self.open_ms[max(day - most, 0) : day + 1] // DAY_MS
        return (int(dates[-1]), dates[:-1]) if day >= 0 else (NO_DAY, dates[:0])

    def phase(self, ms: Longs | int) -> NDArray[np.int8]:
        """``int8``: code of the `Phase`."""
        day = self.day(ms)
        passed = (ms >= self.open_ms[day]).astype(np.int8) + (ms >= self.close_ms[day])
        outside = (day < 0) | (ms >= self.post_ms[day])
        return np.where(outside, np.int8(Phase.CLOSED), passed)

    def is_regular(self, ms: Longs | int) -> Flags:
        """``bool``: within a regular session."""
        return np.equal(self.phase(ms), Phase.REGULAR)

    def minutes_since_open(self, ms: Longs | int) -> Floats:
        """``float64``: minutes since the open of the regular session, 0 at the open.

        NaN outside of that session, so that a rule on it holds in regular hours only.
        """
        since = (ms - self.open_ms[self.day(ms)]) / MINUTE_MS
        return np.where(self.is_regular(ms), since, np.nan)

    def anchor(self, ms: Longs | int) -> Longs:
        """``int64``: what session-anchored indicators restart by, the start of the session in milliseconds.

        The pre-market is a session of its own, hours after the close go on with the regular one; `NO_DAY` where
        closed.
        """
        day, phase = self.day(ms), self.phase(ms)
        begin_ms = np.where(phase == Phase.PRE, self.pre_ms[day], self.open_ms[day])
        return np.where(phase == Phase.CLOSED, NO_DAY, begin_ms)

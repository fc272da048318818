"""The machine's time without its leaps, and whether the bars agree with it. Pure: clocks and times come in.

Where the market's time is the machine's, a leap of an hour would close an hour of minutes at once, or have every bar
refused as one of the future. So a leap is not followed: time runs on by the monotonic clock, and the bars decide.
They come a few seconds after their end; whichever of the two times says so of them is the right one. While none
come, nothing speaks against the system's clock, and after a minute it is believed.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from streams.types import Clock

LEAP_MS: Final = 2_000
"""Steps of the system's clock up to this are followed: that is how it is kept right."""

PROMPT_MS: Final = 4_000
"""The quickest bar of a while comes within this after its end."""

TOLERATED_MS: Final = 2_000
"""Disagreement of clock and bars up to this is borne."""

WHILE_S: Final = 60.0
LEAST: Final = 5
"""Seconds with bars that it takes to judge: one alone may have been sent again, up to a quarter of an hour old."""


class Steady:
    """A `streams.types.Clock` that follows the system's clock, but not its leaps.

    Args:
        clock: the machine's.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.believe()

    def believe(self) -> None:
        """Take over what the system's clock shows now."""
        self._offset_ms = self._clock.wall_ms() - self._clock.monotonic_s() * 1000

    def wall_ms(self) -> int:
        """Milliseconds since the epoch, UTC."""
        if not self.leap_ms:
            self.believe()
        return round(self._own_ms())

    def monotonic_s(self) -> float:
        """The machine's."""
        return self._clock.monotonic_s()

    @property
    def leap_ms(self) -> int:
        """How far the system's clock has leapt ahead (or, negative, back) without being followed; 0 if it has not."""
        step_ms = round(self._clock.wall_ms() - self._own_ms())
        return step_ms if abs(step_ms) > LEAP_MS else 0

    def _own_ms(self) -> float:
        return self._clock.monotonic_s() * 1000 + self._offset_ms


def skew_ms(lag_ms: int) -> int:
    """How far a clock is ahead of the bars (negative: behind), by how long after its end the quickest of them came.

    0 for a bar that came within `PROMPT_MS`.
    """
    return min(lag_ms, 0) + max(lag_ms - PROMPT_MS, 0)


class Punctuality:
    """Compares a clock with the bars, whose arrival it has stamped.

    Args:
        clock: that one.

    Attributes:
        skew_ms: see `skew_ms`, over the last minute; 0 while too few bars came in it.
    """

    def __init__(self, clock: Steady) -> None:
        self._clock = clock
        self._lags: deque[tuple[float, int]] = deque(maxlen=1000)
        self._leapt_s: float | None = None
        self.skew_ms = 0

    @property
    def leap_ms(self) -> int:
        """See `Steady.leap_ms`."""
        return self._clock.leap_ms

    @property
    def skewed(self) -> bool:
        """Whether that is more than is borne."""
        return abs(self.skew_ms) > TOLERATED_MS

    def look(self, lag_ms: int | None) -> None:
        """To be called every second.

        Args:
            lag_ms: how long after its end the quickest bar came that has come since the last call; None if none came.
        """
        now_s = self._clock.monotonic_s()
        if lag_ms is not None:
            self._lags.append((now_s, lag_ms))
        while self._lags and now_s - self._lags[0][0] > WHILE_S:
            self._lags.popleft()
        quickest_ms = min(lag for _, lag in self._lags) if len(self._lags) >= LEAST else None
        self.skew_ms = 0 if quickest_ms is None else skew_ms(quickest_ms)
        if not self._clock.leap_ms:
            self._leapt_s = None
        elif self._leapt_s is None:
            self._leapt_s = now_s
        elif self._is_right(quickest_ms, now_s - self._leapt_s):
            self._clock.believe()
            self._lags.clear()

    def _is_right(self, quickest_ms: int | None, since_s: float) -> bool:
        """Whether the system's clock, that has leapt so long ago, is to be believed."""
        if quickest_ms is None:
            return since_s > WHILE_S and not self._lags
        as_leapt_ms = skew_ms(quickest_ms + self._clock.leap_ms)
        return abs(as_leapt_ms) <= TOLERATED_MS < abs(self.skew_ms)

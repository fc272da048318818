"""The exchange's own time: when it begins, how fast it runs, and that it never overtakes what was sent."""

from __future__ import annotations

import math
from typing import Final

AS_FAST_AS_READ: Final = math.inf
"""A speed: market time is that of the last bars sent, and sending waits for the clients."""

AFTERMATH_MS: Final = 3_600_000
"""At that speed market time leaps this far beyond the last bar: whatever waits for time to pass is served."""


class MarketTime:
    """Market time as a function of a clock that never jumps; holds no clock of its own.

    It stands at the start until `begin`. Then it runs `speed` times as fast as the clock, but stops short of bars
    that are due and not yet sent: whoever reads it knows that all bars due by then are under way. As fast as clients
    read, it is the due time of the last bars sent. After the last bar it runs on. It can be stopped, and run at another
    speed from now on.

    Args:
        start_ms: where it begins, milliseconds since the epoch, UTC.
        end_ms: end of the last bar.
        speed: market seconds a second, or `AS_FAST_AS_READ`.
    """

    def __init__(self, start_ms: int, end_ms: int, speed: float) -> None:
        if not speed > 0:
            raise ValueError(f"speed must be above 0, not {speed}")
        self._end_ms, self._speed = end_ms, speed
        self._anchor_ms, self._anchor_s = start_ms, math.nan
        self._held_ms: int | None = start_ms + 1
        self._stopped = False

    @property
    def speed(self) -> float:
        """Market seconds a second, or `AS_FAST_AS_READ`."""
        return self._speed

    @property
    def stopped(self) -> bool:
        """Whether it stands by `stop`."""
        return self._stopped

    @property
    def paced(self) -> bool:
        """Whether time sets the pace, not the clients."""
        return self._speed != AS_FAST_AS_READ

    def begin(self, now_s: float) -> None:
        """Start the market."""
        self._anchor_s = now_s

    def now_ms(self, now_s: float) -> int:
        """Market time at clock time `now_s`."""
        running_ms = self._running_ms(now_s)
        return running_ms if self._held_ms is None else min(running_ms, self._held_ms - 1)

    def wait_s(self, due_ms: int, now_s: float) -> float:
        """Clock seconds until market time would be `due_ms`; 0 if it has passed, or if clients set the pace.

        Infinite while it is stopped.
        """
        if self._stopped:
            return math.inf
        if not self.paced:
            return 0.0
        return max(due_ms - self._running_ms(now_s), 0) / (1000 * self._speed)

    def stop(self, now_s: float) -> None:
        """Let it stand until `go`."""
        self._anchor(now_s)
        self._stopped = True

    def go(self, now_s: float) -> None:
        """Let it run again."""
        if self._stopped and not math.isnan(self._anchor_s):
            self._anchor_s = now_s
        self._stopped = False

    def change_speed(self, speed: float, now_s: float) -> None:
        """Run at another speed from now on; ValueError unless it is above 0."""
        if not speed > 0:
            raise ValueError(f"speed must be above 0, not {speed}")
        self._anchor(now_s)
        self._speed = speed

    def hold(self, due_ms: int) -> None:
        """Stay before `due_ms`: bars due then are still to be sent."""
        self._held_ms = due_ms

    def sent(self, due_ms: int) -> None:
        """The bars due at `due_ms` have been sent."""
        self._held_ms = due_ms + 1
        if not self.paced:
            self._anchor_ms = due_ms

    def finish(self, now_s: float) -> None:
        """All bars have been sent."""
        self._held_ms = None
        if not self.paced:
            self._anchor_ms, self._anchor_s = max(self._anchor_ms, self._end_ms + AFTERMATH_MS), now_s
            self._speed = 1.0

    def _anchor(self, now_s: float) -> None:
        if not math.isnan(self._anchor_s):
            self._anchor_ms, self._anchor_s = self.now_ms(now_s), now_s

    def _running_ms(self, now_s: float) -> int:
        if math.isnan(self._anchor_s) or self._stopped or not self.paced:
            return self._anchor_ms
        return self._anchor_ms + math.floor((now_s - self._anchor_s) * 1000 * self._speed)

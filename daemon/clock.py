"""The one module that reads clocks."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Reads time; handed to every shell that needs it, so that tests bring their own."""

    def wall_ms(self) -> int:
        """Milliseconds since the epoch, UTC, by the system's clock; may jump."""

    def monotonic_s(self) -> float:
        """Seconds of a clock that never jumps: for deadlines and ages."""


class SystemClock:
    """The machine's own clocks."""

    def wall_ms(self) -> int:
        """Milliseconds since the epoch, UTC, by the system's clock; may jump."""
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        """Seconds of a clock that never jumps: for deadlines and ages."""
        return time.monotonic()

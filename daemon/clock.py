"""The one module that reads clocks."""

from __future__ import annotations

import time


class SystemClock:
    """The machine's own clocks, as a `streams.types.Clock`."""

    def wall_ms(self) -> int:
        """Milliseconds since the epoch, UTC, by the system's clock; may jump."""
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        """Seconds of a clock that never jumps: for deadlines and ages."""
        return time.monotonic()

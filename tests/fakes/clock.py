"""A clock that moves when told."""

from __future__ import annotations


class ManualClock:
    """Wall and monotonic time under the test's control."""

    def __init__(self, wall_ms: int = 1_736_000_000_000, monotonic_s: float = 1000.0) -> None:
        self._wall_ms = wall_ms
        self._monotonic_s = monotonic_s

    def wall_ms(self) -> int:
        return self._wall_ms

    def monotonic_s(self) -> float:
        return self._monotonic_s

    def advance(self, seconds: float) -> None:
        self._wall_ms += round(seconds * 1000)
        self._monotonic_s += seconds

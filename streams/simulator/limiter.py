"""How many requests a minute a plan grants."""

from __future__ import annotations

_MINUTE_S = 60.0


class TokenBucket:
    """Grants a minute's requests at once, and then as many as come back with time.

    Args:
        per_minute: requests a minute, and at once.
    """

    def __init__(self, per_minute: int) -> None:
        self._most = self._left = float(per_minute)
        self._at_s: float | None = None

    def take(self, now_s: float) -> bool:
        """Whether one more request is granted at `now_s`, a time that never falls."""
        elapsed_s = 0.0 if self._at_s is None else now_s - self._at_s
        self._at_s = now_s
        self._left = min(self._left + elapsed_s * self._most / _MINUTE_S, self._most)
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True

"""Market time as the exchange tells it, carried on by a clock that never jumps."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import msgspec

from streams.errors import MarketClockError


class _MarketStatus(msgspec.Struct):
    serverTime: str  # noqa: N815 - the vendor's spelling


def parse(body: bytes) -> int:
    """Milliseconds since the epoch, UTC, of an answer to ``/v1/marketstatus/now``.

    Raises:
        MarketClockError: the answer holds no time with an offset.
    """
    try:
        time = datetime.fromisoformat(msgspec.json.decode(body, type=_MarketStatus).serverTime)
    except (ValueError, RecursionError) as error:
        raise MarketClockError(f"the answer is not a market status ({type(error).__name__})") from error
    if time.tzinfo is None:
        raise MarketClockError("serverTime has no offset from UTC")
    return round(time.timestamp() * 1000)


class Anchor(NamedTuple):
    """One moment known in both times.

    Attributes:
        market_ms: market time, milliseconds since the epoch, UTC.
        monotonic_s: the same moment on the monotonic clock.
        speed: market seconds a second.
    """

    market_ms: int
    monotonic_s: float
    speed: float

    def at(self, monotonic_s: float) -> int:
        """Market time at `monotonic_s`."""
        return self.market_ms + round((monotonic_s - self.monotonic_s) * self.speed * 1000)

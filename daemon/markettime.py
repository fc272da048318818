"""Market time for the engine: up to which moment all bars have been handed over.

Live, and on a simulator at its own pace, that is what the exchange's clock shows. Where the reader may hold the
exchange back (lossless), a clock proves nothing: then market time comes from the bars, and only once the exchange
has fallen silent is its clock believed.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from daemon.engine.sessions import Phase
from streams.errors import MarketClockError

if TYPE_CHECKING:
    from daemon.config import FeedSection
    from daemon.engine.sessions import SessionTable
    from streams.polygon.feed import Feed
    from streams.polygon.marketclock import MarketClock
    from streams.types import Clock

POLL_S = 5.0
POLL_LEAST_S = 0.25
"""A simulator's clock is read every five market seconds, but not more often than this: it stands still until somebody
has subscribed, and waits for bars that are late, while our own idea of it runs on."""

PROOF_S = 0.3
PONG_S = 2.0

SECONDS_S = 15.0
"""Silence that means a dead feed where second bars of the whole market are subscribed."""

MINUTES_S = 90.0
"""The same where only minute bars are, at the market's own speed."""

DELAY_MS = 15 * 60_000
"""How far a delayed plan's bars lag behind the market."""


class Delayed:
    """The market's time as a plan with 15 minutes' delay shows it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def wall_ms(self) -> int:
        """Milliseconds since the epoch, UTC, 15 minutes ago."""
        return self._clock.wall_ms() - DELAY_MS

    def monotonic_s(self) -> float:
        """The machine's."""
        return self._clock.monotonic_s()


class Shown:
    """Believes the exchange's clock.

    Args:
        clock: the market's time.
        polled: the same clock where it has to be asked for; None where it is the machine's.
        speed: market seconds a second.
    """

    def __init__(self, clock: Clock, polled: MarketClock | None = None, speed: float = 1.0) -> None:
        self._clock, self._polled = clock, polled
        self._poll_s = max(POLL_S / speed, POLL_LEAST_S)

    def now_ms(self) -> int | None:
        """Market time, None before a simulator has told it."""
        return None if self._polled and not self._polled.known else self._clock.wall_ms()

    async def run(self) -> None:
        """Ask a simulator for its time now and then, for ever."""
        while self._polled:
            with suppress(MarketClockError):
                await self._polled.poll()
            await asyncio.sleep(self._poll_s if self._polled.known else PROOF_S)


class Proven:
    """Believes the exchange's clock only when everything sent before the reading has been handed over."""

    def __init__(self, clock: MarketClock, feed: Feed) -> None:
        self._clock, self._feed = clock, feed
        self._proven_ms: int | None = None

    def now_ms(self) -> int | None:
        """Market time proven last, None before."""
        return self._proven_ms

    async def run(self) -> None:
        """Try for a proof now and then, for ever."""
        while True:
            await asyncio.sleep(PROOF_S)
            with suppress(MarketClockError):
                now_ms = await self._clock.poll()
                if await self._feed.quiet(PONG_S):
                    self._proven_ms = now_ms


class Silence:
    """How long a feed may be silent: in regular hours not for long, at other times for ever.

    Args:
        feed: the configured feed; where no channel is of the whole market, silence means nothing.
        sessions: the exchange's hours.
        market: the market's time.
    """

    def __init__(self, feed: FeedSection, sessions: SessionTable, market: Clock) -> None:
        whole = {channel.partition(".")[0] for channel in feed.channels if channel.endswith(".*")}
        self._limit_s = SECONDS_S if "A" in whole else max(SECONDS_S, MINUTES_S / feed.speed) if "AM" in whole else None
        self._sessions, self._market = sessions, market
        self._never = feed.lossless

    def limit_s(self) -> float | None:
        """Seconds without data, by arrival, after which the feed is dead; None where silence is right."""
        if self._never or self._sessions.at(self._market.wall_ms()).phase != Phase.REGULAR:
            return None
        return self._limit_s

"""What time it is at the exchange, for a command that runs beside the daemon or without it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp

from daemon.commands.errors import NoMarketTimeError
from daemon.markettime import Delayed
from streams.errors import MarketClockError
from streams.polygon.marketclock import MarketClock

if TYPE_CHECKING:
    from daemon.config import FeedSection
    from streams.types import Clock


async def market_now_ms(feed: FeedSection, clock: Clock) -> int:
    """Market time as the daemon has it: the machine's for the vendor, 15 minutes ago with delay, a simulator's own.

    Raises:
        NoMarketTimeError: the simulated exchange does not tell it.
    """
    if feed.vendor:
        delayed = (urlsplit(feed.url).hostname or "").startswith("delayed")
        return (Delayed(clock) if delayed else clock).wall_ms()
    async with aiohttp.ClientSession() as http:
        try:
            return await MarketClock(feed.rest, clock=clock, http=http, speed=feed.speed, key=feed.key).poll()
        except MarketClockError as error:
            raise NoMarketTimeError(feed.rest, error.reason) from error

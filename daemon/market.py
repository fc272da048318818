"""The way to the exchange: its feed, and its time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import aiohttp

from daemon.markettime import Delayed, Proven, Shown, Silence
from daemon.steadyclock import Steady
from streams.polygon.feed import Feed
from streams.polygon.marketclock import MarketClock
from streams.secret import Secret

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable
    from contextlib import AsyncExitStack

    from daemon.config import FeedSection
    from daemon.engine.sessions import SessionTable
    from streams.polygon.session import Event
    from streams.types import Clock


class Market(NamedTuple):
    """An exchange within reach; `steady` is its clock where that is the machine's."""

    feed: Feed
    time: Shown | Proven
    steady: Steady | None


async def reach(
    config: FeedSection,
    sessions: SessionTable,
    clock: Clock,
    *,
    random: random.Random,
    on_frame: Callable[[bytes, int], Awaitable[None] | None],
    on_event: Callable[[Event], None],
    stack: AsyncExitStack,
) -> Market:
    """Feed and market time: by the machine's clock for the vendor, by the exchange's own for a simulator.

    Connects to nothing yet; `stack` closes what it opens.
    """
    key = config.key or Secret("")
    polled, steady = None, None
    market: Clock
    if not config.vendor:
        http = await stack.enter_async_context(aiohttp.ClientSession())
        market = polled = MarketClock(config.rest, clock=clock, http=http, speed=config.speed, key=key)
    else:
        steady = Steady(clock)
        market = Delayed(steady) if (urlsplit(config.url).hostname or "").startswith("delayed") else steady
    feed = Feed(
        config.url,
        key,
        config.channels,
        clock=market,
        random=random,
        on_frame=on_frame,
        on_event=on_event,
        silence_s=Silence(config, sessions, market).limit_s,
        lossless=config.lossless,
    )
    time = Proven(polled, feed) if polled and config.lossless else Shown(market, polled, config.speed)
    return Market(feed, time, steady)

"""What is asked of the exchange besides its feed, and where answers are kept: put together once for a process."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import aiohttp

from daemon.dataplane.lookups import Lookups
from daemon.dataplane.shelf import Shelf
from streams.history.open import open_history
from streams.polygon.rest.client import Rest
from streams.polygon.rest.limiter import RateLimiter
from streams.polygon.rest.transport import Transport
from streams.redis.cache import Cache

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from contextlib import AsyncExitStack

    from daemon.config import Config
    from streams.redis.cached import Entry
    from streams.types import Clock


class Plane(NamedTuple):
    """The exchange's REST, a cache and a store; nothing is connected to before it is asked.

    Attributes:
        limiter: the plan's rate, shared by all who ask.
        transport: the way there, and what became of each request.
        rest: questions to the exchange.
        cache: answers in Redis.
        lookups: the way to a cached answer.
        shelf: the history, on a thread of its own.
    """

    limiter: RateLimiter
    transport: Transport
    rest: Rest
    cache: Cache
    lookups: Lookups
    shelf: Shelf


async def build(
    config: Config,
    redis_url: str,
    clock: Clock,
    jitter: random.Random,
    stack: AsyncExitStack,
    *,
    patience_s: float | None = None,
    seen: Callable[[str, str, Entry], None] | None = None,
) -> Plane:
    """All of it, by configuration.

    Args:
        config: whose exchange, plan and history.
        redis_url: the cache's server.
        clock: the machine's.
        jitter: spreads retries.
        stack: closes what is opened.
        patience_s: how long a turn of the plan's rate is waited for; None for as long as it takes.
        seen: shown every answer that passes, see `Lookups`.
    """
    limiter = RateLimiter(config.rest.rate_per_minute, config.rest.burst, clock)
    http = await stack.enter_async_context(aiohttp.ClientSession())
    transport = Transport(
        config.feed.rest,
        config.feed.key,
        http=http,
        limiter=limiter,
        clock=clock,
        jitter=jitter,
        patience_s=patience_s,
    )
    cache = await stack.enter_async_context(Cache(redis_url, config.redis.prefix, clock, jitter))
    place = config.history_place
    shelf = await stack.enter_async_context(Shelf(lambda: open_history(place)))
    return Plane(limiter, transport, Rest(transport), cache, Lookups(cache, clock, seen), shelf)

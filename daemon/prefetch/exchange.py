"""What is asked of the exchange about one symbol, and how its answers are kept: JSON, as the vendor spells it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from streams.polygon.rest.limiter import Priority

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from streams.dailyfile import DailyBars
    from streams.polygon.rest.records import Article, Details

HISTORY_DAYS: Final = 365
"""Calendar days back, about 250 of trading."""


class Exchange(Protocol):
    """Of `streams.polygon.rest.client.Rest` what is needed here."""

    async def details(self, symbol: str, *, priority: Priority) -> Details | None:
        """What it stands for."""

    async def news(self, symbol: str, *, priority: Priority) -> tuple[Article, ...]:
        """The newest articles."""

    async def related(self, symbol: str, *, priority: Priority) -> tuple[str, ...]:
        """Companies like it."""

    async def daily(self, symbol: str, first_day: int, last_day: int, *, priority: Priority) -> DailyBars:
        """Its daily bars."""


class Day(msgspec.Struct, array_like=True):
    """One daily bar as it is kept: days since 1970, open, high, low, close, volume; as traded."""

    day: int
    open: float
    high: float
    low: float
    close: float
    volume: float


def fetches(
    exchange: Exchange, today: Callable[[], int], priority: Priority = Priority.PREFETCH
) -> Mapping[str, Callable[[str], Awaitable[bytes]]]:
    """A fetch of one symbol for each of `daemon.prefetch.plan.KINDS`.

    Args:
        exchange: whom to ask.
        today: days since 1970 in New York; history ends the day before.
        priority: among others who ask; who needs the same at once asks with his own.
    """
    return {
        "details": partial(_details, exchange, priority),
        "news": partial(_news, exchange, priority),
        "related": partial(_related, exchange, priority),
        "history": partial(_history, exchange, today, priority),
    }


async def _details(exchange: Exchange, priority: Priority, symbol: str) -> bytes:
    return msgspec.json.encode(await exchange.details(symbol, priority=priority))


async def _news(exchange: Exchange, priority: Priority, symbol: str) -> bytes:
    return msgspec.json.encode(await exchange.news(symbol, priority=priority))


async def _related(exchange: Exchange, priority: Priority, symbol: str) -> bytes:
    return msgspec.json.encode(await exchange.related(symbol, priority=priority))


async def _history(exchange: Exchange, today: Callable[[], int], priority: Priority, symbol: str) -> bytes:
    last_day = today() - 1
    found = await exchange.daily(symbol, last_day - HISTORY_DAYS, last_day, priority=priority)
    days = [Day(day, *values) for day, values in zip(found.day.tolist(), found.values.T.tolist(), strict=True)]
    return msgspec.json.encode(days)

"""News of the last day on all symbols at once: one call every few minutes, where asking by symbol takes thousands.

The tape is whole from a day ago to its newest reading. It is kept in the cache as one entry, so that a restart asks for
what was published since and for nothing else.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, Final, Protocol

import msgspec
import structlog

from streams.polygon.rest.errors import KeyRefused, NotEntitled, RestError
from streams.polygon.rest.limiter import Priority
from streams.polygon.rest.records import Article  # noqa: TC001 - msgspec reads the annotations
from streams.redis.cached import entry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from daemon.dataplane.athand import AtHand
    from streams.redis.cached import Entry
    from streams.types import Clock

log = structlog.get_logger()

DAY_MS: Final = 24 * 3_600_000
"""Older articles are no news."""

EVERY_S: Final = 300.0
"""How often it is read: news are up to so old when an alert shows them."""

AGAIN_S: Final = 60.0
"""Until the next try after one that failed."""

OVERLAP_MS: Final = 15 * 60_000
"""Articles are asked for again from so long before the newest reading: some are published with an earlier time."""

MOST: Final = 20_000
"""Articles that are kept, about ten days' worth; the oldest give way."""

KIND: Final = "news"
KEY: Final = "*"
"""Of the entry in the cache; no symbol is called so."""


class Exchange(Protocol):
    """Of `streams.polygon.rest.client.Rest` what is needed here."""

    async def news_since(self, published_ms: int, *, priority: Priority) -> tuple[Article, ...]:
        """Articles on all symbols from a moment on."""


class Kept(Protocol):
    """Of `streams.redis.cache.Cache` what is needed here."""

    async def get(self, kind: str, keys: Sequence[str]) -> dict[str, Entry]:
        """Those that may be served."""

    async def put(self, kind: str, entries: Mapping[str, Entry]) -> bool:
        """Keep them."""


class _Tape(msgspec.Struct):
    """As it is kept: market time up to which it is whole, and its articles."""

    until_ms: int
    articles: list[Article]


class NewsTape:
    """Reads the news.

    Args:
        exchange: whom to ask.
        cache: keeps the tape over a restart.
        at_hand: is shown what is new.
        market_ms: tells market time, None while it is not known.
        clock: the machine's: how old a reading is.

    Attributes:
        readings: calls that came to something.
        articles: on the tape.
    """

    def __init__(
        self, exchange: Exchange, cache: Kept, at_hand: AtHand, market_ms: Callable[[], int | None], clock: Clock
    ) -> None:
        self.readings = 0
        self._exchange, self._cache, self._at_hand = exchange, cache, at_hand
        self._market_ms, self._clock = market_ms, clock
        self._articles: dict[str, Article] = {}
        self._until_ms = 0

    @property
    def articles(self) -> int:
        """Articles on the tape."""
        return len(self._articles)

    async def run(self) -> None:
        """Read it now and then, until cancelled; returns where the exchange refuses it for good."""
        await self._recall()
        while True:
            try:
                read = await self.read()
            except (KeyRefused, NotEntitled):
                return  # told by whoever watches the refusals
            except RestError as error:
                log.info("news not read", what=str(error))
                read = False
            await asyncio.sleep(EVERY_S if read else AGAIN_S if self._until_ms else 1.0)

    async def read(self) -> bool:
        """Read what was published since the last time, or within the last day; False while market time is not known.

        Raises:
            RestError: the exchange does not tell; what is on the tape grows old.
        """
        now_ms, wall_ms = self._market_ms(), self._clock.wall_ms()
        if now_ms is None:
            return False
        since_ms = max(self._until_ms - OVERLAP_MS, now_ms - DAY_MS)
        found = await self._exchange.news_since(since_ms, priority=Priority.WARM_UP)
        self._articles |= {article.id: msgspec.structs.replace(article, description="") for article in found}
        self._forget(now_ms - DAY_MS)
        self._until_ms = now_ms
        self.readings += 1
        self._show(wall_ms)
        content = msgspec.json.encode(_Tape(now_ms, list(self._articles.values())))
        await self._cache.put(KIND, {KEY: entry(KIND, content, "rest", wall_ms)})
        return True

    async def _recall(self) -> None:
        """Go on with the tape in the cache, if there is one of this day."""
        kept = (await self._cache.get(KIND, [KEY])).get(KEY)
        if kept is None:
            return
        try:
            tape = msgspec.json.decode(kept.content, type=_Tape)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        self._articles, self._until_ms = {article.id: article for article in tape.articles}, tape.until_ms
        self._show(kept.as_of_ms)

    def _forget(self, before_ms: int) -> None:
        young = [article for article in self._articles.values() if _published_ms(article) >= before_ms]
        young.sort(key=_published_ms)
        self._articles = {article.id: article for article in young[-MOST:]}

    def _show(self, as_of_ms: int) -> None:
        """The newest first."""
        by_symbol: dict[str, list[Article]] = defaultdict(list)
        for article in reversed(self._articles.values()):
            for symbol in article.tickers:
                by_symbol[symbol].append(article)
        self._at_hand.publish(by_symbol, as_of_ms)


def _published_ms(article: Article) -> int:
    """0 where it cannot be read: such an article is of no day."""
    try:
        return round(datetime.fromisoformat(article.published_utc).timestamp() * 1000)
    except ValueError:
        return 0

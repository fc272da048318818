"""The vendor's REST as functions: one call a question, whatever it takes."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from streams.polygon.rest import answers, records, requests
from streams.polygon.rest.errors import AnswerRefused, NotFound
from streams.polygon.rest.limiter import Priority
from streams.polygon.rest.paging import HostilePageError, Pages

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import msgspec

    from streams.bars import BarBatch
    from streams.dailyfile import DailyBars
    from streams.polygon.rest.answers import Snapshot
    from streams.polygon.rest.records import Article, Details, Dividend, Holiday, Listed, MarketStatus, Split
    from streams.polygon.rest.requests import Ask
    from streams.polygon.rest.transport import Transport

T = TypeVar("T")

LARGE_BYTES = 256 << 10
"""A larger body is read in a thread: it would hold up everybody else."""


MOST_RESULTS = 1_000_000
"""Of all pages of an answer: more than the vendor has for any question."""


class Rest:
    """Questions to the exchange. Days are days since 1970 in New York, times milliseconds UTC.

    Every method raises one of `streams.polygon.rest.errors`, and gives whole answers only: a page that fails throws
    those before it away.

    Args:
        transport: asks, again where that may help.

    Attributes:
        rejected: results left out because they broke the laws of what they should have been.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.rejected = 0

    @property
    def calls(self) -> int:
        """HTTP requests sent so far."""
        return self._transport.calls

    async def grouped(self, day: int, *, priority: Priority = Priority.NEEDED) -> DailyBars:
        """Bars of all symbols on one day that is over, as traded."""
        results = await self._pages(requests.grouped(day), priority)
        return await self._days(partial(answers.grouped_days, results, day), results)

    async def daily(
        self, symbol: str, first_day: int, last_day: int, *, priority: Priority = Priority.NEEDED
    ) -> DailyBars:
        """Daily bars of one symbol, both days included, as traded."""
        results = await self._pages(requests.daily(symbol, first_day, last_day), priority)
        return await self._days(partial(answers.symbol_days, results, symbol), results)

    async def minutes(self, symbol: str, from_ms: int, to_ms: int, *, priority: Priority = Priority.NEEDED) -> BarBatch:
        """Minute bars of one symbol that start in ``[from_ms, to_ms]``, as traded, in order."""
        results = await self._pages(requests.minutes(symbol, from_ms, to_ms), priority)
        bars, rejected = await _read(partial(answers.minute_bars, results, symbol), _size(results))
        self.rejected += rejected
        return bars

    async def previous(self, symbol: str, *, priority: Priority = Priority.NEEDED) -> DailyBars:
        """The bar of the day before; none for a symbol that did not trade."""
        results = await self._pages(requests.previous(symbol), priority)
        return await self._days(partial(answers.symbol_days, results, symbol), results)

    async def snapshot(self, symbols: Sequence[str] | None = None, *, priority: Priority = Priority.NEEDED) -> Snapshot:
        """Today so far, of some symbols, or of all with one call."""
        found = await self._one(requests.snapshot(symbols), answers.snapshot, priority)
        self.rejected += found.rejected
        return found

    async def tickers(self, *, active: bool = True, priority: Priority = Priority.NEEDED) -> tuple[Listed, ...]:
        """What is listed, in order; a call for every thousand."""
        return await self._records(requests.tickers(active=active), records.Listed, priority)

    async def details(self, symbol: str, *, priority: Priority = Priority.NEEDED) -> Details | None:
        """What a symbol stands for, None if the vendor does not know it."""
        try:
            return await self._one(requests.details(symbol), answers.details, priority)
        except NotFound:
            return None

    async def splits(self, first_day: int, last_day: int, *, priority: Priority = Priority.NEEDED) -> tuple[Split, ...]:
        """Splits of all symbols that take effect on these days."""
        return await self._records(requests.splits(first_day, last_day), records.Split, priority)

    async def dividends(
        self, first_day: int, last_day: int, *, priority: Priority = Priority.NEEDED
    ) -> tuple[Dividend, ...]:
        """Dividends of all symbols whose ex-date is one of these days."""
        return await self._records(requests.dividends(first_day, last_day), records.Dividend, priority)

    async def news(self, symbol: str, most: int = 10, *, priority: Priority = Priority.NEEDED) -> tuple[Article, ...]:
        """The newest articles on a symbol, at most `most`, 10 to 1,000; one call."""
        results = (await self._page(requests.news(symbol, max(most, 10)), priority)).results
        found, rejected = answers.records(results, records.Article)
        self.rejected += rejected
        return found[:most]

    async def news_since(self, published_ms: int, *, priority: Priority = Priority.NEEDED) -> tuple[Article, ...]:
        """Articles on all symbols published from a moment on, the oldest first; a call for every thousand."""
        return await self._records(requests.news_since(published_ms), records.Article, priority)

    async def related(self, symbol: str, *, priority: Priority = Priority.NEEDED) -> tuple[str, ...]:
        """Symbols of companies like a symbol's; none if the vendor does not know it."""
        try:
            found = await self._records(requests.related(symbol), records.Related, priority)
        except NotFound:
            return ()
        return tuple(one.ticker for one in found)

    async def market_status(self, *, priority: Priority = Priority.NEEDED) -> MarketStatus:
        """Whether the market is open, and its time."""
        return await self._one(requests.market_status(), answers.market_status, priority)

    async def holidays(self, *, priority: Priority = Priority.NEEDED) -> tuple[Holiday, ...]:
        """Days to come on which exchanges are closed or close early, one for each exchange."""
        return await self._one(requests.holidays(), answers.holidays, priority)

    async def _one(self, ask: Ask, read: Callable[[bytes], T], priority: Priority) -> T:
        body = await self._transport.get(ask, priority)
        return await _answer(ask, partial(read, body), len(body))

    async def _page(self, ask: Ask, priority: Priority) -> answers.Page:
        return await self._one(ask, answers.page, priority)

    async def _pages(self, ask: Ask, priority: Priority) -> list[msgspec.Raw]:
        """The results of all pages."""
        pages = Pages(self._transport.origin, ask.target)
        page = await self._page(ask, priority)
        results = list(page.results)
        while page.next_url:
            try:
                following = pages.follow(page.next_url)
            except HostilePageError as error:
                raise AnswerRefused(ask.endpoint, str(error)) from None
            page = await self._page(ask._replace(target=following), priority)
            results += page.results
            if len(results) > MOST_RESULTS:
                raise AnswerRefused(ask.endpoint, f"there are more than {MOST_RESULTS:,} results")
        return results

    async def _records(self, ask: Ask, kind: type[T], priority: Priority) -> tuple[T, ...]:
        results = await self._pages(ask, priority)
        found, rejected = await _read(partial(answers.records, results, kind), _size(results))
        self.rejected += rejected
        return found

    async def _days(self, read: Callable[[], DailyBars], results: list[msgspec.Raw]) -> DailyBars:
        days = await _read(read, _size(results))
        self.rejected += days.rejected
        return days


async def _answer(ask: Ask, read: Callable[[], T], size: int) -> T:
    try:
        return await _read(read, size)
    except answers.NoAnswerError as error:
        raise AnswerRefused(ask.endpoint, f"the answer cannot be read: {error}") from error


async def _read(read: Callable[[], T], size: int) -> T:
    return await asyncio.to_thread(read) if size > LARGE_BYTES else read()


def _size(results: list[msgspec.Raw]) -> int:
    """About how many bytes there are to read."""
    return 100 * len(results)

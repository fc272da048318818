"""The exchange's REST side, without a socket: what it answers to a request."""

from __future__ import annotations

import hmac
import re
from http import HTTPStatus
from itertools import count
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote, urlsplit

import msgspec
import numpy as np

from streams.bars import SYMBOL
from streams.simulator import aggregates, corporate, snapshots
from streams.simulator.aggregates import Market
from streams.simulator.asked import Asked, RefusedError, unfolded
from streams.simulator.corporate import Corporate, factors
from streams.simulator.days import Days
from streams.simulator.marketstatus import market_status
from streams.simulator.reference import Companies
from streams.simulator.splits import Splits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from streams.companyfile import Company
    from streams.dailyfile import DailyBars
    from streams.simulator.book import Book
    from streams.simulator.tape import Minute
    from streams.types import Symbols

JSON: Final = "application/json"
TEXT: Final = "text/plain; charset=utf-8"

_UNKNOWN_KEY = {"status": "ERROR", "error": "Unknown API Key"}


class Reply(NamedTuple):
    """An HTTP answer."""

    status: HTTPStatus
    content_type: str
    body: bytes


class Request(NamedTuple):
    """An HTTP request.

    Attributes:
        target: path and query as they stand in it.
        authorization: the header of that name.
        host: the header of that name: where pages that follow are.
    """

    target: str
    authorization: str | None = None
    host: str | None = None


NOT_FOUND: Final = Reply(HTTPStatus.NOT_FOUND, TEXT, b"404 page not found")

_STOCKS = "/v2/aggs/grouped/locale/us/market/stocks"
_SNAPSHOT = "/v2/snapshot/locale/us/markets/stocks"


class Archive(NamedTuple):
    """What REST knows beyond the bars that were sent.

    Attributes:
        earlier: minutes before the first one that is sent, in order.
        official: daily bars that go before those built of minute bars, each known from the close of its day on.
        symbols: ``S16[n]``, what is listed although it may not have traded yet; None for what has bars alone.
        companies: what tickers stand for; those that are not here get plain names.
        corporate: splits, by which bars are adjusted, dividends, news, related companies, holidays.
    """

    earlier: Iterable[Minute] = ()
    official: DailyBars | None = None
    symbols: Symbols | None = None
    companies: Mapping[str, Company] | None = None
    corporate: Corporate = Corporate()


class Rest:
    """All endpoints over the bars of a book.

    Args:
        book: the minute bars, kept up by the market as it sends them.
        key: the key that is accepted. One that is given must be right; for convenience none need be given.
        archive: what is known beyond; read at once.

    Attributes:
        skew_ms: how far the clock of the market status is ahead.
    """

    def __init__(self, book: Book, *, key: str, archive: Archive | None = None) -> None:
        archive = archive or Archive()
        for minute in archive.earlier:
            if minute.minutes.bars.size:
                book.add(minute.minutes)
        self.skew_ms = 0
        self._key = key
        self._corporate = archive.corporate
        self._market = Market(book, Days(book, archive.official), Splits(factors(archive.corporate.splits)))
        self._symbols = np.zeros(0, SYMBOL) if archive.symbols is None else archive.symbols
        self._companies = Companies(archive.companies)
        self._ids = count(1)
        routes: Mapping[str, Callable[..., object]] = {
            "/v1/marketstatus/now": lambda asked: market_status(asked.now_ms + self.skew_ms, self._corporate.holidays),
            "/v1/marketstatus/upcoming": self._of_corporate(corporate.upcoming),
            f"{_STOCKS}/([^/]+)": self._of_market(aggregates.grouped),
            "/v2/aggs/ticker/([^/]+)/prev": self._of_market(aggregates.previous),
            "/v2/aggs/ticker/([^/]+)/range/([^/]+)/([^/]+)/([^/]+)/([^/]+)": self._of_market(aggregates.ranged),
            "/v1/open-close/([^/]+)/([^/]+)": self._of_market(aggregates.open_close),
            f"{_SNAPSHOT}/tickers": self._of_market(snapshots.market),
            f"{_SNAPSHOT}/tickers/([^/]+)": self._of_market(snapshots.single),
            f"{_SNAPSHOT}/(gainers|losers)": self._of_market(snapshots.movers),
            "/v3/reference/tickers": lambda asked: self._companies.tickers(asked, self._listed()),
            "/v3/reference/tickers/([^/]+)": lambda asked, symbol: self._companies.details(
                asked, self._listed(), symbol
            ),
            "/v3/reference/splits": self._of_corporate(corporate.splits),
            "/v3/reference/dividends": self._of_corporate(corporate.dividends),
            "/v2/reference/news": self._of_corporate(corporate.news),
            "/v1/related-companies/([^/]+)": self._of_corporate(corporate.related),
        }
        self._routes = [(re.compile(pattern), answer) for pattern, answer in routes.items()]

    def answer(self, request: Request, now_ms: int) -> Reply:
        """Answer a GET at market time `now_ms`."""
        request_id = f"{next(self._ids):032x}"
        try:
            return self._answer(request, now_ms, request_id)
        except RefusedError as refused:
            return _json(refused.status, {"request_id": request_id} | dict(refused.document))

    def _answer(self, request: Request, now_ms: int, request_id: str) -> Reply:
        url = urlsplit(request.target)
        query = unfolded(url.query)
        given = query.get("apiKey", (request.authorization or "").removeprefix("Bearer "))
        if given and not hmac.compare_digest(given.encode(), self._key.encode()):
            raise RefusedError(HTTPStatus.UNAUTHORIZED, _UNKNOWN_KEY)
        asked = Asked(url.path, query, f"http://{request.host or 'localhost'}", now_ms, request_id)
        for pattern, answer in self._routes:
            if match := pattern.fullmatch(url.path):
                return _json(HTTPStatus.OK, answer(asked, *map(unquote, match.groups())))
        return NOT_FOUND

    def _listed(self) -> Symbols:
        """All symbols there are."""
        return np.unique(np.concatenate((self._symbols, self._market.days.symbols)))

    def _of_corporate(self, endpoint: Callable[..., object]) -> Callable[..., object]:
        return lambda asked, *parts: endpoint(self._corporate, asked, *parts)

    def _of_market(self, endpoint: Callable[..., object]) -> Callable[..., object]:
        return lambda asked, *parts: endpoint(self._market, asked, *parts)


def _json(status: HTTPStatus, document: object) -> Reply:
    return Reply(status, JSON, msgspec.json.encode(document))

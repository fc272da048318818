"""What happens to companies beside trading: splits, dividends, news, who is like whom; and the market's holidays."""

from __future__ import annotations

from datetime import date, datetime  # noqa: TC003 - read by msgspec
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec

from streams.simulator.asked import not_found
from streams.simulator.book import day_number
from streams.simulator.hours import date_of
from streams.simulator.listing import listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.simulator.asked import Asked

_LIMITS: Final = (10, 1_000)
_NEWS: Final = ("published_utc", "ticker")


class Split(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many old shares became so many new ones, from that day on."""

    ticker: str
    execution_date: date
    split_from: float
    split_to: float
    id: str = ""


class Dividend(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Cash for a share; known from its declaration on, if that is given."""

    ticker: str
    ex_dividend_date: date
    cash_amount: float
    currency: str | None = None
    declaration_date: date | None = None
    record_date: date | None = None
    pay_date: date | None = None
    frequency: int | None = None
    dividend_type: str | None = None
    id: str = ""


class Article(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """News of some tickers; known from its time on, RFC 3339 in UTC."""

    title: str
    published_utc: Annotated[datetime, msgspec.Meta(tz=True)]
    tickers: list[str]
    id: str = ""
    author: str | None = None
    description: str | None = None
    article_url: str | None = None
    amp_url: str | None = None
    image_url: str | None = None
    keywords: list[str] | None = None
    publisher: dict[str, str] | None = None
    insights: list[dict[str, str]] | None = None


class Holiday(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A day on which an exchange is closed, or closes early."""

    date: date
    name: str
    status: Literal["closed", "early-close"] = msgspec.field(default="closed")
    exchange: str = ""
    open: str | None = None
    close: str | None = None


class Corporate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of it; any part may be missing.

    Attributes:
        splits, dividends, news, holidays: in any order.
        related: tickers like a ticker, the nearest first.
    """

    splits: list[Split] = []
    dividends: list[Dividend] = []
    news: list[Article] = []
    related: dict[str, list[str]] = {}
    holidays: list[Holiday] = []


def splits(known: Corporate, asked: Asked) -> dict[str, Any]:
    """``/v3/reference/splits``: those to come, too, as they are announced."""
    rows = [_identified(split) for split in known.splits]
    return listed(asked, rows, ("execution_date", "ticker"), order="desc", limits=_LIMITS)


def dividends(known: Corporate, asked: Asked) -> dict[str, Any]:
    """``/v3/reference/dividends``: those declared by now."""
    today = date_of(asked.now_ms)
    rows = [_identified(each) for each in known.dividends if (each.declaration_date or date.min) <= today]
    fields = ("ex_dividend_date", "ticker", "record_date", "declaration_date", "pay_date", "cash_amount",
              "frequency", "dividend_type")  # fmt: skip
    return listed(asked, rows, fields, order="desc", limits=_LIMITS)


def news(known: Corporate, asked: Asked) -> dict[str, Any]:
    """``/v2/reference/news``: published by now, the newest first."""
    published = [each for each in known.news if each.published_utc.timestamp() * 1000 <= asked.now_ms]
    rows = [_identified(each) | {"ticker": each.tickers} for each in published]
    document = listed(asked, rows, _NEWS, order="desc", limits=_LIMITS)
    for row in document["results"]:
        del row["ticker"]
    return document


def related(known: Corporate, asked: Asked, symbol: str) -> dict[str, Any]:
    """``/v1/related-companies/{T}``."""
    if symbol not in known.related:
        raise not_found("Ticker not found.")
    results = [{"ticker": ticker} for ticker in known.related[symbol]]
    return {"status": "OK", "request_id": asked.request_id, "ticker": symbol, "results": results}


def upcoming(known: Corporate, asked: Asked) -> list[dict[str, Any]]:
    """``/v1/marketstatus/upcoming``: from today on, a row for each exchange."""
    today = date_of(asked.now_ms)
    coming = sorted((each for each in known.holidays if each.date >= today), key=lambda each: each.date)
    return [
        {"status": each.status, **_plain(each), "exchange": exchange}
        for each in coming
        for exchange in ([each.exchange] if each.exchange else ["NYSE", "NASDAQ"])
    ]


def factors(known: Sequence[Split]) -> list[tuple[str, int, float, float]]:
    """Splits as bars are adjusted by them."""
    return [(each.ticker, day_number(each.execution_date), each.split_from, each.split_to) for each in known]


def _identified(item: Split | Dividend | Article) -> dict[str, Any]:
    row = _plain(item)
    return row | {"id": item.id or "E" + sha256(msgspec.json.encode(row)).hexdigest()}


def _plain(item: msgspec.Struct) -> dict[str, Any]:
    row: dict[str, Any] = msgspec.to_builtins(item)
    return row

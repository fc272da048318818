"""What the vendor's results are, field by field, in its own spelling where that is short. Pure."""
# ruff: noqa: N815 - the vendor's spelling

from __future__ import annotations

from datetime import date  # noqa: TC003 - msgspec reads the annotations

import msgspec


class Aggregate(msgspec.Struct):
    """One bar, as the vendor writes it: ``T`` its symbol where there are several, ``t`` its time."""

    o: float
    h: float
    l: float
    c: float
    v: float
    vw: float | None = None
    t: float = 0
    T: str = ""


class Listed(msgspec.Struct):
    """A ticker that is listed."""

    ticker: str
    name: str = ""
    type: str = ""
    primary_exchange: str = ""
    active: bool = True
    delisted_utc: str = ""
    composite_figi: str | None = None


class Details(msgspec.Struct):
    """What a ticker stands for; what the vendor does not know is empty or None."""

    ticker: str
    name: str = ""
    type: str = ""
    primary_exchange: str = ""
    market_cap: float | None = None
    sic_code: str = ""
    sic_description: str = ""
    description: str = ""
    homepage_url: str = ""
    list_date: str = ""
    total_employees: int | None = None
    weighted_shares_outstanding: float | None = None


class Split(msgspec.Struct):
    """From `execution_date` on `split_from` shares are `split_to`."""

    ticker: str
    execution_date: date
    split_from: float
    split_to: float


class Dividend(msgspec.Struct):
    """Cash a share, for those who hold it before `ex_dividend_date`."""

    ticker: str
    ex_dividend_date: date
    cash_amount: float
    dividend_type: str = ""
    pay_date: str = ""


class Article(msgspec.Struct):
    """News on symbols."""

    id: str
    title: str
    published_utc: str
    article_url: str = ""
    description: str = ""
    tickers: list[str] = []


class Related(msgspec.Struct):
    """A company like the one asked about."""

    ticker: str


class Holiday(msgspec.Struct):
    """A day on which an exchange is closed, or closes early."""

    date: date
    exchange: str = ""
    name: str = ""
    status: str = ""
    open: str = ""
    close: str = ""


class MarketStatus(msgspec.Struct):
    """Whether the market is open, and the exchange's time."""

    market: str
    serverTime: str
    earlyHours: bool = False
    afterHours: bool = False


class Traded(msgspec.Struct):
    """A day or a minute within a snapshot; all zeros while nothing has traded."""

    o: float = 0
    h: float = 0
    l: float = 0
    c: float = 0
    v: float = 0
    vw: float = 0
    t: float = 0
    av: float = 0


class Quoted(msgspec.Struct):
    """A symbol within a snapshot."""

    ticker: str
    updated: float = 0
    day: Traded = msgspec.field(default_factory=Traded)
    min: Traded = msgspec.field(default_factory=Traded)
    prevDay: Traded = msgspec.field(default_factory=Traded)

"""What can be asked: endpoints by name, as path and query. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_BASE_BARS: Final = 50_000
PAGE: Final = 1_000
_STOCKS = "/v2/snapshot/locale/us/markets/stocks/tickers"


class Ask(NamedTuple):
    """A request.

    Attributes:
        endpoint: its name, for people and metrics.
        target: path and query.
    """

    endpoint: str
    target: str


def grouped(day: int) -> Ask:
    """The whole market's bars of one day (days since 1970), as traded."""
    return _ask("grouped day", f"/v2/aggs/grouped/locale/us/market/stocks/{iso(day)}", adjusted="false")


def daily(symbol: str, first_day: int, last_day: int) -> Ask:
    """Daily bars of one symbol, both days included, as traded."""
    return _range("daily range", symbol, "day", iso(first_day), iso(last_day))


def minutes(symbol: str, from_ms: int, to_ms: int) -> Ask:
    """Minute bars of one symbol that start in ``[from_ms, to_ms]``, as traded."""
    return _range("minute range", symbol, "minute", str(from_ms), str(to_ms))


def previous(symbol: str) -> Ask:
    """Bar of the day before."""
    return _ask("previous close", f"/v2/aggs/ticker/{quote(symbol, safe='')}/prev", adjusted="false")


def snapshot(symbols: Sequence[str] | None) -> Ask:
    """Today so far, of some symbols or of the whole market."""
    return _ask("snapshot", _STOCKS, **({} if symbols is None else {"tickers": ",".join(symbols)}))


def tickers(*, active: bool = True) -> Ask:
    """What is listed; in pages."""
    state = "true" if active else "false"
    return _ask("tickers", "/v3/reference/tickers", market="stocks", active=state, limit=PAGE, sort="ticker")


def details(symbol: str) -> Ask:
    """What a symbol stands for."""
    return _ask("details", f"/v3/reference/tickers/{quote(symbol, safe='')}")


def splits(first_day: int, last_day: int) -> Ask:
    """Splits of all symbols by execution date; in pages."""
    return _between("splits", "/v3/reference/splits", "execution_date", first_day, last_day)


def dividends(first_day: int, last_day: int) -> Ask:
    """Dividends of all symbols by ex-dividend date; in pages."""
    return _between("dividends", "/v3/reference/dividends", "ex_dividend_date", first_day, last_day)


def news(symbol: str, most: int) -> Ask:
    """Newest articles on a symbol."""
    return _ask("news", "/v2/reference/news", ticker=symbol, limit=most, order="desc", sort="published_utc")


def news_since(published_ms: int) -> Ask:
    """Articles on all symbols published from a moment on, the oldest first; in pages."""
    since = datetime.fromtimestamp(published_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    bounds = {"published_utc.gte": since}
    return _ask("news", "/v2/reference/news", **bounds, limit=PAGE, order="asc", sort="published_utc")


def related(symbol: str) -> Ask:
    """Companies like a symbol's."""
    return _ask("related companies", f"/v1/related-companies/{quote(symbol, safe='')}")


def market_status() -> Ask:
    """Whether the market is open."""
    return _ask("market status", "/v1/marketstatus/now")


def holidays() -> Ask:
    """Days to come on which it is not, or not as long."""
    return _ask("market holidays", "/v1/marketstatus/upcoming")


def iso(day: int) -> str:
    """Days since 1970 as the vendor writes a date."""
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()


def _range(name: str, symbol: str, span: str, first: str, last: str) -> Ask:
    path = f"/v2/aggs/ticker/{quote(symbol, safe='')}/range/1/{span}/{first}/{last}"
    return _ask(name, path, adjusted="false", sort="asc", limit=MOST_BASE_BARS)


def _between(name: str, path: str, field: str, first_day: int, last_day: int) -> Ask:
    bounds = {f"{field}.gte": iso(first_day), f"{field}.lte": iso(last_day)}
    return _ask(name, path, **bounds, limit=PAGE)


def _ask(endpoint: str, path: str, **query: str | int) -> Ask:
    return Ask(endpoint, f"{path}?{urlencode(query, safe=',')}" if query else path)

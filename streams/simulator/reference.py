"""The listed companies: what each ticker is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from streams.companyfile import Company
from streams.simulator.asked import not_found
from streams.simulator.hours import date_of
from streams.simulator.listing import listed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.simulator.asked import Asked
    from streams.types import Symbols

MICS: Final = {"NASDAQ": "XNAS", "NYSE": "XNYS", "AMEX": "XASE", "ARCA": "ARCX", "BATS": "BATS"}
"""Market identifier codes of exchanges; a name that is not here stands for itself."""

_FIELDS = ("ticker", "name", "market", "type", "primary_exchange", "active", "cik", "last_updated_utc")
_LIMITS = (100, 1_000)


class Companies:
    """All tickers, those of the file and those that have bars.

    Args:
        known: companies by ticker.
    """

    def __init__(self, known: Mapping[str, Company] | None = None) -> None:
        self._known = known or {}
        self._listed: list[dict[str, Any]] = []
        self._traded = -1

    def tickers(self, asked: Asked, traded: Symbols) -> dict[str, Any]:
        """``/v3/reference/tickers``: those that are wanted, page by page.

        Args:
            asked: the request.
            traded: ``S16[n]``, symbols that have bars; one that was there stays.
        """
        if len(traded) != self._traded:
            symbols = {*self._known, *traded.astype("U16").tolist()}
            self._listed = [self._ticker(symbol) for symbol in sorted(symbols)]
            self._traded = len(traded)
        today = str(date_of(asked.now_ms))
        fields = {"last_updated_utc": f"{today}T00:00:00Z"}
        search = asked.query.get("search", "").lower()
        found = [
            row | self._standing(row["ticker"], today)
            for row in self._listed
            if search in f"{row['ticker']}\n{row['name']}".lower() and today >= self._company(row["ticker"]).listed
        ]
        query: dict[str, str] = {"active": "true"}
        query |= {"primary_exchange" if key == "exchange" else key: value for key, value in asked.query.items()}
        document = listed(asked._replace(query=query), found, _FIELDS, order="asc", limits=_LIMITS)
        return document | {"results": [row | fields for row in document["results"]]}

    def details(self, asked: Asked, traded: Symbols, symbol: str) -> dict[str, Any]:
        """``/v3/reference/tickers/{T}``: all that is known of one."""
        company = self._known.get(symbol)
        if company is None and symbol.encode() not in traded.tolist():
            raise not_found("Ticker not found.")
        company = company or Company()
        root, _, suffix = symbol.partition(".")
        kind = company.industry or company.sector
        optional = {
            "market_cap": company.market_cap,
            "sic_description": kind.upper(),
            "ticker_suffix": suffix,
        }
        results = self._ticker(symbol) | {"ticker_root": root, "round_lot": 100}
        results |= {name: value for name, value in optional.items() if value}
        return {"results": results, "status": "OK", "request_id": asked.request_id}

    def _company(self, symbol: str) -> Company:
        return self._known.get(symbol, Company())

    def _standing(self, symbol: str, today: str) -> dict[str, Any]:
        """What changes from one day to another."""
        delisted = self._company(symbol).delisted
        if not delisted or today < delisted:
            return {"active": True}
        return {"active": False, "delisted_utc": f"{delisted}T00:00:00Z"}

    def _ticker(self, symbol: str) -> dict[str, Any]:
        company = self._company(symbol)
        figi = {"composite_figi": company.figi} if company.figi else {}
        return figi | {
            "ticker": symbol,
            "name": company.name or f"{symbol} Common Stock",
            "market": "stocks",
            "locale": "us",
            "primary_exchange": MICS.get(company.exchange.upper(), company.exchange) or "XNYS",
            "type": company.type or "CS",
            "active": True,
            "currency_name": "usd",
        }

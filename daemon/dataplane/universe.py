"""What is listed, and what it stands for: asked once a day, kept in the store."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import numpy as np
import pyarrow as pa

from daemon.dataplane import renames
from streams.bars import SYMBOL
from streams.history.protocol import Span
from streams.history.tables import DETAILS, TICKERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from daemon.dataplane.shelf import Shelf
    from streams.companyfile import Company
    from streams.history.protocol import Register
    from streams.polygon.rest.limiter import Priority
    from streams.polygon.rest.records import Listed
    from streams.types import Clock, Flags, Floats, Symbols

LISTED: Final = "tickers"
"""Kind of span that says on which days the list was asked for."""

_SYMBOL = re.compile(r"[A-Za-z0-9./-]{1,16}")

_NEW: Final = {"active": True, "data": ""}
"""What no file says: so it is of a symbol that was not known; of one that was, as the exchange said."""


class Lister(Protocol):
    """Of `streams.polygon.rest.client.Rest` what is needed here."""

    async def tickers(self, *, active: bool = True, priority: Priority) -> tuple[Listed, ...]:
        """What is listed."""


TEXTS: Final = ("name", "exchange", "kind", "sector", "industry")


class Universe(NamedTuple):
    """All symbols that are known, a row each.

    Attributes:
        symbols: ``S16[s]``, sorted.
        name, exchange, kind, sector, industry: texts, ``""`` where unknown; `kind` is the vendor's type code.
        market_cap: ``float64[s]``, dollars, NaN where unknown.
        active: ``bool[s]``, listed now.
    """

    symbols: Symbols
    name: Sequence[str]
    exchange: Sequence[str]
    kind: Sequence[str]
    sector: Sequence[str]
    industry: Sequence[str]
    market_cap: Floats
    active: Flags

    def take(self, chosen: Flags) -> Universe:
        """Some of the rows."""
        at = np.flatnonzero(chosen).tolist()
        texts = {name: [getattr(self, name)[k] for k in at] for name in TEXTS}
        return self._replace(
            symbols=self.symbols[chosen], market_cap=self.market_cap[chosen], active=self.active[chosen], **texts
        )

    def of(self, symbols: Symbols) -> Universe:
        """The rows of `symbols`, ``S16[n]``, sorted; one that is not known has its symbol and nothing else."""
        place = {symbol: k for k, symbol in enumerate(self.symbols.tolist())}
        rows = [place.get(symbol) for symbol in symbols.tolist()]
        texts = {name: ["" if k is None else getattr(self, name)[k] for k in rows] for name in TEXTS}
        cap = np.array([np.nan if k is None else self.market_cap[k] for k in rows], np.float64)
        return self._replace(symbols=symbols, market_cap=cap, active=np.ones(len(rows), np.bool_), **texts)


def with_sectors(known: Universe, sectors: Mapping[str, str]) -> Universe:
    """Sectors by configuration, where it names them."""
    names = [symbol.decode() for symbol in known.symbols.tolist()]
    return known._replace(sector=[sectors.get(name, own) for name, own in zip(names, known.sector, strict=True)])


async def universe(shelf: Shelf) -> Universe:
    """What the store knows; nothing is asked of the exchange."""
    listed = (await shelf.ask(lambda history: history.get("tickers"))).to_pylist()
    details = {row["symbol"]: row for row in (await shelf.ask(lambda history: history.get("details"))).to_pylist()}
    listed = sorted((row for row in listed if _SYMBOL.fullmatch(row["symbol"])), key=lambda row: row["symbol"].encode())
    known = [details.get(row["symbol"], {}) for row in listed]
    cap = [one.get("market_cap") for one in known]
    return Universe(
        np.array([row["symbol"] for row in listed], SYMBOL),
        [row["name"] or "" for row in listed],
        [row["exchange"] or "" for row in listed],
        [row["type"] or "" for row in listed],
        [one.get("sector") or "" for one in known],
        [one.get("industry") or "" for one in known],
        np.array([value or np.nan for value in cap], np.float64),
        np.array([bool(row["active"]) for row in listed], np.bool_),
    )


async def renew(shelf: Shelf, exchange: Lister, clock: Clock, today: int, priority: Priority) -> bool:
    """Ask for the list unless it was asked for today; whether it was asked.

    What is no longer on it stays known, as not active.
    """
    if await is_listed(shelf, today):
        return False
    now_ms = clock.wall_ms()
    listed = await exchange.tickers(priority=priority)
    known = {row["symbol"]: row for row in (await shelf.ask(lambda history: history.get("tickers"))).to_pylist()}
    before = {symbol: row["figi"] or "" for symbol, row in known.items() if row["active"] and _SYMBOL.fullmatch(symbol)}
    rows = {one.ticker: _row(one, now_ms, before) for one in listed if _SYMBOL.fullmatch(one.ticker)}
    gone = [known[symbol] | {"active": False, "as_of_ms": now_ms} for symbol in before if symbol not in rows]
    changes = renames.between(before, {symbol: str(row["figi"]) for symbol, row in rows.items()})
    await renames.note(shelf, changes, today, now_ms)
    table = pa.Table.from_pylist([*rows.values(), *gone], TICKERS.schema)
    await shelf.ask(lambda history: history.put("tickers", table))
    await shelf.ask(lambda history: history.mark_fetched(LISTED, [Span("", today, today, now_ms)]))
    return True


async def is_listed(shelf: Shelf, today: int) -> bool:
    """Whether the list was asked for today."""
    spans = await shelf.ask(lambda history: history.fetched(LISTED))
    return any(span.first <= today <= span.last for span in spans)


async def register(shelf: Shelf, companies: Mapping[str, Company], now_ms: int) -> int:
    """Take in companies of a file: names, exchanges, sectors, market values. Returns how many.

    What the file does not say of a company stays as it was known; so does whether it is listed.
    """
    named = {symbol: one for symbol, one in companies.items() if _SYMBOL.fullmatch(symbol)}
    listed = {
        symbol: {"name": one.name, "exchange": one.exchange, "type": one.type, "figi": one.figi}
        for symbol, one in named.items()
    }
    described = {
        symbol: {
            "name": one.name,
            "market_cap": one.market_cap or None,
            "sector": one.sector,
            "industry": one.industry,
        }
        for symbol, one in named.items()
    }
    await _add(shelf, "tickers", TICKERS.schema, listed, now_ms)
    await _add(shelf, "details", DETAILS.schema, described, now_ms)
    return len(named)


async def _add(
    shelf: Shelf, table: Register, schema: pa.Schema, said: Mapping[str, Mapping[str, object]], now_ms: int
) -> None:
    """Put what is said of each symbol; what is empty in it stays as it was known."""
    known = {row["symbol"]: row for row in (await shelf.ask(lambda history: history.get(table))).to_pylist()}
    rows = [
        {**_NEW, **fields, **known.get(symbol, {}), **{name: value for name, value in fields.items() if value}}
        | {"symbol": symbol, "as_of_ms": now_ms}
        for symbol, fields in said.items()
    ]
    await shelf.ask(lambda history: history.put(table, pa.Table.from_pylist(rows, schema)))


def _row(one: Listed, now_ms: int, figi: Mapping[str, str]) -> dict[str, object]:
    """A FIGI that the vendor leaves out today is the one it told before."""
    return {
        "symbol": one.ticker,
        "name": one.name,
        "exchange": one.primary_exchange,
        "type": one.type,
        "active": one.active,
        "as_of_ms": now_ms,
        "figi": one.composite_figi or figi.get(one.ticker, ""),
    }

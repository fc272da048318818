"""Companies from a file: ``symbol`` and any of ``name, exchange, type, market_cap, sector, industry, figi``.

A simulated exchange goes by ``listed`` and ``delisted`` besides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from streams.tablefile import TableFile, TableFileError

if TYPE_CHECKING:
    from pathlib import Path

_TEXTS: Final = ("name", "exchange", "type")
_MORE: Final = ("sector", "industry", "figi", "listed", "delisted")
_LAWFUL = "regexp_full_match(symbol, '[A-Za-z0-9./-]{1,16}')"


class Company(NamedTuple):
    """What is known of a ticker; empty where it is not.

    Attributes:
        name: of the company or fund.
        exchange: where it is listed, by name or market identifier code.
        type: ``CS``, ``ETF``, ...
        market_cap: in dollars, 0 if not known.
        sector, industry: as the file spells them.
        figi: the composite one, which stays when the symbol changes.
        listed, delisted: first day, and the first one no more, as 2025-01-31; empty: always, and never.
    """

    name: str = ""
    exchange: str = ""
    type: str = ""
    market_cap: float = 0.0
    sector: str = ""
    industry: str = ""
    figi: str = ""
    listed: str = ""
    delisted: str = ""


class CompanyFileError(TableFileError):
    """The file cannot be used as a list of companies. Stop: a person names another file, or mends this one."""

    kind = "companies file"


def read_companies(path: Path) -> dict[str, Company]:
    """Companies by ticker; of a ticker that stands there twice the last, without those that no ticker can be.

    Raises:
        CompanyFileError: the file is absent, unreadable or has no column ``symbol``.
    """
    table = TableFile(path, CompanyFileError)
    with table.refusing():
        if "symbol" not in table.types:
            raise CompanyFileError(path, f"is missing; there are {', '.join(table.types)[:200]}", "symbol")
        texts = [_text(name, table.types) for name in _TEXTS]
        cap = "coalesce(TRY_CAST(market_cap AS DOUBLE), 0)" if "market_cap" in table.types else "0::DOUBLE"
        columns = ", ".join([*texts, cap, *(_text(name, table.types) for name in _MORE)])
        rows = table.ask(f"SELECT symbol, {columns} FROM raw WHERE {_LAWFUL}").fetchall()  # noqa: S608 - our own names
    table.close()
    return {symbol: Company(*fields) for symbol, *fields in rows}


def _text(name: str, types: dict[str, str]) -> str:
    return f"coalesce({name}::VARCHAR, '')" if name in types else "''"

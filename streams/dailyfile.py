"""Daily bars from a file: ``symbol, date, close[, open, high, low, volume]``, parquet or CSV, dates as 2025-01-31."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from streams.bars import SYMBOL
from streams.tablefile import TableFile, TableFileError

if TYPE_CHECKING:
    from pathlib import Path

    from streams.types import Floats, Longs, Symbols

FIELDS: Final = ("open", "high", "low", "close", "volume")
_NEEDED = ("symbol", "date", "close")
_LAWFUL = """isfinite(close) AND close > 0 AND regexp_full_match(symbol, '[A-Za-z0-9./-]{1,16}') AND day IS NOT NULL
    AND coalesce(high >= greatest(open, close, low) AND low <= least(open, close) AND low > 0, true)
    AND coalesce(volume >= 0, true)"""


class DailyFileError(TableFileError):
    """The file cannot be used as daily bars. Stop: a person names another file, or mends this one."""

    kind = "daily file"


class DailyBars(NamedTuple):
    """Daily bars in order of (symbol, day), no day of a symbol twice.

    Attributes:
        symbol: ``S16[n]``.
        day: ``int64[n]``, days since 1970-01-01.
        values: ``float64[5, n]``, open, high, low, close, volume; NaN where the file does not say.
        rejected: rows left out: impossible prices, no date, no symbol, or a day that a later row repeats.
    """

    symbol: Symbols
    day: Longs
    values: Floats
    rejected: int


def read_daily(path: Path) -> DailyBars:
    """All daily bars of a file; what breaks a law is left out and counted. Cost: about 1 s a million rows.

    Raises:
        DailyFileError: the file is absent, unreadable or foreign; names the column at fault.
    """
    table = TableFile(path, DailyFileError)
    with table.refusing():
        _refuse_foreign(table)
        numbers = ", ".join(f"{_number(name, table.types)} AS {name}" for name in FIELDS)
        table.ask(
            f"CREATE TABLE days AS SELECT symbol, try_cast(date AS DATE) - DATE '1970-01-01' AS day, {numbers},"  # noqa: S608 - our own names
            " row_number() OVER () AS line FROM raw"
        )
        rows, dated = table.row("SELECT count(*), count(day) FROM days")
        if rows and not dated:
            raise DailyFileError(path, "holds no date like 2025-01-31", "date")
        columns = table.ask(
            f"SELECT symbol, day, {', '.join(FIELDS)} FROM days WHERE {_LAWFUL}"  # noqa: S608 - our own names
            " QUALIFY row_number() OVER (PARTITION BY symbol, day ORDER BY line DESC) = 1 ORDER BY symbol, day"
        ).fetchnumpy()
    table.close()
    values = np.array([np.ma.filled(columns[name].astype(np.float64), np.nan) for name in FIELDS])
    return DailyBars(columns["symbol"].astype(SYMBOL), columns["day"].astype(np.int64), values, rows - values.shape[1])


def look_at(path: Path) -> None:
    """Whether a file has the columns of daily bars; its rows are not read.

    Raises:
        DailyFileError: the file is absent, unreadable or foreign; names the column at fault.
    """
    table = TableFile(path, DailyFileError)
    with table.refusing():
        _refuse_foreign(table)
    table.close()


def _refuse_foreign(table: TableFile) -> None:
    for column in _NEEDED:
        if column not in table.types:
            have = ", ".join(table.types)[:200]
            raise DailyFileError(table.path, f"is missing: wanted are {', '.join(_NEEDED)}; there are {have}", column)


def _number(name: str, types: dict[str, str]) -> str:
    return f"TRY_CAST({name} AS DOUBLE)" if name in types else "NULL::DOUBLE"

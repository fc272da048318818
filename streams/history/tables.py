"""Columns and keys of all tables but bars, and the SQL that both databases understand. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import pyarrow as pa

from streams.history.schema import TEXT, Keyed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NOTHING_COMPUTED: Final[Mapping[str, str]] = {}


def insert(
    name: str,
    columns: Sequence[str],
    key: Sequence[str],
    source: str,
    *,
    replaces: bool,
    computed: Mapping[str, str] = NOTHING_COMPUTED,
) -> str:
    """SQL that inserts from ``VALUES (...)`` or ``SELECT ...``; a row with a known key replaces or is left out.

    `computed` says of some columns what replaces the known value, where that is not simply the new one.
    """
    others = [column for column in columns if column not in key]
    wins = {one: f"excluded.{one}" for one in others} | {**computed}
    known = f"UPDATE SET {', '.join(f'{one} = {wins[one]}' for one in others)}"
    return (
        f"INSERT INTO {name} ({', '.join(columns)}) {source}"
        f" ON CONFLICT ({', '.join(key)}) DO {known if replaces else 'NOTHING'}"
    )


class Table(NamedTuple):
    """A small table.

    Attributes:
        name: of the table.
        schema: its columns.
        key: columns that together are unique.
        time: column of milliseconds by which it is read and pruned; empty if it has none.
        replaces: a row with a known key replaces the earlier one; else it is left out.
    """

    name: str
    schema: pa.Schema
    key: tuple[str, ...]
    time: str
    replaces: bool

    @property
    def columns(self) -> str:
        """Names of the columns, with commas."""
        return ", ".join(self.schema.names)

    def insert(self, source: str) -> str:
        """SQL that inserts from ``VALUES (...)`` or ``SELECT ...``, by the rule of `replaces`."""
        return insert(self.name, self.schema.names, self.key, source, replaces=self.replaces)


def _table(name: str, key: str, types: dict[str, pa.DataType], time: str = "", *, replaces: bool) -> Table:
    keys = tuple(key.split())
    fields = [pa.field(column, kind, nullable=column not in keys) for column, kind in types.items()]
    return Table(name, pa.schema(fields), keys, time, replaces)


def rows(table: Table, values: Sequence[tuple[object, ...]]) -> pa.Table:
    """Rows of a table from their values, in the order of its columns."""
    columns = zip(*values, strict=True) if values else [()] * len(table.schema)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, table.schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=table.schema)


_TEXT, _LONG, _REAL, _FLAG = pa.string(), pa.int64(), pa.float64(), pa.bool_()

SPANS: Final = _table(
    "spans",
    "kind key first",
    {"kind": _TEXT, "key": _TEXT, "first": _LONG, "last": _LONG, "as_of_ms": _LONG},
    replaces=True,
)
"""What was fetched: see `streams.history.protocol.Span`."""

FETCHED: Final = "SELECT kind, count(*), count(DISTINCT key) FROM spans GROUP BY kind ORDER BY kind"
"""SQL for how much that is."""

ALERTS: Final = _table(
    "alerts",
    "id",
    {"id": _TEXT, "rule": _TEXT, "symbol": _TEXT, "bar_start_ms": _LONG}
    | {"severity": _TEXT, "score": _REAL, "data": _TEXT},
    "bar_start_ms",
    replaces=False,
)
"""Alerts as issued; ``data`` is the whole alert as JSON, ``score`` is null before the model has learned."""

OUTCOMES: Final = _table(
    "outcomes",
    "id horizon_minutes symbol",
    {"id": _TEXT, "horizon_minutes": _LONG, "symbol": _TEXT, "bar_start_ms": _LONG}
    | {"control": _FLAG, "forward_return": _REAL, "best": _REAL, "worst": _REAL},
    "bar_start_ms",
    replaces=False,
)
"""What became of an alert; ``control`` marks a random symbol of the same minute.

The return is a fraction, excursions are in ATR, null where that was not known; the horizon 0 is to the close."""

TICKERS: Final = _table(
    "tickers",
    "symbol",
    {
        "symbol": _TEXT,
        "name": _TEXT,
        "exchange": _TEXT,
        "type": _TEXT,
        "active": _FLAG,
        "as_of_ms": _LONG,
        "figi": _TEXT,
    },
    replaces=True,
)
"""What is listed, or was; ``figi`` is the composite one, which stays when the symbol changes."""

SPLITS: Final = _table(
    "splits",
    "symbol day",
    {"symbol": _TEXT, "day": _LONG, "split_from": _REAL, "split_to": _REAL, "as_of_ms": _LONG},
    replaces=True,
)
"""Splits by the day on which they take effect, days since 1970; 1 to 10 is from 1, to 10."""

DETAILS: Final = _table(
    "details",
    "symbol",
    {"symbol": _TEXT, "name": _TEXT, "market_cap": _REAL, "sector": _TEXT, "industry": _TEXT}
    | {"data": _TEXT, "as_of_ms": _LONG},
    replaces=True,
)
"""What a company is; ``data`` is the vendor's answer as JSON."""

SMALL: Final = {table.name: table for table in (ALERTS, OUTCOMES, TICKERS, SPLITS, DETAILS)}

QUESTIONS: Final = Keyed(
    "questions",
    pa.schema(
        [
            pa.field(name, kind, nullable=False)
            for name, kind in {
                "symbol": TEXT,
                "asked_ms": _LONG,
                "score": _REAL,
                "base": _REAL,
                "answer": _FLAG,
            }.items()
        ]
    ),
    "asked_ms",
    by_time=True,
)
"""Answered questions, one a symbol and minute: as many as bars, and kept like them. Score is NaN before learning."""

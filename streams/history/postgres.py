"""A history in PostgreSQL 14 or newer: everything in schema ``technic``, in and out as Arrow columns by COPY.

Bars are copied in directly, and where one of them is known through a temporary table of the session, from which the
server replaces it. They lie under the key by which they are read: a minute of all symbols is one stretch of the index.
"""
# ruff: noqa: S608 - the names in these statements are our own, numbers are integers, symbols keep their law

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Self

import pyarrow as pa

from streams.history.completing import in_sql
from streams.history.connection import DEADLINE_S, Connection
from streams.history.errors import HistoryKnownError
from streams.history.kept import Kept, KeptSpans, bars_of
from streams.history.merge import merged
from streams.history.pgprune import prune
from streams.history.pgschema import ask, bring_up
from streams.history.protocol import DAY_MS, KEEP, MIDNIGHT_MS, Span
from streams.history.schema import (
    DAILY_BARS,
    MINUTE_BARS,
    conform,
    daily_bars,
    daily_table,
    minute_table,
    wanted,
)
from streams.history.spans import joined, since
from streams.history.tables import FETCHED, QUESTIONS, SMALL, SPANS, insert

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from streams.bars import BarBatch
    from streams.dailyfile import DailyBars
    from streams.history.kept import KeptBars
    from streams.history.protocol import Journal, Register, Retention
    from streams.history.schema import Keyed
    from streams.history.tables import Table
    from streams.secret import Secret
    from streams.types import Symbols

_SYMBOL: Final = re.compile(r"[A-Za-z0-9./-]{1,16}")


class PostgresHistory:
    """A history in PostgreSQL. For one thread at a time; other processes open their own beside it.

    Args:
        url: of the database.
        read_only: nothing is written, an older schema is refused.
        deadline_s: of each call.

    Raises:
        HistoryForeignError, HistoryDeniedError, HistoryUnavailableError: as `streams.history.errors` says.
    """

    def __init__(self, url: Secret, *, read_only: bool = False, deadline_s: float = DEADLINE_S) -> None:
        self._connection = Connection(url, read_only=read_only, deadline_s=deadline_s)
        try:
            self._connection.run(lambda cursor: bring_up(cursor, self._connection.where, read_only=read_only))
        except BaseException:
            self._connection.close()
            raise

    def write_minutes(self, bars: BarBatch | pa.Table) -> int:
        """As `streams.history.protocol.History` says, like all that follow."""
        rows = conform(bars, MINUTE_BARS.schema) if isinstance(bars, pa.Table) else minute_table(bars)
        return self._store(MINUTE_BARS, rows)

    def minutes(self, symbols: Sequence[str] | Symbols | None, from_ms: int, to_ms: int) -> pa.Table:
        """Minute bars, see the protocol."""
        return self._between(MINUTE_BARS, f"start_ms >= {from_ms:d} AND start_ms < {to_ms:d}", symbols)

    def write_daily(self, days: DailyBars, source: str, as_of_ms: int) -> int:
        """Store daily bars, see the protocol."""
        return self._store(DAILY_BARS, daily_table(days, source, as_of_ms))

    def daily(self, symbols: Sequence[str] | Symbols | None, first_day: int, last_day: int) -> DailyBars:
        """Daily bars, see the protocol."""
        where = f"day BETWEEN {_date(first_day)} AND {_date(last_day)}"
        return daily_bars(self._between(DAILY_BARS, where, symbols))

    def mark_fetched(self, kind: str, spans: Sequence[Span]) -> None:
        """Note what is known, see the protocol."""
        self._change_spans(kind, lambda known: joined(known, spans))

    def fetched(self, kind: str) -> list[Span]:
        """What is known."""
        return self._connection.run(lambda cursor: _spans(cursor, kind))

    def append(self, table: Journal, rows: pa.Table) -> int:
        """Add rows to a journal."""
        if table == "questions":
            return self._store(QUESTIONS, conform(rows, QUESTIONS.schema))
        return self._add(SMALL[table], rows)

    def read(self, table: Journal, from_ms: int, to_ms: int) -> pa.Table:
        """Rows of a journal."""
        if table == "questions":
            return self._between(QUESTIONS, f"asked_ms >= {from_ms:d} AND asked_ms < {to_ms:d}", None)
        time = SMALL[table].time
        return self._rows(SMALL[table], f"{time} >= {from_ms:d} AND {time} < {to_ms:d}")

    def put(self, table: Register, rows: pa.Table) -> int:
        """Store rows of a register."""
        return self._add(SMALL[table], rows)

    def get(self, table: Register) -> pa.Table:
        """All rows of a register."""
        return self._rows(SMALL[table], "true")

    def disk_bytes(self) -> int:
        """Size of all tables with their indexes."""
        asked = (
            "SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::BIGINT FROM pg_class"
            " WHERE relnamespace = 'technic'::regnamespace AND relkind = 'r'"
        )
        return self._connection.run(lambda cursor: int(ask(cursor, asked)[0][0]))

    def kept(self) -> Kept:
        """What there is."""
        small = (*(table.name for table in SMALL.values()), QUESTIONS.name)
        return Kept(
            self.disk_bytes(),
            self._bars("minutes", f"(start_ms - {MIDNIGHT_MS}) / {DAY_MS}"),
            self._bars("daily", "day - DATE '1970-01-01'"),
            {name: int(self._asked(f"SELECT count(*) FROM {name}")[0][0]) for name in small},
            {kind: KeptSpans(*counts) for kind, *counts in self._asked(FETCHED)},
        )

    def prune(self, now_ms: int, keep: Retention = KEEP) -> None:
        """Delete what is older than `keep`."""
        minute_ms, day = now_ms - keep.minute_days * DAY_MS, now_ms // DAY_MS - keep.daily_days
        self._change_spans("minutes", lambda spans: since(spans, minute_ms))
        self._change_spans("daily", lambda spans: since(spans, day))
        prune(self._connection, now_ms, keep)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _bars(self, table: str, day: str) -> KeptBars:
        days = {int(found) for (found,) in self._asked(f"SELECT DISTINCT {day} FROM {table}")}
        of_symbols = f"SELECT count(*) AS n FROM {table} GROUP BY symbol"
        rows, symbols = self._asked(f"SELECT coalesce(sum(n), 0)::BIGINT, count(*) FROM ({of_symbols}) AS counted")[0]
        return bars_of(rows, symbols, days)

    def _asked(self, statement: str) -> list[tuple[Any, ...]]:
        return self._connection.run(lambda cursor: ask(cursor, statement))

    def _store(self, kind: Keyed, rows: pa.Table) -> int:
        key = (kind.time, "symbol") if kind.by_time else ("symbol", kind.time)
        source, computed = f"SELECT * FROM new_{kind.name}", in_sql(kind.name, "excluded") if kind.completed else {}
        statement = insert(kind.name, kind.schema.names, key, source, replaces=True, computed=computed)
        fresh = merged(rows, kind)
        try:  # half the time, where it works
            self._connection.run(lambda cursor: cursor.adbc_ingest(kind.name, fresh, mode="append"))
        except HistoryKnownError:
            self._connection.run(lambda cursor: _through(cursor, kind.name, fresh, statement))
        return len(rows)

    def _add(self, table: Table, rows: pa.Table) -> int:
        rows = _last_of_equals(conform(rows, table.schema), table)
        statement = table.insert(f"SELECT {table.columns} FROM new_{table.name}")
        return self._connection.run(lambda cursor: _through(cursor, table.name, rows, statement))

    def _between(self, kind: Keyed, where: str, symbols: Sequence[str] | Symbols | None) -> pa.Table:
        if symbols is not None:
            lawful = [f"'{name}'" for name in wanted(symbols) if _SYMBOL.fullmatch(name)]
            where += f" AND symbol IN ({', '.join(lawful) or 'NULL'})"
        asked = f"SELECT {', '.join(kind.schema.names)} FROM {kind.name} WHERE {where}"
        found = self._connection.run(lambda cursor: _table(cursor, asked))
        return merged(conform(found, kind.schema), kind)  # cheaper here than for the server to sort texts

    def _rows(self, table: Table, where: str) -> pa.Table:
        order = ", ".join([table.time, *table.key] if table.time else table.key)
        asked = f"SELECT {table.columns} FROM {table.name} WHERE {where} ORDER BY {order}"
        return conform(self._connection.run(lambda cursor: _table(cursor, asked)), table.schema)

    def _change_spans(self, kind: str, change: Callable[[list[Span]], list[Span]]) -> None:
        self._connection.run(lambda cursor: _change_spans(cursor, kind, change))


def _through(cursor: Any, name: str, rows: pa.Table, statement: str) -> int:
    """Bring `rows` into the session's own table ``new_NAME`` and run `statement`; returns the rows it stored."""
    columns = ", ".join(rows.schema.names)
    cursor.execute(
        f"CREATE TEMPORARY TABLE IF NOT EXISTS new_{name} ON COMMIT DELETE ROWS AS SELECT {columns} FROM {name} LIMIT 0"
    )
    cursor.adbc_ingest(f"new_{name}", rows, mode="append", temporary=True)
    cursor.execute(statement)
    return int(cursor.rowcount)


def _spans(cursor: Any, kind: str) -> list[Span]:
    asked = "SELECT key, first, last, as_of_ms FROM spans WHERE kind = $1 ORDER BY key, first"
    cursor.execute(asked, (kind,))
    return [Span(*row) for row in cursor.fetchall()]


def _change_spans(cursor: Any, kind: str, change: Callable[[list[Span]], list[Span]]) -> None:
    cursor.execute("LOCK TABLE spans IN SHARE ROW EXCLUSIVE MODE")
    known = _spans(cursor, kind)
    wanted_spans = change(known)
    gone, new = set(known) - set(wanted_spans), set(wanted_spans) - set(known)
    if gone:
        matching = "(spans.kind, spans.key, spans.first) = (old.kind, old.key, old.first)"
        _through(cursor, "spans", _span_rows(kind, gone), f"DELETE FROM spans USING new_spans AS old WHERE {matching}")
        cursor.execute("DELETE FROM new_spans")
    if new:
        _through(cursor, "spans", _span_rows(kind, new), SPANS.insert(f"SELECT {SPANS.columns} FROM new_spans"))


def _span_rows(kind: str, spans: set[Span]) -> pa.Table:
    rows = [(kind, *span) for span in sorted(spans)]
    return pa.Table.from_arrays(list(map(pa.array, zip(*rows, strict=True))), schema=SPANS.schema)


def _last_of_equals(rows: pa.Table, table: Table) -> pa.Table:
    """One row a key: a statement may not store a key twice."""
    keys = zip(*(rows[name].to_pylist() for name in table.key), strict=True)
    last = {key: place for place, key in enumerate(keys)}
    return rows if not table.replaces or len(last) == len(rows) else rows.take(list(last.values()))


def _table(cursor: Any, statement: str) -> pa.Table:
    cursor.execute(statement)
    return cursor.fetch_arrow_table()


def _date(day: int) -> str:
    return f"(DATE '1970-01-01' + {min(max(day, 0), 100_000)})"

"""Deletion of what is old in PostgreSQL: a day at a time, each for good, so that no call takes too long."""
# ruff: noqa: S608 - the names in these statements are our own, numbers are integers

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from streams.history.pgschema import ask
from streams.history.protocol import DAY_MS
from streams.history.tables import ALERTS, OUTCOMES

if TYPE_CHECKING:
    from streams.history.connection import Connection
    from streams.history.protocol import Retention

_BEGINNING_MS: Final = -(1 << 62)


def prune(connection: Connection, now_ms: int, keep: Retention) -> None:
    """Delete what is older than `keep`. Cost: a second for two million bars, and the server's vacuum later.

    Raises:
        HistoryError: what was deleted until then stays so.
    """
    minute_ms = now_ms - keep.minute_days * DAY_MS
    _by_days(connection, "minutes", "start_ms", minute_ms)
    _by_days(connection, "questions", "asked_ms", minute_ms)
    day = min(max(now_ms // DAY_MS - keep.daily_days, 0), 100_000)
    _do(connection, f"DELETE FROM daily WHERE day < DATE '1970-01-01' + {day}")
    for table in (ALERTS, OUTCOMES):
        _do(connection, f"DELETE FROM {table.name} WHERE {table.time} < {now_ms - keep.journal_days * DAY_MS}")


def _by_days(connection: Connection, table: str, time: str, before_ms: int) -> None:
    """Each day is looked for behind the one before, for the server goes past deleted rows one by one."""
    end_ms = _BEGINNING_MS
    while (first_ms := _first(connection, table, time, end_ms, before_ms)) is not None:
        end_ms = min(first_ms + DAY_MS, before_ms)
        _do(connection, f"DELETE FROM {table} WHERE {time} >= {first_ms} AND {time} < {end_ms}")


def _first(connection: Connection, table: str, time: str, from_ms: int, before_ms: int) -> int | None:
    asked = f"SELECT min({time}) FROM {table} WHERE {time} >= {from_ms} AND {time} < {before_ms}"
    first: int | None = connection.run(lambda cursor: ask(cursor, asked))[0][0]
    return first


def _do(connection: Connection, statement: str) -> None:
    def work(cursor: Any) -> None:
        cursor.execute(statement)

    connection.run(work)

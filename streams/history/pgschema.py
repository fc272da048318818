"""The schema ``technic`` of a PostgreSQL database: checked, and brought up."""

from __future__ import annotations

from typing import Any, Final

from streams.history.errors import HistoryForeignError
from streams.history.migrations import VERSION, due

_LOCK: Final = 0x7463686E
"""Advisory lock of those who bring the schema up."""


def bring_up(cursor: Any, where: str, *, read_only: bool) -> None:
    """Check the schema's version and bring it up, one process at a time; all of it or nothing.

    Raises:
        HistoryForeignError: it is newer, or another program's (or older or not there, and `read_only`).
    """
    if read_only:
        due(where, _version(cursor, where), read_only=True)
        return
    cursor.execute(f"SELECT pg_advisory_xact_lock({_LOCK})")
    cursor.fetchall()
    version = _version(cursor, where)
    if version == VERSION:
        return
    if not version:
        if ask(cursor, "SELECT to_regnamespace('technic') IS NULL") == [(True,)]:  # who may not make one may own one
            cursor.execute("CREATE SCHEMA technic")
        cursor.execute("CREATE TABLE version (version BIGINT NOT NULL)")
        cursor.execute("INSERT INTO version VALUES (0)")
    for step in due(where, version, read_only=False):
        for statement in (*step.both, *step.server):
            cursor.execute(statement)
    cursor.execute(f"UPDATE version SET version = {VERSION}")  # noqa: S608 - our own number


def _version(cursor: Any, where: str) -> int:
    """Version of the schema, 0 of an empty one."""
    tables = (
        "SELECT count(*), count(*) FILTER (WHERE relname = 'version') FROM pg_class"
        " WHERE relkind = 'r' AND relnamespace = to_regnamespace('technic')"
    )
    ((count, ours),) = ask(cursor, tables)
    if count and not ours:
        what = "schema technic holds another program's tables"
        raise HistoryForeignError(where, what, "name another database in the URL")
    return int(ask(cursor, "SELECT version FROM version")[0][0]) if ours else 0


def ask(cursor: Any, statement: str) -> list[tuple[Any, ...]]:
    """The rows that a statement gives."""
    cursor.execute(statement)
    rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows

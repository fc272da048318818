"""The small tables in SQLite: WAL, so that several processes read while one writes."""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from streams.history.damage import set_aside
from streams.history.errors import HistoryDamagedError, HistoryForeignError, HistoryUnavailableError
from streams.history.kept import KeptSpans
from streams.history.migrations import APPLICATION, VERSION, due
from streams.history.protocol import Span
from streams.history.schema import conform
from streams.history.tables import FETCHED, SPANS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from streams.history.tables import Table

_BUSY_S = 10.0


class SmallTables:
    """The small tables of a history in files; the version of its schema is that of the whole folder.

    Args:
        path: the database file; its folder must exist.
        read_only: nothing is written, an older schema is refused.

    Raises:
        HistoryForeignError, HistoryUnavailableError, HistoryDamagedError: as `streams.history.errors` says.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        try:
            self._begin(read_only=read_only)
        except HistoryDamagedError as error:
            if read_only:
                raise
            self._set_aside(error.what)
            self._begin(read_only=False)

    def add(self, table: Table, rows: pa.Table) -> int:
        """Insert rows by the rule of `Table.replaces`; returns how many were stored."""
        values = list(zip(*(column.to_pylist() for column in conform(rows, table.schema).columns), strict=True))
        statement = table.insert(f"VALUES ({', '.join('?' * len(table.schema.names))})")
        with self._transaction():
            before = self._connection.total_changes
            self._connection.executemany(statement, values)
            return self._connection.total_changes - before

    def rows(self, table: Table, where: str = "true", *arguments: object) -> pa.Table:
        """Rows of a table, by time (if it has one) and key."""
        order = ", ".join([table.time, *table.key] if table.time else table.key)
        statement = f"SELECT {table.columns} FROM {table.name} WHERE {where} ORDER BY {order}"  # noqa: S608 - ours
        with self._typed():
            found = self._connection.execute(statement, arguments).fetchall()
        columns: list[Sequence[Any]] = list(zip(*found, strict=True)) or [()] * len(table.schema)
        return pa.Table.from_arrays(
            [_column(values, field.type) for values, field in zip(columns, table.schema, strict=True)],
            schema=table.schema,
        )

    def count(self, table: Table) -> int:
        """How many rows a table has."""
        with self._typed():
            (rows,) = self._connection.execute(f"SELECT count(*) FROM {table.name}").fetchone()  # noqa: S608 - ours
            return int(rows)

    def fetched(self) -> dict[str, KeptSpans]:
        """How much was fetched, by kind."""
        with self._typed():
            return {kind: KeptSpans(*counts) for kind, *counts in self._connection.execute(FETCHED)}

    def forget(self, table: Table, before_ms: int) -> None:
        """Delete rows older than `before_ms`."""
        with self._transaction():
            statement = f"DELETE FROM {table.name} WHERE {table.time} < ?"  # noqa: S608 - our own names
            self._connection.execute(statement, (before_ms,))

    def spans(self, kind: str) -> list[Span]:
        """All spans of a kind."""
        with self._typed():
            statement = "SELECT key, first, last, as_of_ms FROM spans WHERE kind = ? ORDER BY key, first"
            return [Span(*row) for row in self._connection.execute(statement, (kind,))]

    def change_spans(self, kind: str, change: Callable[[list[Span]], list[Span]]) -> None:
        """Replace the spans of a kind by what `change` makes of them, in one transaction."""
        with self._transaction():
            known = self.spans(kind)
            wanted = change(known)
            gone, new = set(known) - set(wanted), set(wanted) - set(known)
            self._connection.executemany(
                "DELETE FROM spans WHERE kind = ? AND key = ? AND first = ?", [(kind, *span[:2]) for span in gone]
            )
            self._connection.executemany(SPANS.insert("VALUES (?, ?, ?, ?, ?)"), [(kind, *span) for span in new])

    def checkpoint(self) -> None:
        """Give back the log's space, unless somebody reads from it."""
        with self._typed():
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def bytes_used(self) -> int:
        """Size of the file and of its log."""
        files = (self.path, self.path.with_name(self.path.name + "-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    def _begin(self, *, read_only: bool) -> None:
        with self._typed():
            self._connection = self._connect(read_only=read_only)
            try:
                self._bring_up(read_only=read_only)
            except BaseException:
                self._connection.close()
                raise

    def _set_aside(self, why: str) -> None:
        """The file with its log, which fits no other."""
        try:
            for file in sorted(self.path.parent.glob(f"{self.path.name}*")):
                if file.name.removeprefix(self.path.name) in ("", "-wal", "-shm"):
                    set_aside(file, why)
        except OSError as error:
            what = error.strerror or str(error)
            raise HistoryUnavailableError(self.path, what, "free or mend the disk; it goes on by itself") from error

    def _connect(self, *, read_only: bool) -> sqlite3.Connection:
        if read_only:
            return self._open("mode=ro" if self._shared() else "mode=ro&immutable=1")
        connection = self._open("mode=rwc")
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
        except BaseException:
            connection.close()
            raise
        return connection

    def _shared(self) -> bool:
        """Whether readers can take part in the log; on a disk that is read-only nobody writes one."""
        return os.access(self.path.parent, os.W_OK) or self.path.with_name(self.path.name + "-wal").exists()

    def _open(self, how: str) -> sqlite3.Connection:
        return sqlite3.connect(
            f"{self.path.absolute().as_uri()}?{how}",
            uri=True,
            timeout=_BUSY_S,
            isolation_level=None,
            check_same_thread=False,
        )

    def _bring_up(self, *, read_only: bool) -> None:
        if read_only:
            due(self.path, self._version(), read_only=True)
            return
        with self._transaction():
            for step in due(self.path, self._version(), read_only=False):
                for statement in step.both:
                    self._connection.execute(statement)
            self._connection.execute(f"PRAGMA application_id = {APPLICATION}")
            self._connection.execute(f"PRAGMA user_version = {VERSION}")

    def _version(self) -> int:
        """Version of the schema, 0 of a new file."""
        (application,) = self._connection.execute("PRAGMA application_id").fetchone()
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        (tables,) = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if application != APPLICATION and (application or version or tables):
            raise HistoryForeignError(self.path, "is no history of technic's", "name another folder")
        return int(version)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._typed():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # a full disk may have rolled back by itself
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _typed(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            name = getattr(error, "sqlite_errorname", "closed")
            if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
                raise HistoryDamagedError(self.path, str(error), "move the file away and start anew") from error
            what = f"{error} ({name})"
            raise HistoryUnavailableError(self.path, what, "free or mend the disk; it goes on by itself") from error


def _column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_boolean(kind):
        values = [None if value is None else bool(value) for value in values]
    return pa.array(values, kind)

"""A table from a file: parquet, or CSV plain or gzipped, opened through DuckDB as the view ``raw``.

Errors, and who acts::

    TableFileError    stop: the file is unreadable or foreign; a person names another one
"""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from streams.errors import StreamError

if TYPE_CHECKING:
    from collections.abc import Iterator


class TableFileError(StreamError):
    """The file cannot be used. Stop: a person names another file, or mends this one.

    Attributes:
        path: the file.
        column: the column at fault; None if it is the file as a whole.
        what: what is wrong with it.
    """

    kind = "file"
    """What the file was to be."""

    def __init__(self, path: Path, what: str, column: str | None = None) -> None:
        super().__init__(path, what, column)
        self.path, self.what, self.column = path, what, column

    @property
    def said(self) -> str:
        """What is wrong, without the file's name."""
        return f"column {self.column} {self.what}" if self.column else self.what

    def __str__(self) -> str:
        where = f", column {self.column}" if self.column else ""
        return f"{self.kind} {self.path}{where}: {self.what}"


class TableFile:
    """One file; `types` are the SQL types of its columns by name. Its rows are the view ``raw``.

    Args:
        path: parquet, CSV or gzipped CSV, told apart by content.
        error: what to raise.

    Raises:
        TableFileError: of the kind asked for: the file is absent, empty or no table.
    """

    def __init__(self, path: Path, error: type[TableFileError]) -> None:
        self.path, self._error = path, error
        self._connection = _connect()
        with self.refusing():
            raw = self._open()
            self.types = dict(zip(raw.columns, map(str, raw.types), strict=True))
            raw.create_view("raw")

    def ask(self, sql: str) -> duckdb.DuckDBPyConnection:
        """Run a statement.

        Raises:
            TableFileError: of the kind asked for: the file cannot be read on.
        """
        try:
            return self._connection.execute(sql)
        except duckdb.Error as error:
            raise self._error(self.path, _reason(error)) from error

    def row(self, sql: str) -> tuple[Any, ...]:
        """The first row that a statement gives."""
        row: tuple[Any, ...] = self.ask(sql).fetchone() or ()
        return row

    def malformed(self) -> int:
        """Lines of a CSV that have too few or too many columns, or are not UTF-8, among those read so far."""
        count: int = self.row("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'reject_errors'")[0]
        return count and self.row("SELECT count(DISTINCT line) FROM reject_errors")[0]

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Whatever goes wrong inside closes the file; what DuckDB and the system say becomes a refusal."""
        try:
            yield
        except (duckdb.Error, OSError) as error:
            self.close()
            raise self._error(self.path, _reason(error)) from error
        except Exception:
            self.close()
            raise

    def _open(self) -> duckdb.DuckDBPyRelation:
        with self.path.open("rb") as file:
            head = file.read(4)
        if not head:
            raise self._error(self.path, "is empty")
        self.parquet = head == b"PAR1"
        if self.parquet:
            return self._connection.read_parquet(str(self.path))
        return (
            self._connection.read_csv(  # all columns as text: a ticker may read TRUE, and no bad number costs the file
                str(self.path),
                header=True,
                all_varchar=True,
                delimiter=",",
                quotechar='"',
                compression="gzip" if head.startswith(b"\x1f\x8b") else "none",
                ignore_errors=True,
                store_rejects=True,
            )
        )


def _connect() -> duckdb.DuckDBPyConnection:
    """A database in memory that spills into a folder of its own, which DuckDB makes and removes."""
    connection = duckdb.connect(":memory:")
    spill = Path(tempfile.gettempdir()) / f"technic-bars-{os.getpid()}-{id(connection)}"
    connection.execute("SET temp_directory = ?", [str(spill)])
    connection.execute("SET memory_limit = '1GB'; SET autoinstall_known_extensions = false")
    return connection


def _reason(error: duckdb.Error | OSError) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return f"cannot be read as parquet or CSV ({str(error).strip().partition(chr(10))[0]})"

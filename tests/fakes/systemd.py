"""systemd's end of the notify protocol: a bound datagram socket that is read without waiting."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path


class Systemd:
    """Listens in `folder` while the context lasts.

    Attributes:
        environ: what a service finds in its environment.
        messages: what it has said, in order, as far as `listen` was called.
    """

    def __init__(self, folder: Path, *, watchdog_s: float = 0.0) -> None:
        self._path = folder / "notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.environ = {"NOTIFY_SOCKET": str(self._path)}
        if watchdog_s:
            self.environ["WATCHDOG_USEC"] = str(round(watchdog_s * 1e6))
        self.messages: list[dict[str, str]] = []

    def __enter__(self) -> Self:
        self._socket.bind(str(self._path))
        self._socket.setblocking(False)
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def listen(self) -> list[dict[str, str]]:
        """The messages that have come since the last call."""
        fresh = []
        with suppress(BlockingIOError):
            while True:
                lines = self._socket.recv(4096).decode().split("\n")
                fresh.append(dict(line.split("=", 1) for line in lines))
        self.messages += fresh
        return fresh

    def has_heard(self, name: str) -> bool:
        """Whether any message so far has set `name`."""
        self.listen()
        return any(name in message for message in self.messages)

"""systemd's notify protocol.

`Notifier` sends datagrams to ``$NOTIFY_SOCKET``; without that variable it does nothing, so that the daemon runs the
same from a shell. What systemd is told is best effort: a socket that cannot be written to is not an error.

When the watchdog is to be fed is `daemon.watchdog`'s question.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from streams.types import Clock

MAX_STATUS = 500
WATCHDOG_SHARE = 0.4
"""Of the interval that systemd allows: two pings fit into it, with room."""


class Notifier:
    """Tells systemd how things stand. Owns its socket; close it, or use it as a context.

    Args:
        clock: for the time that goes with ``RELOADING=1``.
        environ: holds ``NOTIFY_SOCKET``, ``WATCHDOG_USEC`` and ``WATCHDOG_PID`` when systemd listens.

    Attributes:
        watchdog_s: how often to feed the watchdog, seconds; None when systemd has none for this process.
        limit_s: how long systemd waits for it, seconds; 0 without watchdog.
    """

    def __init__(self, clock: Clock, environ: Mapping[str, str] = os.environ) -> None:
        self._clock = clock
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setblocking(False)
        self.limit_s = _watchdog_s(environ)
        self.watchdog_s = self.limit_s * WATCHDOG_SHARE or None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ready(self, status: str) -> None:
        """Configuration, kernels, state and outbox stand; also the end of a reload."""
        self._send("READY=1", _status(status))

    def status(self, status: str) -> None:
        """One line for ``systemctl status``."""
        self._send(_status(status))

    def reloading(self) -> None:
        """A reload has begun; `ready` ends it."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={round(self._clock.monotonic_s() * 1e6)}")

    def stopping(self, status: str = "stopping") -> None:
        """The end has begun."""
        self._send("STOPPING=1", _status(status))

    def watchdog(self) -> None:
        """Feed the watchdog; see `daemon.watchdog.stuck` for when."""
        self._send("WATCHDOG=1")

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _send(self, *lines: str) -> None:
        if self._address:
            with suppress(OSError):
                self._socket.sendto("\n".join(lines).encode(), self._address)


def _address(name: str) -> str:
    """The socket's address; a name that begins with ``@`` is of the abstract namespace."""
    if name.startswith("@"):
        return "\0" + name[1:]
    return name if name.startswith("/") else ""


def _status(text: str) -> str:
    """``STATUS=`` of one line: a line break would begin another assignment."""
    return f"STATUS={' '.join(text.split())[:MAX_STATUS]}"


def _watchdog_s(environ: Mapping[str, str]) -> float:
    meant = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    given = environ.get("WATCHDOG_USEC", "")
    return int(given) / 1e6 if meant and given.isdecimal() else 0.0

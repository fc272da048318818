"""One learner's process, seen from the engine: started, written to and read by threads, ended.

Shell. Lets nothing of the engine's process leak into the child but one socket, and its environment without
the service's own settings, for secrets are among them.
"""

from __future__ import annotations

import contextlib
import os
import queue
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from daemon.scoring.errors import LearnerGoneError, WireError
from daemon.scoring.wire import Decoder

if TYPE_CHECKING:
    from daemon.scoring.wire import Frame

_ROOT = Path(__file__).parents[2]
_CHUNK_BYTES = 1 << 18
_DRAIN_S = 0.01
_PRIVATE = "TECHNIC_"


class Child:
    """A learner's process.

    What it sends is read at once, however seldom the engine asks: a state is larger than what a socket holds, and would
    keep all that follows it in the learner's process.

    Args:
        backlog: frames that may wait to be written, of which the caller never has more under way, and frames that may
            wait to be taken; beyond that the learner waits.

    Attributes:
        pid: of the process.
    """

    def __init__(self, backlog: int) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 (our own interpreter, our own module)
                [sys.executable, "-P", "-m", "daemon.scoring.learner", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=_environment(),
            )
        self.pid = self._process.pid
        self._socket = ours
        self._outgoing: queue.Queue[bytes | None] = queue.Queue(maxsize=backlog)
        self._incoming: queue.Queue[Frame | WireError | None] = queue.Queue(maxsize=backlog)
        self._writer = threading.Thread(target=self._write, name="learner-writer", daemon=True)
        self._reader = threading.Thread(target=self._read, name="learner-reader", daemon=True)
        self._writer.start()
        self._reader.start()

    def send(self, frame: bytes) -> None:
        """Hand a frame to the writing thread; never blocks.

        Raises:
            queue.Full: the caller broke its promise about `backlog`.
        """
        self._outgoing.put_nowait(frame)

    def receive(self, wait_s: float) -> list[Frame]:
        """The frames that have come, after waiting up to `wait_s` seconds for the first.

        Raises:
            LearnerGoneError: the process has closed its socket.
            WireError: what it sent is no frame.
        """
        frames: list[Frame] = []
        with contextlib.suppress(queue.Empty):
            while True:
                came = self._incoming.get(timeout=wait_s) if wait_s and not frames else self._incoming.get_nowait()
                match came:
                    case None:
                        raise LearnerGoneError(self._process.poll())
                    case WireError():
                        raise came
                frames.append(came)
        return frames

    def end(self) -> int:
        """End the process at once, and give its exit code; it has no state of its own that could be lost."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(queue.Full):
            self._outgoing.put_nowait(None)
        self._process.kill()
        code = self._process.wait()
        self._writer.join()
        while self._reader.is_alive():
            with contextlib.suppress(queue.Empty):
                self._incoming.get(timeout=_DRAIN_S)
        self._socket.close()
        return code

    def _read(self) -> None:
        decoder = Decoder()
        with contextlib.suppress(OSError):
            while received := self._socket.recv(_CHUNK_BYTES):
                try:
                    for frame in decoder.feed(received):
                        self._incoming.put(frame)
                except WireError as error:
                    self._incoming.put(error)
                    return
        self._incoming.put(None)

    def _write(self) -> None:
        with contextlib.suppress(OSError):
            while frame := self._outgoing.get():
                self._socket.sendall(frame)


def _environment() -> dict[str, str]:
    """One thread of linear algebra: more would fight the engine for its core, and could round otherwise."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_PRIVATE)}
    path = os.pathsep.join(filter(None, (str(_ROOT), kept.get("PYTHONPATH"))))
    return {**kept, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

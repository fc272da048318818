"""The learner's process: lessons in, views out, over one inherited socket.

Run as ``python -m daemon.scoring.learner FD``. Owns the River pipeline and nothing else: its state is in
every view it sends, so it may be killed at any time. It ends when the socket closes, that is, when the
engine's process ends in whatever way.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING

from daemon import kernelcache
from daemon.scoring.errors import WireError
from daemon.scoring.model import Model
from daemon.scoring.wire import Decoder, answer, view_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from daemon.scoring.wire import Frame

NICENESS = 5
"""Where cores are short, scoring goes before learning."""

_CHUNK_BYTES = 1 << 18


def serve(connection: socket.socket) -> None:
    """Learn each lesson in order and answer it with a view, until the other side closes.

    Raises:
        WireError: the other side does not speak the format.
        StateError: the state to go on from is none.
    """
    frames = _frames(connection)
    first = next(frames, None)
    if first is None:
        return
    model = _model(first)
    for frame in frames:
        _expect(frame, "lesson")
        view = model.learn(frame.minute_ms, frame.arrays["features"], frame.arrays["answer"])
        connection.sendall(answer(frame.number, view))


def _model(first: Frame) -> Model:
    _expect(first, "hello")
    model = Model(first.features)
    model.load(view_of(first, len(first.features)))
    return model


def _frames(connection: socket.socket) -> Iterator[Frame]:
    decoder = Decoder()
    while received := connection.recv(_CHUNK_BYTES):
        yield from decoder.feed(received)


def _expect(frame: Frame, kind: str) -> None:
    if frame.kind != kind:
        raise WireError(f"expected a {kind}, got a {frame.kind}")


def main() -> None:
    """Serve the socket whose descriptor is the first argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the group; the engine ends us
    os.nice(NICENESS)
    with (
        socket.socket(fileno=int(sys.argv[1])) as connection,
        contextlib.suppress(BrokenPipeError, ConnectionResetError),
    ):
        serve(connection)
    kernelcache.seal()


if __name__ == "__main__":
    main()

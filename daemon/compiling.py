"""A cold start: kernels compile in two processes, and a bar shows how far they are.

Run as a module it compiles the decoder, the largest kernel by far, and ends: a second core does that while the first
compiles all else.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from numba.core import event

from daemon import kernelcache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHILD_S = 120.0
"""A child that takes longer is ended, and its work done here."""

COMMON = 15
"""Kernels that are compiled whatever the rules name, those of the decoder left out."""


@contextmanager
def decoder_beside() -> Iterator[Callable[[], None]]:
    """A child compiles the decoder, where nothing has been compiled yet; what is given waits for it.

    A child that fails costs time: whoever needs the decoder then compiles it.
    """
    if not kernelcache.is_empty():
        yield lambda: None
        return
    command = [sys.executable, "-P", "-W", "ignore", "-m", "daemon.compiling"]
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)  # noqa: S603 (ourselves)
    except OSError:
        yield lambda: None
        return
    try:
        yield lambda: _wait(child)
    finally:
        child.kill()
        child.wait()


def _wait(child: subprocess.Popen[bytes]) -> None:
    with suppress(subprocess.TimeoutExpired):
        child.wait(CHILD_S)


class Compiled(event.Listener):  # type: ignore[misc]  # numba has no types
    """Counts kernels compiled, those inlined into another not counted.

    Args:
        told: told how many so far, after each.
    """

    def __init__(self, told: Callable[[int], None]) -> None:
        self._told, self._depth, self._done = told, 0, 0

    def on_start(self, _event: Any) -> None:
        """One begins."""
        self._depth += 1

    def on_end(self, _event: Any) -> None:
        """One is ready."""
        self._depth -= 1
        if not self._depth:
            self._done += 1
            self._told(self._done)


@contextmanager
def counted(told: Callable[[int], None]) -> Iterator[None]:
    """Tell `told` how many kernels are compiled so far, while this lasts."""
    with event.install_listener("numba:compile", Compiled(told)):
        yield


def _main() -> None:
    from daemon import warm  # noqa: PLC0415 - which imports this
    from streams.polygon.codec import Codec  # noqa: PLC0415 - only the child needs it

    warm.decoder(Codec())


if __name__ == "__main__":
    _main()

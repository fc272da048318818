"""The last resort of a stop: what has not ended in time ends now, and says where it stood."""

from __future__ import annotations

import faulthandler
import os
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

END_S = 4.5
EXIT_NOW = 75
TWICE_S = 1.0
"""Signals within this time are one: ``make``, ``timeout`` and process groups send the same one twice."""


class Ending:
    """Gives a stop `END_S` seconds. A context: leaving it says that all has ended.

    A thread of its own keeps the time, for what does not end may be the event loop itself.

    Args:
        before: done before the process is ended, and may be added to: ends what would outlive it. Must not wait.

    Attributes:
        code: exit code of a process that is ended so.
    """

    def __init__(self, *before: Callable[[], None]) -> None:
        self.before, self.code = list(before), EXIT_NOW
        self._timer = threading.Timer(END_S, self.now)
        self._timer.daemon = True
        self._asked_s: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        if self._timer.ident:
            self._timer.join()

    def begin(self, code: int = EXIT_NOW) -> None:
        """The stop has begun, and `code` is what it ends with if it hangs; saying it again changes nothing."""
        if not self._timer.ident:
            self.code = code
            self._timer.start()

    def asked(self, at_s: float) -> None:
        """Somebody wants the end, at `at_s` of a monotonic clock: the stop begins; asked again later, it ends now."""
        if self._asked_s is None:
            self._asked_s = at_s
        elif at_s - self._asked_s >= TWICE_S:
            self.now()
        self.begin()

    def now(self) -> None:
        """End the process at once, with the stacks of all threads on stderr."""
        faulthandler.dump_traceback()
        for act in self.before:
            act()
        os._exit(self.code)

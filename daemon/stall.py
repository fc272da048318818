"""Whether the event loop turns, seen from a thread of its own; and, while it does not, where it stands.

A loop that stands still feeds no watchdog, and systemd starts the service anew after half a minute. What held it up
would be lost by then: so the stacks of all threads go to stderr after a second.
"""

from __future__ import annotations

import asyncio
import faulthandler
import threading
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.types import Clock

BEAT_S: Final = 0.1
STALL_S: Final = 1.0
KEPT: Final = 600
"""Beats whose lateness is remembered: a minute of them."""


class LoopWatch:
    """A task that beats, and a thread that listens.

    Args:
        clock: the machine's.
        stalled: called on the event loop, when it turns again, with the seconds for which it did not.
        dump: shows all stacks; called in the thread.
    """

    def __init__(
        self, clock: Clock, stalled: Callable[[float], None], dump: Callable[[], None] = faulthandler.dump_traceback
    ) -> None:
        self._clock, self._stalled, self._dump = clock, stalled, dump
        self._late: deque[float] = deque(maxlen=KEPT)
        self._beat_s = clock.monotonic_s()

    @property
    def lag_s(self) -> float:
        """By how much the latest beat of the last minute was late."""
        return max(self._late, default=0.0)

    async def run(self) -> None:
        """Beat for ever."""
        ended = threading.Event()
        self._beat_s = self._clock.monotonic_s()
        listener = threading.Thread(target=self._listen, args=(ended,), name="loop watch", daemon=True)
        listener.start()
        try:
            while True:
                await asyncio.sleep(BEAT_S)
                late_s = self._clock.monotonic_s() - self._beat_s - BEAT_S
                self._beat_s = self._clock.monotonic_s()
                self._late.append(max(late_s, 0.0))
                if late_s > STALL_S:
                    self._stalled(late_s)
        finally:
            ended.set()
            listener.join()  # it waits for nothing but that

    def _listen(self, ended: threading.Event) -> None:
        """Show the stacks once a stall. A process that was stopped as a whole finds this thread as late as the loop."""
        told_s, heard_s = 0.0, self._clock.monotonic_s()
        while not ended.wait(BEAT_S):
            now_s, beat_s = self._clock.monotonic_s(), self._beat_s
            paused, heard_s = now_s - heard_s > STALL_S, now_s
            if now_s - beat_s > STALL_S + BEAT_S and beat_s != told_s and not paused:
                told_s = beat_s
                self._dump()

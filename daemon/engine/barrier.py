"""When the market's minutes close.

Nothing on the wire says that a minute is complete for the market. A minute closes here once market time has
passed its end by a grace, see `daemon.engine.arrivals`. Market time comes in with the bars (their arrival) or with a
reading of the market clock; this module reads no clock of its own, so live and replay close at the same bar.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from streams.bars import MINUTE_MS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.types import Longs

FAR_MS = 2**62
"""Later than any market time."""


class Barrier:
    """Closes minutes in order, each exactly once.

    After the newest minute that held a bar, `tail` empty minutes are closed too, so that what waits for them (an
    answer 15 minutes later) is served; then the barrier idles until the next bar. A night costs nothing.

    Args:
        grace_ms: how long after a minute's end its bars are waited for.
        tail: empty minutes closed after the last one with a bar.

    Attributes:
        grace_ms: as given; another one holds from the next minute on.
        now_ms: market time reached.
        newest_ms: start of the newest minute that held a bar, 0 before the first.
        closed_ms: start of the newest minute that is closed, 0 before the first.
    """

    def __init__(self, grace_ms: int, tail: int) -> None:
        self.grace_ms = grace_ms
        self._tail_ms = tail * MINUTE_MS
        self.now_ms = self.newest_ms = self.closed_ms = 0

    @property
    def deadline_ms(self) -> int:
        """Market time at which the oldest open minute closes; `FAR_MS` while idle."""
        idle = self.newest_ms + self._tail_ms <= self.closed_ms or not self.newest_ms
        return FAR_MS if idle else self.closed_ms + 2 * MINUTE_MS + self.grace_ms

    def segments(self, clock_ms: Longs, minute_ms: Longs) -> Iterator[slice | int]:
        """Interleave n bars with the minutes that close between them.

        Args:
            clock_ms: ``int64[n]``, market time at which each bar came; a step back counts as no step.
            minute_ms: ``int64[n]``, start of the minute each bar belongs to.

        Yields:
            A slice: these bars come before the next close. An int: this minute closes now. The caller handles
            each before it asks for the next. Cost: O(n) once, then O(log n) per minute closed.
        """
        clock_ms = np.maximum(np.maximum.accumulate(clock_ms), self.now_ms)
        position, size = 0, len(clock_ms)
        while position < size:
            woken = position + self._wake(minute_ms[position:]) if self.deadline_ms == FAR_MS else position
            end = max(woken, int(np.searchsorted(clock_ms, self.deadline_ms)))
            if end > position:
                self.now_ms = int(clock_ms[end - 1])
                self._note(int(minute_ms[position:end].max()))
                yield slice(position, end)
                position = end
            else:
                yield self._close()

    def advance(self, now_ms: int) -> Iterator[int]:
        """The minutes that close by market time `now_ms`, in order; the caller handles each as it comes."""
        self.now_ms = max(self.now_ms, now_ms)
        while self.deadline_ms <= self.now_ms:
            yield self._close()

    def to_array(self) -> Longs:
        """The whole state, ``int64[3]``."""
        return np.array([self.now_ms, self.newest_ms, self.closed_ms], np.int64)

    def load_array(self, state: Longs) -> None:
        """Go on where `to_array` left off."""
        self.now_ms, self.newest_ms, self.closed_ms = (int(value) for value in state)

    def _wake(self, minute_ms: Longs) -> int:
        """Leave idleness at the first bar of a minute still open, skipping to it; how many bars that takes.

        The bar that wakes is taken before its minute closes, however late it came.
        """
        fresh = np.flatnonzero(minute_ms > self.closed_ms)
        if not len(fresh):
            return 0
        self.newest_ms = int(minute_ms[fresh[0]])
        self.closed_ms = self.newest_ms - MINUTE_MS
        return int(fresh[0]) + 1

    def _note(self, minute_ms: int) -> None:
        """A straggler of a closed minute asks for no further closes."""
        if minute_ms > self.closed_ms:
            self.newest_ms = max(self.newest_ms, minute_ms)

    def _close(self) -> int:
        self.closed_ms += MINUTE_MS
        return self.closed_ms

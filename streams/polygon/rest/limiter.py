"""The plan's rate, shared by all who ask: the live first, the merely useful last."""

from __future__ import annotations

import asyncio
from bisect import insort
from collections import Counter
from enum import IntEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from streams.types import Clock

MOST_WAITING: Final = 1_000


class Priority(IntEnum):
    """Who goes first, the smaller before the larger."""

    LIVE = 0
    """An alert or a gap in the feed waits for it."""
    NEEDED = 1
    """A person waits for it."""
    WARM_UP = 2
    """A start waits for it."""
    PREFETCH = 3
    """Nobody waits for it yet."""


class TurnRefusedError(Exception):
    """Too many wait already, and those have precedence; or one came who has it, and all places were taken."""


class _Waiting:
    def __init__(self, priority: Priority, number: int) -> None:
        self.priority, self.number = priority, number
        self.wake = asyncio.Event()
        self.refused = False

    def __lt__(self, other: _Waiting) -> bool:
        return (self.priority, self.number) < (other.priority, other.number)


class RateLimiter:
    """One bucket of turns for the process.

    A turn comes back every ``60 / per_minute`` seconds, and at most `burst` lie ready. At most 1,000 wait; beyond
    that the youngest of the least urgent is refused, be it the one who comes or one who waits.

    Args:
        per_minute: requests the plan allows.
        burst: how many may be made at once.
        clock: the monotonic one is used.

    Attributes:
        granted: turns given, by priority.
        refused: requests turned away, by priority.
    """

    def __init__(self, per_minute: float, burst: int, clock: Clock) -> None:
        self.granted: Counter[Priority] = Counter()
        self.refused: Counter[Priority] = Counter()
        self._every_s, self._burst, self._clock = 60.0 / per_minute, burst, clock
        self._free_s = float("-inf")  # when the bucket would be empty no more, had it no size
        self._paused_s = float("-inf")
        self._queue: list[_Waiting] = []  # in order, at most `MOST_WAITING`
        self._count = 0

    @property
    def waiting(self) -> Counter[Priority]:
        """How many wait, by priority."""
        return Counter(one.priority for one in self._queue)

    def pause(self, seconds: float) -> None:
        """Nobody has a turn for so long: the vendor has asked for it."""
        self._paused_s = max(self._paused_s, self._clock.monotonic_s() + seconds)

    async def turn(self, priority: Priority) -> None:
        """Wait for a turn; the caller sets the deadline.

        Raises:
            TurnRefusedError: too many wait.
        """
        mine = self._join(priority)
        try:
            await self._wait(mine)
            self._take()
        finally:
            self._leave(mine)
        self.granted[priority] += 1

    def _join(self, priority: Priority) -> _Waiting:
        if len(self._queue) >= MOST_WAITING:
            self._make_room(priority)
        self._count += 1
        mine = _Waiting(priority, self._count)
        insort(self._queue, mine)
        return mine

    def _make_room(self, priority: Priority) -> None:
        last = self._queue[-1]
        if last.priority <= priority:
            self.refused[priority] += 1
            raise TurnRefusedError
        self.refused[last.priority] += 1
        last.refused = True
        last.wake.set()
        del self._queue[-1]

    def _leave(self, mine: _Waiting) -> None:
        if not mine.refused:
            self._queue.remove(mine)
        if self._queue:
            self._queue[0].wake.set()

    async def _wait(self, mine: _Waiting) -> None:
        """Until it is the first's turn, and `mine` is the first; others may come in front of it, or take its place."""
        while True:
            if mine.refused:
                raise TurnRefusedError
            mine.wake.clear()
            delay_s = self._delay_s() if self._queue[0] is mine else None
            if delay_s is not None and delay_s <= 0:
                return
            try:
                async with asyncio.timeout(delay_s):
                    await mine.wake.wait()
            except TimeoutError:
                continue

    def _delay_s(self) -> float:
        now_s = self._clock.monotonic_s()
        ready_s = self._free_s - (self._burst - 1) * self._every_s
        return max(ready_s, self._paused_s) - now_s

    def _take(self) -> None:
        self._free_s = max(self._free_s, self._clock.monotonic_s()) + self._every_s

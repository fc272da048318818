"""Alerts in memory while the disk refuses them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from streams.outbox import OutboxError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streams.outbox import Entry, Outbox, Stored


class MemoryRing:
    """The outbox of an engine that must not stop: what the disk refuses waits in memory, bounded.

    Every `append` offers first what is waiting, so order holds. When the ring is full the oldest is dropped
    and counted. A kill loses what is in here: `on_change` is to be loud.

    Args:
        outbox: where alerts belong.
        on_change: told the error when the disk begins to refuse, and None when it has taken everything again.
        size: alerts that may wait.

    Attributes:
        error: why alerts wait; None while the disk takes them.
        dropped: alerts lost because the ring was full.
    """

    def __init__(self, outbox: Outbox, on_change: Callable[[OutboxError | None], None], size: int = 10_000) -> None:
        self.error: OutboxError | None = None
        self.dropped = 0
        self._outbox, self._on_change = outbox, on_change
        self._waiting: deque[Entry] = deque(maxlen=size)

    def __len__(self) -> int:
        return len(self._waiting)

    def append(self, entries: Sequence[Entry], now_ms: int) -> list[Stored]:
        """Store what waits and then `entries`; never raises `OutboxError`.

        To be called now and then without entries while something waits: the disk may have healed.

        Returns:
            The newly stored, in order: nothing while the disk refuses, later also those that had waited.
        """
        self._hold(entries)
        if not self._waiting:
            return []
        try:
            stored = self._outbox.append(tuple(self._waiting), now_ms)
        except OutboxError as error:
            self._turn(error)
            return []
        self._waiting.clear()
        self._turn(None)
        return stored

    def _hold(self, entries: Sequence[Entry]) -> None:
        room = (self._waiting.maxlen or 0) - len(self._waiting)
        self.dropped += max(len(entries) - room, 0)
        self._waiting.extend(entries)

    def _turn(self, error: OutboxError | None) -> None:
        changed = (self.error is None) != (error is None)
        self.error = error
        if changed:
            self._on_change(error)

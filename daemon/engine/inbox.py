"""Where bars wait for the engine, bounded.

When the engine is slower than the feed, second bars of the same symbol and minute merge into one; what merged is
counted. Minute bars never merge and are never shed: if even they do not fit, `Inbox.put` says so and the feed is
dropped on purpose, to be repaired as a gap.
"""

from __future__ import annotations

import sys
from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from streams.bars import MINUTE_MS, BarBatch, concat

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Inbox:
    """Batches in order of arrival, at most `limit` bars.

    Attributes:
        depth: bars waiting.
        limit: bars that may wait.
        merged: second bars that lost themselves in another since the start.
        merging: whether second bars that are taken together merge, full or not.
        refused: bars that did not fit since the start.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.depth = self.merged = self.refused = 0
        self.merging = False
        self._waiting: deque[tuple[BarBatch, float]] = deque()

    @property
    def oldest_s(self) -> float | None:
        """When the oldest of what waits was received, as told to `put`; None if nothing waits."""
        return self._waiting[0][1] if self._waiting else None

    def put(self, batch: BarBatch, received_s: float = 0.0) -> bool:
        """Add `batch`; False, and nothing added, when it does not fit even after second bars have merged."""
        if self.depth + batch.size > self.limit:
            self._merge()
        if self.depth + batch.size > self.limit:
            self.refused += batch.size
            return False
        self._waiting.append((batch, received_s))
        self.depth += batch.size
        return True

    def take(self, most: int = sys.maxsize) -> BarBatch:
        """The oldest batches that wait, as one: as many as it takes to reach `most` bars, or all."""
        taken: list[BarBatch] = []
        size = 0
        while self._waiting and size < most:
            batch, _ = self._waiting.popleft()
            taken.append(batch)
            size += batch.size
        self.depth -= size
        batch = concat(taken)
        if not self.merging or not size:
            return batch
        merged = coalesce(batch)
        self.merged += size - merged.size
        return merged

    def _merge(self) -> None:
        if not self._waiting:
            return
        merged = coalesce(concat([batch for batch, _ in self._waiting]))
        self.merged += self.depth - merged.size
        self._waiting, self.depth = deque([(merged, self._waiting[0][1])]), merged.size


def coalesce(batch: BarBatch) -> BarBatch:
    """Merge the second bars of each symbol and minute; minute bars stay as they are.

    The open is the first one's, the close the last one's (by start of the second), extremes and summed volume are
    over all, vwap is weighted by volume (the typical price where it is not known), the rest is the last one's. A
    merged bar arrives with its first, and the order is that of arrival: no merged bar overtakes a minute bar, whose
    minute it would close. Cost: O(n log n).
    """
    is_second = batch.length_ms < MINUTE_MS
    if not is_second.any():
        return batch
    merged, first = _merged(batch.take(is_second))
    both = concat([merged, batch.take(~is_second)])
    came = np.concatenate([np.flatnonzero(is_second)[first], np.flatnonzero(~is_second)])
    return both.take(np.lexsort((came, both.arrival_ms)))


def _merged(seconds: BarBatch) -> tuple[BarBatch, NDArray[np.intp]]:
    """One bar for each symbol and minute, and the position of the first second in each."""
    minute = seconds.start_ms // MINUTE_MS
    order = np.lexsort((seconds.start_ms, minute, seconds.symbol))
    seconds, minute = seconds.take(order), minute[order]
    new = np.ones(seconds.size, np.bool_)
    new[1:] = (seconds.symbol[1:] != seconds.symbol[:-1]) | (minute[1:] != minute[:-1])
    first = np.flatnonzero(new)
    last = np.append(first[1:], seconds.size) - 1
    values = seconds.values[:, last].copy()
    values[0] = seconds.values[0, first]
    values[1] = np.maximum.reduceat(seconds.values[1], first)
    values[2] = np.minimum.reduceat(seconds.values[2], first)
    volume, vwap = seconds.values[4:6]
    price = np.where(np.isnan(vwap), seconds.values[1:4].mean(axis=0), vwap)
    values[4] = np.add.reduceat(volume, first)
    values[5] = np.add.reduceat(price * volume, first) / values[4]
    arrival_ms = np.minimum.reduceat(seconds.arrival_ms, first)
    merged = BarBatch(seconds.symbol[first], seconds.start_ms[first], seconds.length_ms[first], arrival_ms, values)
    return merged, order[first]

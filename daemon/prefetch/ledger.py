"""What prefetching costs and what it brings, measured always. Pure.

A *need* is a question about one symbol and kind at the moment it is asked. It is *ready* if the cache has the answer,
and a *hit* if the answer is there because it was prefetched.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

import numpy as np

from daemon.prefetch.plan import HORIZON_MS, MINUTE_MS

MOST_ITEMS: Final = 65_536
"""Prefetched items that are remembered; the oldest gives way."""

MOST_LABELS: Final = 8_192
"""Items whose 30 minutes are not over; the oldest is answered early, as what it is by then."""

HOUR_MINUTES: Final = 60

Item = tuple[str, str]
"""Symbol and kind."""


class Figures(NamedTuple):
    """Over a stretch of market time. Counts are whole numbers.

    Attributes:
        calls: spent on prefetching, the failed ones among them.
        fetched: items that came of it.
        needs: questions asked.
        ready: needs whose answer was in the cache.
        hits: needs whose answer was there because it was prefetched.
        saved_ms: what the hits would have waited: latency of their fetches less that of the cache.
        used: items needed within 30 minutes, of those whose 30 minutes are over.
        answered: items whose 30 minutes are over.
    """

    calls: float = 0.0
    fetched: float = 0.0
    needs: float = 0.0
    ready: float = 0.0
    hits: float = 0.0
    saved_ms: float = 0.0
    used: float = 0.0
    answered: float = 0.0

    @property
    def hit_rate(self) -> float:
        """Share of needs that were ready; NaN before the first."""
        return self.ready / self.needs if self.needs else float("nan")

    @property
    def calls_per_hit(self) -> float:
        """NaN while there are neither, infinite while there is no hit."""
        if self.hits:
            return self.calls / self.hits
        return float("inf") if self.calls else float("nan")

    @property
    def precision(self) -> float:
        """Share of the answered items that were used; NaN before the first."""
        return self.used / self.answered if self.answered else float("nan")


class Label(NamedTuple):
    """Whether an item was needed within 30 minutes of market time after it was fetched."""

    symbol: str
    kind: str
    fetched_ms: int
    used: bool


class _Fetched(NamedTuple):
    at_ms: int
    latency_ms: float


class Ledger:
    """Notes fetches and needs.

    Args:
        horizon_ms: within which a use is a use.
    """

    def __init__(self, horizon_ms: int = HORIZON_MS) -> None:
        self._horizon_ms = horizon_ms
        self._items: dict[Item, _Fetched] = {}
        self._open: dict[tuple[Item, int], bool] = {}  # in the order of fetching: used so far
        self._labels: deque[Label] = deque(maxlen=MOST_LABELS)
        self._total = np.zeros(len(Figures._fields))
        self._minutes = np.zeros((HOUR_MINUTES, len(Figures._fields)))
        self._minute = 0

    def fetched(self, symbol: str, kind: str, now_ms: int, latency_ms: float, calls: int = 1) -> None:
        """An item was prefetched; before, it was not there."""
        item = (symbol, kind)
        if len(self._open) >= MOST_LABELS:
            self._answer(now_ms)
        self._items.pop(item, None)
        if len(self._items) >= MOST_ITEMS:
            del self._items[next(iter(self._items))]
        self._items[item] = _Fetched(now_ms, latency_ms)
        self._open[item, now_ms] = False
        self._note(now_ms, Figures(calls=calls, fetched=1))

    def failed(self, now_ms: int, calls: int = 1) -> None:
        """Calls were spent on nothing."""
        self._note(now_ms, Figures(calls=calls))

    def needed(self, symbol: str, kind: str, now_ms: int, cache_ms: float, *, ready: bool) -> bool:
        """Something is needed; whether it is a hit.

        Args:
            symbol: whose.
            kind: what of it.
            now_ms: market time.
            cache_ms: what asking the cache took.
            ready: the cache had it fresh. If not, what was prefetched is of no use any more.
        """
        item = (symbol, kind)
        if not ready:
            self._items.pop(item, None)
        prefetched = self._items.get(item)
        self._use(item, now_ms)
        if prefetched is None:
            self._note(now_ms, Figures(needs=1, ready=ready))
            return False
        saved_ms = max(0.0, prefetched.latency_ms - cache_ms)
        self._note(now_ms, Figures(needs=1, ready=1, hits=1, saved_ms=saved_ms))
        return True

    def labels(self, now_ms: int) -> list[Label]:
        """Items whose 30 minutes have ended since the last time, in the order they were fetched."""
        while self._open and next(iter(self._open))[1] + self._horizon_ms < now_ms:
            self._answer(now_ms)
        found = list(self._labels)
        self._labels.clear()
        return found

    def since_start(self) -> Figures:
        """All there was."""
        return Figures(*self._total.tolist())

    def last_hour(self, now_ms: int) -> Figures:
        """The minute of `now_ms` and the 59 before it."""
        self._turn(now_ms)
        return Figures(*self._minutes.sum(axis=0).tolist())

    def _use(self, item: Item, now_ms: int) -> None:
        """Only what is still there can be used: the newest fetch."""
        fetched = self._items.get(item)
        if fetched and (item, fetched.at_ms) in self._open and now_ms <= fetched.at_ms + self._horizon_ms:
            self._open[item, fetched.at_ms] = True

    def _answer(self, now_ms: int) -> None:
        item, at_ms = key = next(iter(self._open))
        used = self._open.pop(key)
        self._labels.append(Label(*item, at_ms, used))
        self._note(now_ms, Figures(used=used, answered=1))

    def _note(self, now_ms: int, more: Figures) -> None:
        self._turn(now_ms)
        row = np.array(more, np.float64)
        self._total += row
        self._minutes[self._minute % HOUR_MINUTES] += row

    def _turn(self, now_ms: int) -> None:
        """Minutes that have passed are emptied for what is to come; time never runs backwards."""
        minute = max(now_ms // MINUTE_MS, self._minute)
        passed = np.arange(max(self._minute + 1, minute - HOUR_MINUTES + 1), minute + 1)
        self._minutes[passed % HOUR_MINUTES] = 0.0
        self._minute = minute

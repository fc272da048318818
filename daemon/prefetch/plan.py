"""What is worth fetching next, within a budget that shrinks while it does not pay. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.types import Flags, Floats

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS

HORIZON_MS: Final = 30 * MINUTE_MS
"""What a chance is about: a need within this."""

LOOK_AHEAD_MS: Final = HOUR_MS
"""No use of an entry is counted on after this, however long it lives: what can be fetched later may wait."""


TRUST: Final = 2.0
"""A new budget counts as one that has paid so many times what it has to."""


class Kind(NamedTuple):
    """Something to know about one symbol.

    Attributes:
        name: of the cached kind.
        calls: that one fetch takes.
        lives_ms: how long it is fresh.
        latency_ms: that whoever needs it waits for, until it has been measured.
    """

    name: str
    calls: int
    lives_ms: int
    latency_ms: float = 120.0


KINDS: Final = (
    Kind("details", 1, 24 * HOUR_MS),
    Kind("news", 1, 15 * MINUTE_MS),
    Kind("related", 1, 7 * 24 * HOUR_MS),
    Kind("history", 1, 24 * HOUR_MS),
)
"""What an alert or a look takes."""


class Pick(NamedTuple):
    """One fetch: position of the candidate, index of the kind, milliseconds it is expected to save a call."""

    position: int
    kind: int
    worth_ms: float


def worth(chance: Floats, saved_ms: Floats, kinds: Sequence[Kind] = KINDS) -> Floats:
    """Milliseconds that a call is expected to save, ``float64[n, k]``.

    The chance of a need within `HORIZON_MS` becomes that of one while the entry is fresh, as if needs came at the same
    rate throughout.

    Args:
        chance: ``float64[n]`` in [0, 1]; NaN counts as none.
        saved_ms: ``float64[k]``, what a hit of each kind saves; below 0 counts as 0.
        kinds: the k kinds.
    """
    lives = np.array([min(kind.lives_ms, LOOK_AHEAD_MS) for kind in kinds]) / HORIZON_MS
    none = 1.0 - np.clip(np.nan_to_num(chance), 0.0, 1.0)
    needed = 1.0 - none[:, None] ** lives
    return np.asarray(needed * np.maximum(saved_ms, 0.0) / np.array([kind.calls for kind in kinds]))


def picks(
    chance: Floats, saved_ms: Floats, there: Flags, allowed: int, kinds: Sequence[Kind] = KINDS, *, yields: bool = False
) -> list[Pick]:
    """What to fetch, best first; of equals the earlier candidate, then the earlier kind.

    Args:
        chance: see `worth`.
        saved_ms: see `worth`.
        there: ``bool[n, k]``, what is fresh in the cache, or is no use asking for.
        allowed: calls that may be spent; what takes more than is left is passed over.
        kinds: the k kinds.
        yields: somebody waits for what he needs: nothing is fetched now.
    """
    if yields or allowed <= 0:
        return []
    values = np.where(there, 0.0, worth(chance, saved_ms, kinds))
    found: list[Pick] = []
    for flat in np.argsort(-values, axis=None, kind="stable").tolist():
        position, kind = divmod(flat, len(kinds))
        if allowed <= 0 or values[position, kind] <= 0.0:
            break
        if kinds[kind].calls <= allowed:
            allowed -= kinds[kind].calls
            found.append(Pick(position, kind, float(values[position, kind])))
    return found


class Budget:
    """Calls an hour of market time, as a bucket that fills evenly, and less of them while they do not pay.

    Whether they pay is judged by the last few thousand of them: hits come when the market is open, and calls long
    before. A new one is trusted for that many.

    Args:
        calls_per_hour: when all of it is spent.
        pays: hits a call at which all of it is in force; with fewer it is that much less.
        floor: share that is left however little it pays: it tells whether it would pay again.
        burst: share of an hour that may be spent at once.
        memory_calls: how many calls it is judged by; older ones count less and less.

    Attributes:
        share: of the budget in force, from `floor` to 1.
    """

    def __init__(
        self,
        calls_per_hour: float = 300.0,
        pays: float = 0.005,
        floor: float = 0.1,
        burst: float = 1 / 12,
        memory_calls: float = 5_000.0,
    ) -> None:
        self.share = 1.0
        self._per_ms = calls_per_hour / HOUR_MS
        self._pays, self._floor, self._memory = pays, floor, memory_calls
        self._judged, self._hits = memory_calls, memory_calls * pays * TRUST
        self._most = max(1.0, calls_per_hour * burst)
        self._calls = 0.0
        self._now_ms: int | None = None

    @property
    def allowed(self) -> int:
        """Whole calls that may be spent now."""
        return int(self._calls + 1e-9)

    def refill(self, now_ms: int) -> None:
        """Market time has come so far; it never runs backwards."""
        passed_ms = 0 if self._now_ms is None else max(0, now_ms - self._now_ms)
        self._now_ms = max(now_ms, self._now_ms or now_ms)
        self._calls = min(self._most, self._calls + passed_ms * self._per_ms * self.share)

    def spend(self, calls: int) -> None:
        """Calls were made.

        Raises:
            ValueError: more than are allowed.
        """
        if calls > self.allowed:
            raise ValueError(f"{calls} calls of {self.allowed} that are allowed")
        self._calls -= calls

    def tune(self, hits: float, calls: float) -> None:
        """So many hits came, and so many calls were made, since the last time."""
        kept = math.exp(-calls / self._memory)
        self._hits, self._judged = self._hits * kept + hits, self._judged * kept + calls
        self.share = min(1.0, max(self._floor, self._hits / (self._judged * self._pays)))

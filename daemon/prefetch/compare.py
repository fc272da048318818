"""Ways to prefetch, side by side over the same market: what each would have had there when alerts came. Pure.

Each alert needs every kind of its symbol at the minute it comes, before anything is prefetched in that minute. What is
missing is fetched there and then, and kept; so it is in every way, that of no prefetch among them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import numpy as np

from daemon.prefetch.demand import Demand
from daemon.prefetch.ledger import Ledger
from daemon.prefetch.outlook import Outlook
from daemon.prefetch.plan import KINDS, Budget, Pick, picks

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from daemon.prefetch.chances import Chances
    from daemon.prefetch.demand import Candidates
    from daemon.prefetch.ledger import Figures
    from daemon.prefetch.plan import Kind
    from streams.types import Flags, Longs

LATENCY_MS: Final = 120.0
CACHE_MS: Final = 1.0


class Minute(NamedTuple):
    """What was seen at the close of a market minute.

    Attributes:
        at_ms: market time.
        candidates: as the engine shows them after the minute.
        alerted: ``S16[a]``, symbols with alerts in this minute, once for each alert.
        sectors: ``int64[a]``, of these.
    """

    at_ms: int
    candidates: Candidates
    alerted: np.ndarray[tuple[int], np.dtype[np.bytes_]]
    sectors: Longs


class Outcome(NamedTuple):
    """How a way did.

    Attributes:
        figures: as the ledger has them.
        alerts: there were.
        enriched: of these, those for which every kind was there at once.
    """

    figures: Figures
    alerts: int
    enriched: int


class Way(Protocol):
    """A way to prefetch."""

    def plan(self, minute: Minute, there: Flags, ledger: Ledger) -> list[Pick]:
        """What to fetch after a minute; the way keeps to its own budget."""


class Idle:
    """No prefetch."""

    def plan(self, minute: Minute, there: Flags, ledger: Ledger) -> list[Pick]:  # noqa: ARG002 - it does not look
        """Nothing."""
        return []


class Blind:
    """As many as the budget allows of what is missing, at random.

    Args:
        calls_per_hour: the budget.
        random: draws.
    """

    def __init__(self, calls_per_hour: float, random: np.random.Generator) -> None:
        self._budget, self._random = Budget(calls_per_hour), random

    def plan(self, minute: Minute, there: Flags, ledger: Ledger) -> list[Pick]:  # noqa: ARG002 - nor back
        """All that is missing, shuffled."""
        missing = np.flatnonzero(~there)
        self._random.shuffle(missing)
        return _spent(self._budget, minute.at_ms, missing, there.shape[1])


class TopByScore:
    """As many as the budget allows of what is missing, all of the highest score first.

    Args:
        calls_per_hour: the budget.
    """

    def __init__(self, calls_per_hour: float) -> None:
        self._budget = Budget(calls_per_hour)

    def plan(self, minute: Minute, there: Flags, ledger: Ledger) -> list[Pick]:  # noqa: ARG002 - nor back
        """Symbols without a score come last."""
        order = np.argsort(-np.nan_to_num(minute.candidates.score, nan=-1.0), kind="stable")
        width = there.shape[1]
        flat = (order[:, None] * width + np.arange(width)).ravel()
        return _spent(self._budget, minute.at_ms, flat[~there.ravel()[flat]], width)


class Ours:
    """The prefetcher's own: ranked by learned chance, and turned down while it does not pay.

    Args:
        calls_per_hour: the budget.
        chances: with a teacher.
        sectors: how many there are.
        kinds: what there is to know.
    """

    def __init__(self, calls_per_hour: float, chances: Chances, sectors: int, kinds: Sequence[Kind] = KINDS) -> None:
        self._budget, self._chances, self._demand = Budget(calls_per_hour), chances, Demand(sectors)
        self._kinds = kinds
        self._outlook: Outlook | None = None

    def plan(self, minute: Minute, there: Flags, ledger: Ledger) -> list[Pick]:
        """As `daemon.prefetch.prefetcher.Prefetcher.round` does."""
        if self._outlook is None or self._outlook.ledger is not ledger:
            self._outlook = Outlook(self._demand, self._chances, self._budget, ledger)
        outlook, now_ms = self._outlook, minute.at_ms
        outlook.looked([symbol.decode() for symbol in minute.alerted.tolist()], now_ms)
        outlook.demand.alert(minute.sectors, now_ms)
        self._budget.refill(now_ms)
        saved_ms = np.full(len(self._kinds), LATENCY_MS - CACHE_MS)
        plan = picks(outlook.at(minute.candidates, now_ms), saved_ms, there, self._budget.allowed, self._kinds)
        self._budget.spend(sum(self._kinds[pick.kind].calls for pick in plan))
        return plan


def run(way: Way, minutes: Iterable[Minute], kinds: Sequence[Kind] = KINDS) -> Outcome:
    """Live through these minutes with an empty cache.

    A way that is run again goes on with what it has learned.
    """
    ledger, cache = Ledger(), _Cache(kinds)
    alerts = enriched = 0
    for minute in minutes:
        names = [symbol.decode() for symbol in minute.alerted.tolist()]
        ready = [cache.ready(name, minute.at_ms) for name in names]
        for name, has in zip(names, ready, strict=True):
            for kind, at_once in zip(kinds, has, strict=True):
                ledger.needed(name, kind.name, minute.at_ms, CACHE_MS, ready=at_once)
                if not at_once:
                    cache.put(name, kind, minute.at_ms)
        alerts, enriched = alerts + len(names), enriched + sum(map(all, ready))
        symbols = [symbol.decode() for symbol in minute.candidates.symbol.tolist()]
        there = np.array([cache.ready(name, minute.at_ms) for name in symbols], np.bool_).reshape(-1, len(kinds))
        for pick in way.plan(minute, there, ledger):
            name, kind = symbols[pick.position], kinds[pick.kind]
            cache.put(name, kind, minute.at_ms)
            ledger.fetched(name, kind.name, minute.at_ms, LATENCY_MS, kind.calls)
        ledger.labels(minute.at_ms)
    return Outcome(ledger.since_start(), alerts, enriched)


class _Cache:
    """Until when each item is fresh."""

    def __init__(self, kinds: Sequence[Kind]) -> None:
        self._kinds = kinds
        self._until_ms: dict[tuple[str, str], int] = {}

    def ready(self, symbol: str, now_ms: int) -> list[bool]:
        """Which kinds of a symbol are fresh."""
        return [self._until_ms.get((symbol, kind.name), 0) > now_ms for kind in self._kinds]

    def put(self, symbol: str, kind: Kind, now_ms: int) -> None:
        """It was fetched."""
        self._until_ms[symbol, kind.name] = now_ms + kind.lives_ms


def _spent(budget: Budget, now_ms: int, flat: Longs, width: int) -> list[Pick]:
    """The first of them that the budget allows; a call each."""
    budget.refill(now_ms)
    chosen = flat[: budget.allowed].tolist()
    budget.spend(len(chosen))
    return [Pick(place // width, place % width, 0.0) for place in chosen]

"""Fetches ahead of need: one task that looks around, plans, and asks, and gives way to whoever waits.

What fails here is felt by nobody: it is counted, and asked again when it is planned again.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import numpy as np
import structlog

from daemon.prefetch.plan import KINDS, picks
from streams.polygon.rest.errors import KeyRefused, NotEntitled
from streams.polygon.rest.limiter import Priority

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from daemon.dataplane.enrichment import Need
    from daemon.prefetch.demand import Candidates
    from daemon.prefetch.ledger import Figures
    from daemon.prefetch.outlook import Outlook
    from daemon.prefetch.plan import Kind, Pick
    from streams.redis.cached import Entry
    from streams.types import Clock, Flags, Floats

log = structlog.get_logger()

EVERY_S: Final = 5.0
"""How often it looks around."""

FETCH_S: Final = 30.0
"""Longer than this no fetch is waited for: those who wait for something go first, as long as they like."""

MOST_CANDIDATES: Final = 512
"""Symbols about which the cache is asked, the likeliest."""

LATENCY_SHARE: Final = 0.1
"""How much the newest fetch moves the latency that is expected of its kind."""

URGENT: Final = (Priority.LIVE, Priority.NEEDED)


class Cached(Protocol):
    """Of `daemon.dataplane.lookups.Lookups` what is needed here."""

    async def get(self, kind: str, key: str, fetch: Callable[[], Awaitable[bytes]], *, for_alert: bool) -> Entry:
        """From the cache, or fetched."""

    async def known(self, kind: str, keys: Sequence[str]) -> dict[str, Entry]:
        """What is fresh in the cache."""


class Surroundings(NamedTuple):
    """What the prefetcher sees of the rest of the process.

    Attributes:
        market_ms: market time, None while it is not known.
        candidates: whom to think of, at a market time; None if that cannot be told now.
        waiting: how many wait for the plan's rate, by priority.
        at_hand: whether an alert of a symbol would have a kind at once, without asking the cache.
    """

    market_ms: Callable[[], int | None]
    candidates: Callable[[int], Awaitable[Candidates | None]]
    waiting: Callable[[], Mapping[Priority, int]]
    at_hand: Callable[[str, str], bool] = lambda _symbol, _kind: False


class Prefetcher:
    """The one who fetches ahead, and the one who is told of looks.

    Args:
        lookups: the way to the cache and the exchange.
        fetches: asks the exchange about a symbol with `Priority.PREFETCH`, by kind; its answer as it is to be kept.
        around: see `Surroundings`.
        outlook: how likely each need is, and what may be spent on it.
        clock: measures latencies; that of a fetch holds its wait for the plan's rate.
        kinds: what there is to know; those without a fetch are left alone.

    Attributes:
        failures: fetches that failed, by the name of the error.
        yielded: rounds that gave way to who waited, or were let go of for want of time.
        shedding: whether nothing is fetched for want of time.
    """

    def __init__(
        self,
        lookups: Cached,
        fetches: Mapping[str, Callable[[str], Awaitable[bytes]]],
        around: Surroundings,
        *,
        outlook: Outlook,
        clock: Clock,
        kinds: Sequence[Kind] = KINDS,
    ) -> None:
        self.failures: Counter[str] = Counter()
        self.yielded = 0
        self.shedding = False
        self._lookups, self._fetches, self._around = lookups, fetches, around
        self._outlook, self._budget, self._ledger = outlook, outlook.budget, outlook.ledger
        self._clock = clock
        self._kinds = [kind for kind in kinds if kind.name in fetches]
        self._refused: set[str] = set()
        self._latency_ms = {kind.name: kind.latency_ms for kind in self._kinds}
        self._cache_ms = 0.0
        self._newest: Candidates | None = None

    async def needed(self, symbol: str, kind: str, *, look: bool = True) -> Entry | None:
        """Somebody needs something: what is fresh in the cache, at once, and no request for the rest.

        The one interface through which scan, why, alerts and the API report what they look at.

        Args:
            symbol: whose.
            kind: what of it.
            look: False for the further kinds of one look, which would count as several.
        """
        began_s = self._clock.monotonic_s()
        kept = (await self._lookups.known(kind, [symbol])).get(symbol)
        self._cache_ms = (self._clock.monotonic_s() - began_s) * 1000
        now_ms = self._around.market_ms()
        if now_ms is not None:
            self._ledger.needed(symbol, kind, now_ms, self._cache_ms, ready=kept is not None)
            if look:
                self.looked([symbol])
        return kept

    def alerted(self, needs: Sequence[Need]) -> None:
        """An alert needs these kinds of its symbol; it had those at once that were at hand."""
        now_ms = self._around.market_ms()
        if now_ms is None or not needs:
            return
        for need in needs:
            self._ledger.needed(need.symbol, need.kind, now_ms, 0.0, ready=need.ready)
        self.looked([needs[0].symbol])
        if self._newest is not None:
            at = self._newest.symbol == needs[0].symbol.encode()
            self._outlook.demand.alert(self._newest.sector[at], now_ms)

    def looked(self, symbols: Sequence[str]) -> None:
        """Somebody looks at these, or they are shown to somebody."""
        now_ms = self._around.market_ms()
        if now_ms is not None:
            self._outlook.looked(symbols, now_ms)

    async def run(self) -> None:
        """Look around every few seconds, until cancelled."""
        while True:
            try:
                await self.round()
            except Exception as error:  # noqa: BLE001 - a favour that fails is no reason to stop
                self._failed(error)
            await asyncio.sleep(EVERY_S)

    async def round(self) -> int:
        """Look around once, and fetch what is worth it; returns how many fetches came to something."""
        now_ms = self._around.market_ms()
        if now_ms is None:
            return 0
        self._budget.refill(now_ms)
        if self.shedding or self._urgent():
            self.yielded += 1
            return 0
        if not self._outlook.is_new_minute(now_ms) and not self._budget.allowed:
            return 0
        some = await self._around.candidates(now_ms)
        if some is None:
            return 0
        self._newest = some
        chance = self._outlook.at(some, now_ms)
        return await self._spend(some, chance) if len(chance) else 0

    async def _spend(self, some: Candidates, chance: Floats) -> int:
        likeliest = np.argsort(-chance, kind="stable")[:MOST_CANDIDATES]
        symbols = [symbol.decode() for symbol in some.symbol[likeliest].tolist()]
        there = await self._there(symbols)
        plan = picks(chance[likeliest], self._saved_ms(), there, self._budget.allowed, self._kinds)
        return await self._carry_out(plan, symbols)

    def _urgent(self) -> bool:
        waiting = self._around.waiting()
        return any(waiting.get(priority, 0) for priority in URGENT)

    def _saved_ms(self) -> Floats:
        return np.array([self._latency_ms[kind.name] for kind in self._kinds]) - self._cache_ms

    async def _there(self, symbols: Sequence[str]) -> Flags:
        """What is fresh already, or is refused to us: ``bool[n, k]``."""
        there = np.ones((len(symbols), len(self._kinds)), np.bool_)
        for number, kind in enumerate(self._kinds):
            if kind.name not in self._refused:
                there[:, number] = [self._around.at_hand(symbol, kind.name) for symbol in symbols]
                absent = [symbols[position] for position in np.flatnonzero(~there[:, number]).tolist()]
                known = await self._lookups.known(kind.name, absent) if absent else {}
                there[:, number] |= [symbol in known for symbol in symbols]
        return there

    async def _carry_out(self, plan: Sequence[Pick], symbols: Sequence[str]) -> int:
        """One after the other, while nobody waits."""
        done = 0
        for pick in plan:
            kind = self._kinds[pick.kind]
            if self._urgent():
                self.yielded += 1
                break
            if kind.name not in self._refused:
                done += await self._fetch(symbols[pick.position], kind)
        return done

    async def _fetch(self, symbol: str, kind: Kind) -> bool:
        self._budget.spend(kind.calls)
        began_s = self._clock.monotonic_s()
        try:
            async with asyncio.timeout(FETCH_S):
                await self._lookups.get(kind.name, symbol, lambda: self._fetches[kind.name](symbol), for_alert=True)
        except Exception as error:  # noqa: BLE001 - whatever it is, whoever needs it will ask himself
            self._failed(error, kind)
            return False
        taken_ms = (self._clock.monotonic_s() - began_s) * 1000
        self._latency_ms[kind.name] += LATENCY_SHARE * (taken_ms - self._latency_ms[kind.name])
        self._ledger.fetched(symbol, kind.name, self._now_ms(), taken_ms, kind.calls)
        return True

    def _failed(self, error: Exception, kind: Kind | None = None) -> None:
        self.failures[type(error).__name__] += 1
        if kind is None:
            log.warning("prefetch round failed", what=str(error))
            return
        self._ledger.failed(self._now_ms(), kind.calls)
        if isinstance(error, KeyRefused):
            self._refused |= self._latency_ms.keys()
        elif isinstance(error, NotEntitled):
            self._refused.add(kind.name)

    def _now_ms(self) -> int:
        return self._around.market_ms() or 0

    @property
    def figures(self) -> Figures:
        """What it cost and brought since the start."""
        return self._ledger.since_start()

    @property
    def share(self) -> float:
        """Of the budget that is in force, 1 for all of it."""
        return self._budget.share

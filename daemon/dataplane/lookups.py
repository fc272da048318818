"""Look-ups of what changes seldom: from the cache while it may be served, from the exchange once, never twice."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from daemon.dataplane.flights import Flights
from streams.redis.cached import entry

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from streams.redis.cached import Entry
    from streams.types import Clock

    Fetch = Callable[[], Awaitable[bytes]]

log = structlog.get_logger()

MOST_WAITING: Final = 256
"""Refreshes that may wait; with more, an entry is served stale until the next who asks for it."""

SOURCE: Final = "rest"


class Kept(Protocol):
    """Where answers are kept; see `streams.redis.cache.Cache`."""

    async def get(self, kind: str, keys: Sequence[str]) -> dict[str, Entry]:
        """Those that may be served."""

    async def put(self, kind: str, entries: Mapping[str, Entry]) -> bool:
        """Keep them."""


class Lookups:
    """The one way to a cached answer.

    Args:
        cache: where answers are kept.
        clock: when they were got.
        seen: shown kind, key and entry of every answer that passes, from the cache or fetched.

    Attributes:
        fetched: requests that were made.
        unrefreshed: refreshes left out because too many waited.
    """

    def __init__(self, cache: Kept, clock: Clock, seen: Callable[[str, str, Entry], None] | None = None) -> None:
        self.fetched = self.unrefreshed = self._hits = 0
        self._cache, self._clock, self._seen = cache, clock, seen
        self._flights: Flights[Entry] = Flights()
        self._stale: dict[tuple[str, str], Fetch] = {}
        self._wake = asyncio.Event()

    @property
    def served(self) -> int:
        """Look-ups answered without a request of their own, by the cache or by another's request."""
        return self._hits + self._flights.shared

    @property
    def waiting(self) -> int:
        """Stale entries that wait to be fetched anew."""
        return len(self._stale)

    async def get(self, kind: str, key: str, fetch: Fetch, *, for_alert: bool = False) -> Entry:
        """The answer to (`kind`, `key`).

        Args:
            kind: one of `streams.redis.cached.LIFETIMES`.
            key: what within the kind, a symbol for one.
            fetch: asks the exchange; its answer as it is to be kept.
            for_alert: nothing stale, whatever it costs.

        Raises:
            Exception: whatever `fetch` raises, if nothing is known that may stand in.
        """
        kept = (await self._read(kind, [key])).get(key)
        if kept is not None and kept.is_fresh(self._clock.wall_ms()):
            self._hits += 1
            return kept
        if kept is not None and not for_alert:
            self._hits += 1
            self._refresh_later(kind, key, fetch)
            return kept
        return await self._fetch(kind, key, fetch)

    async def renew(self, kind: str, key: str, fetch: Fetch) -> Entry:
        """The answer to (`kind`, `key`), fetched and kept, whatever was kept before.

        Raises:
            Exception: whatever `fetch` raises.
        """
        return await self._fetch(kind, key, fetch)

    async def known(self, kind: str, keys: Sequence[str]) -> dict[str, Entry]:
        """What is fresh in the cache, and no request for the rest."""
        now_ms = self._clock.wall_ms()
        return {key: kept for key, kept in (await self._read(kind, keys)).items() if kept.is_fresh(now_ms)}

    async def run(self) -> None:
        """Fetch anew what was served stale, one after the other, until cancelled."""
        while True:
            await self._wake.wait()
            while self._stale:
                (kind, key), fetch = next(iter(self._stale.items()))
                try:
                    await self._fetch(kind, key, fetch)
                except Exception as error:  # noqa: BLE001 - it was a favour: the next who asks tries again
                    log.info("not refreshed", kind=kind, key=key, what=str(error))
                finally:
                    self._stale.pop((kind, key), None)
            self._wake.clear()

    def _refresh_later(self, kind: str, key: str, fetch: Fetch) -> None:
        if (kind, key) not in self._stale and len(self._stale) >= MOST_WAITING:
            self.unrefreshed += 1
            return
        self._stale.setdefault((kind, key), fetch)
        self._wake.set()

    async def _fetch(self, kind: str, key: str, fetch: Fetch) -> Entry:
        async def ask() -> Entry:
            asked_ms = self._clock.wall_ms()
            self.fetched += 1
            answer = entry(kind, await fetch(), SOURCE, asked_ms)
            self._show(kind, {key: answer})
            await self._cache.put(kind, {key: answer})
            return answer

        return await self._flights.get((kind, key), ask)

    async def _read(self, kind: str, keys: Sequence[str]) -> dict[str, Entry]:
        found = await self._cache.get(kind, keys)
        self._show(kind, found)
        return found

    def _show(self, kind: str, found: Mapping[str, Entry]) -> None:
        if self._seen:
            for key, kept in found.items():
                self._seen(kind, key, kept)

"""What an alert could not take along is fetched behind it, and told as an event; no alert ever waits for it."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import msgspec
import structlog

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from daemon.dataplane.athand import AtHand
    from streams.outbox import Stored
    from streams.redis.cached import Entry
    from streams.types import Clock

log = structlog.get_logger()

MOST_WAITING: Final = 512
"""Alerts whose rest is still to be fetched; with more, the oldest goes without."""

DEADLINE_S: Final = 60.0
"""Longer than this nothing is waited for: a trader has looked elsewhere by then."""


class Cached(Protocol):
    """Of `daemon.dataplane.lookups.Lookups` what is needed here."""

    async def get(self, kind: str, key: str, fetch: Callable[[], Awaitable[bytes]], *, for_alert: bool) -> Entry:
        """From the cache, or fetched."""


class Told(msgspec.Struct):
    """Of an alert's JSON what is needed here."""

    id: str
    rule: str
    symbol: str
    about: dict[str, Any] = {}


class Need(NamedTuple):
    """An alert's need of one kind: who, what, and whether the alert had it at once."""

    symbol: str
    kind: str
    ready: bool


class Enrichment:
    """Follows the alerts.

    Args:
        at_hand: shown every answer that passes.
        lookups: the way to the cache and the exchange.
        fetches: asks the exchange, by kind; an alert waits for it.
        needed: told what alerts need, all kinds of one alert together.
        tell: publishes an event: the alert's id, rule and symbol, and what has come, by kind.
        clock: the machine's.

    Attributes:
        outcomes: alerts by what became of them: ``whole`` at once, ``followed``, ``failed`` in part, ``dropped``,
            ``shed`` for want of time.
        shedding: whether nothing is fetched for want of time.
        failures: fetches that failed, by the name of the error.
    """

    def __init__(
        self,
        at_hand: AtHand,
        lookups: Cached,
        fetches: Mapping[str, Callable[[str], Awaitable[bytes]]],
        *,
        needed: Callable[[Sequence[Need]], None],
        tell: Callable[[Told, Mapping[str, Any]], None],
        clock: Clock,
    ) -> None:
        self.outcomes: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.shedding = False
        self._at_hand, self._lookups, self._fetches = at_hand, lookups, fetches
        self._needed, self._tell, self._clock = needed, tell, clock
        self._waiting: deque[tuple[Told, tuple[str, ...]]] = deque(maxlen=MOST_WAITING)
        self._wake = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Alerts whose rest is still to be fetched."""
        return len(self._waiting)

    def follow(self, stored: Sequence[Stored]) -> None:
        """Alerts that are on disk; on the event loop, and done at once."""
        for one in stored:
            alert = msgspec.json.decode(one.fields["data"], type=Told)
            self._needed([Need(alert.symbol, kind, kind in alert.about) for kind in self._fetches])
            missing = tuple(kind for kind in self._fetches if kind not in alert.about)
            if missing and self.shedding:
                self.outcomes["shed"] += 1
            elif missing:
                self._wait(alert, missing)
            else:
                self.outcomes["whole"] += 1

    async def run(self) -> None:
        """Fetch what is missing, one alert after the other, until cancelled."""
        while True:
            await self._wake.wait()
            while self._waiting:
                await self._enrich(*self._waiting.popleft())
            self._wake.clear()

    def _wait(self, alert: Told, missing: tuple[str, ...]) -> None:
        self.outcomes["dropped"] += len(self._waiting) == MOST_WAITING
        self._waiting.append((alert, missing))
        self._wake.set()

    async def _enrich(self, alert: Told, missing: tuple[str, ...]) -> None:
        came = await asyncio.gather(*(self._fetched(alert.symbol, kind) for kind in missing))
        about = self._at_hand.about(alert.symbol, self._clock.wall_ms())
        found = {kind: about[kind] for kind in missing if kind in about}
        if found:
            self._tell(alert, found)
        self.outcomes["followed" if all(came) else "failed"] += 1

    async def _fetched(self, symbol: str, kind: str) -> bool:
        """Whether it has come; the cache shows it to whoever has it at hand."""
        try:
            async with asyncio.timeout(DEADLINE_S):
                await self._lookups.get(kind, symbol, lambda: self._fetches[kind](symbol), for_alert=True)
        except Exception as error:  # noqa: BLE001 - the alert is out; what is missing stays missing
            self.failures[type(error).__name__] += 1
            log.debug("not enriched", symbol=symbol, kind=kind, what=str(error))
            return False
        return True

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np
import pytest

from daemon.dataplane.enrichment import Need
from daemon.dataplane.lookups import Lookups
from daemon.prefetch.chances import Chances
from daemon.prefetch.demand import Candidates, Demand
from daemon.prefetch.ledger import Ledger
from daemon.prefetch.outlook import Outlook
from daemon.prefetch.plan import MINUTE_MS, Budget, Kind
from daemon.prefetch.prefetcher import Prefetcher, Surroundings
from streams.polygon.rest.errors import KeyRefused, NotEntitled, RestUnavailable
from streams.polygon.rest.limiter import Priority
from tests.fakes.clock import ManualClock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from daemon.scoring.questions import Lesson
    from streams.redis.cached import Entry

KINDS = (Kind("details", 1, 86_400_000), Kind("news", 1, 900_000))
SCORES = {"NVDA": 0.9, "AMD": 0.5, "TSM": 0.1}


class Shelf:
    """A cache in a dictionary."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], Entry] = {}

    async def get(self, kind: str, keys: Sequence[str]) -> dict[str, Entry]:
        return {key: self.entries[kind, key] for key in keys if (kind, key) in self.entries}

    async def put(self, kind: str, entries: Mapping[str, Entry]) -> bool:
        self.entries |= {(kind, key): one for key, one in entries.items()}
        return True


class Silent:
    """A teacher who says nothing."""

    def teach(self, lesson: Lesson) -> None:
        pass

    def view(self, minute_ms: int) -> None:
        pass


class World:
    """A market of three symbols, an exchange that takes 120 ms, and a prefetcher."""

    def __init__(self, calls_per_hour: float = 3_600.0) -> None:
        self.clock = ManualClock()
        self.asked: list[tuple[str, str]] = []
        self.waiting: dict[Priority, int] = {}
        self.error: Exception | None = None
        self.open = True
        self.ledger, self.budget = Ledger(), Budget(calls_per_hour, burst=1.0, memory_calls=5.0)
        around = Surroundings(
            lambda: self.clock.wall_ms() if self.open else None, self.candidates, lambda: self.waiting
        )
        self.prefetcher = Prefetcher(
            Lookups(Shelf(), self.clock),
            {kind.name: self.fetch(kind.name) for kind in KINDS},
            around,
            outlook=Outlook(Demand(), Chances(Silent()), self.budget, self.ledger),
            clock=self.clock,
            kinds=KINDS,
        )

    async def candidates(self, _now_ms: int) -> Candidates:
        blank = np.full(len(SCORES), np.nan)
        symbols = np.array(list(SCORES), "S16")
        return Candidates(symbols, np.array(list(SCORES.values())), blank, blank, blank, np.full(len(SCORES), -1))

    def fetch(self, kind: str):  # noqa: ANN201 - a fetch
        async def ask(symbol: str) -> bytes:
            self.asked.append((symbol, kind))
            self.clock.advance(0.12)
            await asyncio.sleep(0)
            if self.error:
                raise self.error
            return b"{}"

        return ask

    async def rounds(self, calls: int) -> None:
        """Let so much time pass that so many calls may be made, and look around."""
        await self.prefetcher.round()
        self.clock.advance(calls)
        await self.prefetcher.round()


async def test_it_fetches_the_likeliest_first_and_nothing_twice() -> None:
    world = World()
    await world.rounds(4)
    assert world.asked == [("NVDA", "details"), ("AMD", "details"), ("NVDA", "news"), ("TSM", "details")]
    await world.rounds(100)
    assert len(world.asked) == len(set(world.asked)) == 6
    assert world.ledger.since_start().calls == 6


async def test_who_needs_what_was_prefetched_has_it_at_once_and_that_is_measured() -> None:
    world = World()
    await world.rounds(10)
    assert await world.prefetcher.needed("NVDA", "details")
    figures = world.ledger.since_start()
    assert (figures.needs, figures.ready, figures.hits) == (1, 1, 1)
    assert figures.saved_ms == pytest.approx(120.0)
    assert len(world.asked) == 6


async def test_what_is_not_there_is_told_at_once_without_a_request() -> None:
    world = World()
    assert await world.prefetcher.needed("NVDA", "details") is None
    assert world.asked == []
    assert world.ledger.since_start().hit_rate == 0.0


async def test_what_somebody_looked_at_goes_before_what_scores_alike() -> None:
    world = World()
    for _ in range(50):
        await world.prefetcher.needed("TSM", "details")
    await world.rounds(1)
    assert world.asked == [("TSM", "details")]


@pytest.mark.parametrize("priority", [Priority.LIVE, Priority.NEEDED])
async def test_while_somebody_waits_for_what_he_needs_it_asks_for_nothing(priority: Priority) -> None:
    world = World()
    world.waiting = {priority: 1}
    await world.rounds(10)
    assert world.asked == []
    assert world.prefetcher.yielded == 2
    world.waiting = {priority: 0, Priority.WARM_UP: 5}
    await world.prefetcher.round()
    assert len(world.asked) == 6


async def test_it_gives_way_between_two_calls_too() -> None:
    world = World()
    await world.prefetcher.round()
    fetch = world.prefetcher._fetches["details"]

    async def ask(symbol: str) -> bytes:
        world.waiting = {Priority.LIVE: 1}
        return await fetch(symbol)

    world.prefetcher._fetches = {**world.prefetcher._fetches, "details": ask}
    world.clock.advance(10)
    await world.prefetcher.round()
    assert len(world.asked) == 1


async def test_a_kind_that_the_plan_does_not_include_is_asked_for_once() -> None:
    world = World()
    world.error = NotEntitled("details", "HTTP 403")
    await world.rounds(1)
    world.error = None
    await world.rounds(10)
    assert [kind for _, kind in world.asked] == ["details", "news", "news", "news"]


async def test_with_a_refused_key_nothing_more_is_asked() -> None:
    world = World()
    world.error = KeyRefused("details", "HTTP 401")
    await world.rounds(100)
    assert len(world.asked) == 1


async def test_calls_that_fail_are_spent_counted_and_made_again_later() -> None:
    world = World()
    world.error = RestUnavailable("details", "no answer")
    await world.rounds(1)
    assert world.prefetcher.failures["RestUnavailable"] == 1
    assert world.ledger.since_start().calls == 1
    assert world.ledger.since_start().fetched == 0
    world.error = None
    await world.rounds(1)
    assert world.asked[:2] == [("NVDA", "details"), ("NVDA", "details")]


async def test_without_market_time_it_does_nothing() -> None:
    world = World()
    world.open = False
    await world.rounds(100)
    await world.prefetcher.needed("NVDA", "details")
    assert world.asked == []
    assert world.ledger.since_start().needs == 0


async def test_it_turns_itself_down_when_nobody_needs_what_it_fetches() -> None:
    world = World()
    await world.rounds(100)
    for _ in range(50):
        world.clock.advance(MINUTE_MS / 1000)
        await world.prefetcher.round()
    assert world.budget.share < 0.5


async def test_a_round_that_fails_does_not_end_the_task() -> None:
    world = World()
    task = asyncio.create_task(world.prefetcher.run())
    world.waiting = None  # type: ignore[assignment]
    while not world.prefetcher.failures:
        await asyncio.sleep(0)
    assert not task.done()
    task.cancel()


async def test_what_an_alert_had_at_once_is_a_hit_and_its_symbol_and_sector_are_wanted() -> None:
    world = World()
    await world.rounds(10)
    now_ms = world.clock.wall_ms()
    world.prefetcher.alerted([Need("NVDA", "details", ready=True), Need("NVDA", "news", ready=False)])
    figures = world.ledger.since_start()
    assert (figures.needs, figures.ready, figures.hits) == (2, 1, 1)
    assert world.prefetcher._outlook.demand.looks(np.array([b"NVDA"], "S16"), now_ms).tolist() == [1.0]


async def test_what_is_at_hand_is_not_asked_for_again() -> None:
    world = World()
    world.prefetcher._around = world.prefetcher._around._replace(at_hand=lambda symbol, _kind: symbol == "NVDA")
    await world.rounds(100)
    assert {symbol for symbol, _ in world.asked} == {"AMD", "TSM"}


async def test_while_candidates_cannot_be_told_nothing_is_fetched() -> None:
    world = World()

    async def none(_now_ms: int) -> None:
        return None

    world.prefetcher._around = world.prefetcher._around._replace(candidates=none)
    await world.rounds(100)
    assert world.asked == []

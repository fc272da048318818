from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from daemon.dataplane import enrichment as module
from daemon.dataplane.athand import AtHand
from daemon.dataplane.enrichment import Enrichment, Need
from streams.outbox import Stored
from streams.polygon.rest.errors import RestUnavailable
from streams.redis.cached import entry
from tests.fakes.clock import ManualClock
from tests.streams.redis.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from daemon.dataplane.enrichment import Told
    from streams.redis.cached import Entry


class Exchange:
    """Answers with an empty list for every kind, as a cache shows it to what is at hand; counts what it is asked."""

    def __init__(self, hand: AtHand, clock: ManualClock) -> None:
        self.asked: list[tuple[str, str]] = []
        self.away: set[str] = set()
        self._hand, self._clock = hand, clock
        self.open = asyncio.Event()
        self.open.set()

    async def get(self, kind: str, key: str, fetch: Callable[[], Awaitable[bytes]], *, for_alert: bool) -> Entry:
        assert for_alert
        answer = entry(kind, await fetch(), "rest", self._clock.wall_ms())
        self._hand.see(kind, key, answer)
        return answer

    def fetch(self, kind: str) -> Callable[[str], Awaitable[bytes]]:
        async def ask(symbol: str) -> bytes:
            await self.open.wait()
            self.asked.append((symbol, kind))
            if kind in self.away:
                raise RestUnavailable(kind, "away")
            return b"[]"

        return ask


class Bench:
    """An enrichment of two kinds, and what it tells."""

    def __init__(self) -> None:
        clock, hand = ManualClock(), AtHand()
        self.exchange = Exchange(hand, clock)
        self.needs: list[Need] = []
        self.told: list[tuple[str, Mapping[str, Any]]] = []
        fetches = {kind: self.exchange.fetch(kind) for kind in ("news", "related")}
        self.enrichment = Enrichment(hand, self.exchange, fetches, needed=self._needed, tell=self._tell, clock=clock)

    def _needed(self, needs: Sequence[Need]) -> None:
        self.needs += needs

    def _tell(self, alert: Told, found: Mapping[str, Any]) -> None:
        self.told.append((alert.id, found))

    def raised(self, number: int, *has: str) -> Stored:
        about = {kind: {"as_of_ms": 1, "known": []} for kind in has}
        alert = {"id": f"id{number}", "rule": "r", "symbol": f"S{number}", "price": 1.0, "about": about}
        return Stored(number, f"{number}-0", f"id{number}", {"data": msgspec.json.encode(alert).decode()})


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    task = asyncio.create_task(made.enrichment.run())
    yield made
    task.cancel()


async def test_what_was_missing_follows_in_one_event(bench: Bench) -> None:
    bench.enrichment.follow([bench.raised(1, "news")])
    await eventually(lambda: bool(bench.told))
    ((told, found),) = bench.told
    assert (told, list(found)) == ("id1", ["related"])
    assert bench.exchange.asked == [("S1", "related")]
    assert bench.needs == [Need("S1", "news", ready=True), Need("S1", "related", ready=False)]
    assert bench.enrichment.outcomes["followed"] == 1


async def test_an_alert_that_has_all_costs_no_call_and_no_event(bench: Bench) -> None:
    bench.enrichment.follow([bench.raised(1, "news", "related")])
    await asyncio.sleep(0)
    assert (bench.exchange.asked, bench.told) == ([], [])
    assert bench.enrichment.outcomes["whole"] == 1


async def test_what_came_is_told_although_the_rest_failed(bench: Bench) -> None:
    bench.exchange.away = {"news"}
    bench.enrichment.follow([bench.raised(1)])
    await eventually(lambda: bool(bench.told))
    assert list(bench.told[0][1]) == ["related"]
    await eventually(lambda: bench.enrichment.outcomes["failed"] == 1)
    assert bench.enrichment.failures == {"RestUnavailable": 1}


async def test_where_all_of_it_failed_there_is_no_event_and_the_next_alert_has_its_turn(bench: Bench) -> None:
    bench.exchange.away = {"news", "related"}
    bench.enrichment.follow([bench.raised(1)])
    await eventually(lambda: bench.enrichment.outcomes["failed"] == 1)
    bench.exchange.away = set()
    bench.enrichment.follow([bench.raised(2)])
    await eventually(lambda: bool(bench.told))
    assert bench.told[0][0] == "id2"


async def test_the_oldest_of_too_many_goes_without(bench: Bench) -> None:
    bench.exchange.open.clear()
    most = module.MOST_WAITING
    bench.enrichment.follow([bench.raised(k) for k in range(most + 3)])
    assert (bench.enrichment.waiting, bench.enrichment.outcomes["dropped"]) == (most, 3)
    bench.exchange.open.set()
    await eventually(lambda: len(bench.told) == most)
    assert bench.told[0][0] == "id3"


async def test_an_exchange_that_never_answers_holds_up_an_alert_no_longer_than_the_deadline(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DEADLINE_S", 0.05)
    bench.exchange.open.clear()
    bench.enrichment.follow([bench.raised(1)])
    await eventually(lambda: bench.enrichment.outcomes["failed"] == 1)
    assert bench.enrichment.failures == {"TimeoutError": 2}

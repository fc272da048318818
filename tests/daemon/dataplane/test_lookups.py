from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from daemon.dataplane import lookups as module
from daemon.dataplane.lookups import Lookups
from tests.fakes.clock import ManualClock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streams.redis.cached import Entry

HOUR_S = 3_600


class Shelf:
    """A cache in a dictionary: what may be served, may be served."""

    def __init__(self, clock: ManualClock) -> None:
        self.entries: dict[tuple[str, str], Entry] = {}
        self.clock = clock

    async def get(self, kind: str, keys: Sequence[str]) -> dict[str, Entry]:
        kept = {key: self.entries[kind, key] for key in keys if (kind, key) in self.entries}
        return {key: one for key, one in kept.items() if one.is_usable(self.clock.wall_ms())}

    async def put(self, kind: str, entries: Mapping[str, Entry]) -> bool:
        self.entries |= {(kind, key): one for key, one in entries.items()}
        return True


class Exchange:
    """Counts what it is asked; answers with the count."""

    def __init__(self) -> None:
        self.asked = 0
        self.away = False

    async def __call__(self) -> bytes:
        self.asked += 1
        number = self.asked
        await asyncio.sleep(0)
        if self.away:
            raise OSError("away")
        return str(number).encode()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def lookups(clock: ManualClock) -> Lookups:
    return Lookups(Shelf(clock), clock)


async def refreshed(lookups: Lookups) -> None:
    task = asyncio.ensure_future(lookups.run())
    async with asyncio.timeout(5):
        while lookups.waiting:
            await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_what_is_known_is_not_asked_again(lookups: Lookups) -> None:
    exchange = Exchange()
    answers = [(await lookups.get("details", "AAPL", exchange)).content for _ in range(3)]
    assert answers == [b"1"] * 3
    assert (exchange.asked, lookups.fetched, lookups.served) == (1, 1, 2)


async def test_an_old_answer_is_served_at_once_and_fetched_anew_behind_it(lookups: Lookups, clock: ManualClock) -> None:
    exchange = Exchange()
    await lookups.get("details", "AAPL", exchange)
    clock.advance(25 * HOUR_S)
    assert (await lookups.get("details", "AAPL", exchange)).content == b"1"
    assert exchange.asked == 1
    await refreshed(lookups)
    assert (await lookups.get("details", "AAPL", exchange)).content == b"2"


async def test_an_alert_never_carries_an_old_answer(lookups: Lookups, clock: ManualClock) -> None:
    exchange = Exchange()
    await lookups.get("details", "AAPL", exchange)
    clock.advance(25 * HOUR_S)
    assert (await lookups.get("details", "AAPL", exchange, for_alert=True)).content == b"2"
    assert await lookups.known("details", ["AAPL"])
    clock.advance(25 * HOUR_S)
    assert await lookups.known("details", ["AAPL"]) == {}


async def test_an_exchange_that_is_away_costs_the_new_answer_not_the_old_one(
    lookups: Lookups, clock: ManualClock
) -> None:
    exchange = Exchange()
    await lookups.get("details", "AAPL", exchange)
    clock.advance(25 * HOUR_S)
    exchange.away = True
    assert (await lookups.get("details", "AAPL", exchange)).content == b"1"
    await refreshed(lookups)
    assert (await lookups.get("details", "AAPL", exchange)).content == b"1"
    with pytest.raises(OSError, match="away"):
        await lookups.get("details", "AAPL", exchange, for_alert=True)


async def test_many_at_once_ask_once(lookups: Lookups) -> None:
    exchange = Exchange()
    answers = await asyncio.gather(*(lookups.get("details", "AAPL", exchange) for _ in range(20)))
    assert {one.content for one in answers} == {b"1"}
    assert (exchange.asked, lookups.served) == (1, 19)


async def test_no_more_refreshes_wait_than_may(
    lookups: Lookups, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 2)
    exchange = Exchange()
    for key in "ABC":
        await lookups.get("details", key, exchange)
    clock.advance(25 * HOUR_S)
    for key in "ABCA":
        await lookups.get("details", key, exchange)
    assert (lookups.waiting, lookups.unrefreshed) == (2, 1)

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from daemon.dataplane import newstape as module
from daemon.dataplane.athand import AtHand
from daemon.dataplane.newstape import DAY_MS, OVERLAP_MS, NewsTape
from streams.polygon.rest.errors import NotEntitled, RestUnavailable
from streams.polygon.rest.limiter import Priority
from streams.polygon.rest.records import Article
from streams.redis.cached import LIFETIMES, entry
from tests.fakes.clock import ManualClock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streams.redis.cached import Entry

MARKET = 1_736_173_800_000
MINUTE = 60_000


def article(number: int, published_ms: int, *symbols: str) -> Article:
    at = datetime.fromtimestamp(published_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Article(str(number), f"title {number}", at, f"https://x/{number}", tickers=list(symbols))


class World:
    """An exchange with some articles, a cache in a dictionary, market time by hand."""

    def __init__(self) -> None:
        self.clock, self.hand = ManualClock(), AtHand()
        self.market_ms: int | None = MARKET
        self.published: list[Article] = []
        self.asked: list[int] = []
        self.error: Exception | None = None
        self.entries: dict[str, Entry] = {}
        self.tape = self.begun()

    def begun(self) -> NewsTape:
        return NewsTape(self, self, self.hand, lambda: self.market_ms, self.clock)

    async def news_since(self, published_ms: int, *, priority: Priority) -> tuple[Article, ...]:
        assert priority > Priority.NEEDED
        self.asked.append(published_ms)
        if self.error:
            raise self.error
        return tuple(one for one in self.published if module._published_ms(one) >= published_ms)

    async def get(self, kind: str, keys: Sequence[str]) -> dict[str, Entry]:
        assert kind == "news"
        return {key: self.entries[key] for key in keys if key in self.entries}

    async def put(self, kind: str, entries: Mapping[str, Entry]) -> bool:
        assert kind == "news"
        self.entries |= entries
        return True

    def titles(self, symbol: str) -> list[str] | None:
        """What an alert would show now; None where it would not know."""
        about = self.hand.about(symbol, self.clock.wall_ms())
        return [one["title"] for one in about["news"]["known"]] if "news" in about else None


@pytest.fixture
def world() -> World:
    return World()


async def test_one_reading_tells_of_every_symbol_that_it_has_news_or_none(world: World) -> None:
    world.published = [article(1, MARKET - 9 * MINUTE, "A", "B"), article(2, MARKET - 5 * MINUTE, "A")]
    assert await world.tape.read()
    assert (world.titles("A"), world.titles("B"), world.titles("C")) == (["title 2", "title 1"], ["title 1"], [])
    assert world.asked == [MARKET - DAY_MS]
    assert world.hand.has("C", "news", world.clock.wall_ms())


async def test_the_next_reading_asks_for_what_came_since_and_a_little_more(world: World) -> None:
    world.published = [article(1, MARKET - MINUTE, "A")]
    await world.tape.read()
    world.market_ms = MARKET + 5 * MINUTE
    world.published.append(article(2, MARKET - 2 * MINUTE, "A"))  # published late, with an earlier time
    await world.tape.read()
    assert world.asked[1] == MARKET - OVERLAP_MS
    assert world.titles("A") == ["title 1", "title 2"]


async def test_articles_of_more_than_a_day_ago_are_no_news(world: World) -> None:
    world.published = [article(1, MARKET - 60 * MINUTE, "A")]
    await world.tape.read()
    world.market_ms = MARKET + DAY_MS
    await world.tape.read()
    assert (world.titles("A"), world.tape.articles) == ([], 0)


async def test_a_reading_that_is_too_old_is_not_shown(world: World) -> None:
    await world.tape.read()
    world.clock.advance(LIFETIMES["news"].fresh_ms / 1000)
    assert world.titles("A") is None
    assert not world.hand.has("A", "news", world.clock.wall_ms())


async def test_a_failed_reading_leaves_the_tape_and_its_age(world: World) -> None:
    world.published = [article(1, MARKET - MINUTE, "A")]
    await world.tape.read()
    world.error = RestUnavailable("news", "away")
    with pytest.raises(RestUnavailable):
        await world.tape.read()
    assert world.titles("A") == ["title 1"]


async def test_after_a_restart_it_goes_on_where_it_was(world: World) -> None:
    world.published = [article(1, MARKET - 60 * MINUTE, "A")]
    await world.tape.read()
    world.hand, world.market_ms = AtHand(), MARKET + MINUTE
    tape = world.begun()
    await tape._recall()
    assert world.titles("A") == ["title 1"]
    await tape.read()
    assert world.asked[1:] == [MARKET - OVERLAP_MS]
    assert world.titles("A") == ["title 1"]


@pytest.mark.parametrize("content", [b"\xff", b"[]", b'{"until_ms": "x"}'])
async def test_a_damaged_entry_costs_a_whole_reading(world: World, content: bytes) -> None:
    world.entries["*"] = entry("news", content, "rest", world.clock.wall_ms())
    await world.tape._recall()
    await world.tape.read()
    assert world.asked == [MARKET - DAY_MS]


async def test_before_market_time_is_known_nothing_is_asked(world: World) -> None:
    world.market_ms = None
    assert not await world.tape.read()
    assert world.asked == []


async def test_where_the_plan_does_not_include_news_it_is_asked_once(world: World) -> None:
    world.error = NotEntitled("news", "HTTP 403")
    await asyncio.wait_for(world.tape.run(), 5)
    assert len(world.asked) == 1


async def test_an_article_without_a_readable_time_is_left(world: World) -> None:
    async def news_since(_published_ms: int, *, priority: Priority) -> tuple[Article, ...]:  # noqa: ARG001
        return (Article("1", "t", "yesterday", tickers=["A"]),)

    world.news_since = news_since  # type: ignore[method-assign]
    await world.tape.read()
    assert world.titles("A") == []

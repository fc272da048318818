from __future__ import annotations

import json

import numpy as np

from daemon.prefetch.exchange import fetches
from daemon.prefetch.plan import KINDS
from streams.dailyfile import DailyBars
from streams.polygon.rest.limiter import Priority
from streams.polygon.rest.records import Article, Details
from streams.redis.cached import LIFETIMES


class Exchange:
    """Knows one company."""

    def __init__(self) -> None:
        self.priorities: list[Priority] = []
        self.days = (0, 0)

    async def details(self, symbol: str, *, priority: Priority) -> Details | None:
        self.priorities.append(priority)
        return Details(symbol, name="Nvidia") if symbol == "NVDA" else None

    async def news(self, symbol: str, *, priority: Priority) -> tuple[Article, ...]:
        self.priorities.append(priority)
        return (Article("1", f"on {symbol}", "2025-01-27T12:00:00Z"),)

    async def related(self, symbol: str, *, priority: Priority) -> tuple[str, ...]:
        self.priorities.append(priority)
        return ("AMD", "TSM") if symbol == "NVDA" else ()

    async def daily(self, symbol: str, first_day: int, last_day: int, *, priority: Priority) -> DailyBars:
        self.priorities.append(priority)
        self.days = (first_day, last_day)
        return DailyBars(np.array([symbol], "S16"), np.array([last_day]), np.array([[1.0], [3], [1], [2], [9]]), 0)


async def test_every_kind_is_asked_for_as_prefetch_and_kept_as_json() -> None:
    exchange = Exchange()
    asks = fetches(exchange, today=lambda: 20_115)
    found = {kind: json.loads(await ask("NVDA")) for kind, ask in asks.items()}
    assert found["details"]["name"] == "Nvidia"
    assert found["news"][0]["title"] == "on NVDA"
    assert found["related"] == ["AMD", "TSM"]
    assert found["history"] == [[20_114, 1.0, 3.0, 1.0, 2.0, 9.0]]
    assert exchange.days == (20_114 - 365, 20_114)
    assert set(exchange.priorities) == {Priority.PREFETCH}


async def test_that_nothing_is_known_of_a_symbol_is_known_too() -> None:
    assert await fetches(Exchange(), today=lambda: 20_115)["details"]("XYZ") == b"null"


def test_what_is_planned_can_be_fetched_and_lives_as_long_as_the_cache_keeps_it() -> None:
    assert {kind.name for kind in KINDS} == fetches(Exchange(), today=lambda: 0).keys()
    assert {kind.name: kind.lives_ms for kind in KINDS} == {kind.name: LIFETIMES[kind.name].fresh_ms for kind in KINDS}

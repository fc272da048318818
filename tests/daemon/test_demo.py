from __future__ import annotations

import asyncio
import io
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from daemon.clock import SystemClock
from daemon.configfile import load_config
from daemon.demo import Board, ExchangeEndedError, demo, exchange, free_port, overrides
from daemon.exits import Exit, expected
from streams.redis.connection import connect
from streams.redis.embedded import EmbeddedValkey
from tests.daemon.engine.test_alerts import alert
from tests.streams.redis.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from daemon.config import Config

TOLD = [
    alert(id="01", symbol="AAA", score=None, values={"close[1]": 12.345678, "rsi(14)": None}),
    alert(id="02", symbol="BBB"),
]


def listens(port: int) -> Any:
    async def probe() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
        return True

    return probe


async def test_the_exchange_is_a_child_that_ends_with_the_demo() -> None:
    port = free_port()
    async with exchange(port, 5, 60.0, 1) as child:
        await eventually(listens(port), 30)
    assert child.returncode is not None
    assert not await listens(port)()


async def test_a_demo_whose_exchange_ends_says_so_and_ends_too(tmp_path: Path) -> None:
    def load(given: dict[str, dict[str, Any]]) -> Config:
        state = {"folder": str(tmp_path / "state")}
        quiet = {"http": {"enabled": False}, "model": {"enabled": False}, "state": state}
        return load_config(None, {**given, **quiet}).config

    with pytest.raises(ExchangeEndedError, match="has ended with code 64") as ended:
        await demo(load, SystemClock(), symbols=0, speed=60.0, seed=1, duration_s=30)
    assert expected(ended.value) is Exit.UNAVAILABLE


def test_what_the_demo_sets_is_a_configuration_without_anything_else() -> None:
    feed = load_config(None, overrides("/tmp/demo", 4711, 120.0), feed=True).config.feed  # noqa: S108 - not touched
    assert feed.url == "ws://127.0.0.1:4711/stocks"
    assert feed.speed == 120.0


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    """A server whose stream holds the alerts."""
    async with EmbeddedValkey(tmp_path / "valkey") as server:
        async with connect(server.url) as client:
            for each in TOLD:
                fields: Any = dict(each.fields())
                await client.xadd("technic:alerts", fields)
        yield server.url


def app_of(url: str) -> Any:
    """As much of a daemon as the board looks at."""
    engine = SimpleNamespace(
        barrier=SimpleNamespace(now_ms=1_736_173_800_000),
        symbols=[b"AAA"],
        counts=SimpleNamespace(bars=1234, minutes=25),
        leaders=lambda most: [("TOP", 0.75, 99.5)][:most],
    )
    feed = SimpleNamespace(url="ws://127.0.0.1:1/stocks", speed=60.0)
    config = SimpleNamespace(redis=SimpleNamespace(prefix="technic:"), feed=feed)
    state = SimpleNamespace(state="live")
    return SimpleNamespace(config=config, redis_url=url, engine=engine, feed=state, stop=lambda: None)


async def shown(board: Board, condition: Any) -> None:
    reading = asyncio.create_task(board.read())
    drawing = asyncio.create_task(board.draw())
    await eventually(condition)
    for task in (reading, drawing):
        task.cancel()
    await asyncio.gather(reading, drawing, return_exceptions=True)


async def test_without_a_terminal_each_alert_is_a_line_as_it_stands_in_the_stream(url: str) -> None:
    text = io.StringIO()
    board = Board(app_of(url), Console(file=text, width=100))
    await shown(board, lambda: board._told == 2)
    head, *alerts = text.getvalue().splitlines()
    assert "New York" in head
    assert [line.split()[:4] for line in alerts] == [
        ["09:31:00", "AAA", "reclaim", "12.50"],
        ["09:31:00", "BBB", "reclaim", "12.50"],
    ]


async def test_on_a_terminal_leaders_and_the_newest_alerts_are_one_page(url: str) -> None:
    text = io.StringIO()
    board = Board(app_of(url), Console(file=text, force_terminal=True, width=120, height=40, color_system=None))
    await shown(board, lambda: "BBB" in text.getvalue())
    page = text.getvalue()
    assert "2025-01-06 09:30 New York" in page
    assert "1,234 bars" in page
    assert "TOP" in page
    assert "close[1] 12.3457" in page
    assert "rsi(14)" not in page

"""Groups of a real stream: warned of before they lose entries, once a transition."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from structlog.testing import capture_logs

from daemon.clock import SystemClock
from daemon.config import RedisSection
from daemon.events import Events
from daemon.groupwatch import GroupWatch
from streams.redis.connection import connect
from streams.redis.embedded import EmbeddedValkey
from streams.simulator.markettime import AS_FAST_AS_READ
from streams.simulator.server import Simulator
from tests.daemon.running import KEY, Tape, config_of, running, url_of, walk
from tests.daemon.test_gauges import scraped
from tests.fakes.clock import ManualClock
from tests.fakes.stream import Stream
from tests.streams.redis.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import pytest
    from redis.asyncio import Redis

ALERTS = "technic:alerts"
HOUR_MS = 3_600_000
CONFIG = RedisSection(retention_hours=10, retention_entries=1_000)


@asynccontextmanager
async def watching(url: str, told: Stream, clock: ManualClock) -> AsyncIterator[GroupWatch]:
    watch = GroupWatch(url, CONFIG, Events(told, clock), clock, look_s=0.01)  # type: ignore[arg-type]
    task = asyncio.create_task(watch.run())
    yield watch
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def add(redis: Redis, clock: ManualClock, number: int = 1) -> None:
    for n in range(number):
        await redis.xadd(ALERTS, {"n": n}, id=f"{clock.wall_ms()}-{n + 1}")


async def read_all(redis: Redis) -> None:
    await redis.xreadgroup("chat", "c", {ALERTS: ">"}, count=10_000, noack=True)


async def test_a_group_is_warned_of_before_it_loses_alerts_then_told_lost_then_caught_up(tmp_path: Path) -> None:
    told, clock = Stream(), ManualClock()
    async with EmbeddedValkey(tmp_path) as server, connect(server.url) as redis:
        await redis.xgroup_create(ALERTS, "chat", "0", mkstream=True)
        async with watching(server.url, told, clock) as watch:
            await add(redis, clock, 4)
            await redis.xreadgroup("chat", "c", {ALERTS: ">"}, count=1, noack=True)
            await eventually(lambda: watch.used.get("chat", 1.0) < 0.01 and watch.seen.groups[0].behind == 3)
            clock.advance(5 * 3600)
            await eventually(lambda: told.kinds == ["stream.group_slow"])
            assert told.entries[0]["group"] == "chat"
            assert told.entries[0]["behind"] == "3"
            assert "used up 50%" in told.entries[0]["what"]
            await add(redis, clock)
            await redis.xtrim(ALERTS, minid=f"{clock.wall_ms()}-0", approximate=False)
            await eventually(lambda: told.kinds[1:] == ["stream.group_lost"])
            assert told.entries[1]["what"].startswith("3 alerts have left the stream")
            await read_all(redis)
            await eventually(lambda: told.kinds[2:] == ["stream.group_caught_up"])
    assert len(told.entries) == 3


async def test_a_group_far_behind_in_a_full_stream_is_warned_of_however_young_its_alerts_are(tmp_path: Path) -> None:
    told, clock = Stream(), ManualClock()
    async with EmbeddedValkey(tmp_path) as server, connect(server.url) as redis:
        await redis.xgroup_create(ALERTS, "chat", "0", mkstream=True)
        async with watching(server.url, told, clock) as watch:
            await add(redis, clock, 499)
            await eventually(lambda: watch.seen.length == 499)
            assert told.entries == []
            clock.advance(1)
            await add(redis, clock)
            await eventually(lambda: told.kinds == ["stream.group_slow"])
            await read_all(redis)
            await eventually(lambda: told.kinds[1:] == ["stream.group_caught_up"])


async def test_a_server_that_is_away_or_no_stream_at_all_is_none_of_its_business(tmp_path: Path) -> None:
    told, clock = Stream(), ManualClock()
    with capture_logs() as logged:
        await away_and_back(f"unix://{tmp_path}/valkey.sock", tmp_path, told, clock)
    assert told.entries == []
    assert [entry["event"] for entry in logged] == ["consumer groups cannot be watched"]
    assert "WRONGTYPE" in logged[0]["what"]


async def away_and_back(url: str, tmp_path: Path, told: Stream, clock: ManualClock) -> None:
    async with watching(url, told, clock) as watch:
        async with EmbeddedValkey(tmp_path) as server, connect(server.url) as redis:
            await redis.xgroup_create(ALERTS, "chat", "0", mkstream=True)
            await eventually(lambda: watch.seen.groups)
            await redis.set(ALERTS, "text")
            await eventually(lambda: not watch.seen.groups)
            await redis.delete(ALERTS)
            await redis.xgroup_create(ALERTS, "chat", "0", mkstream=True)
            await eventually(lambda: watch.seen.groups)
        await eventually(lambda: not watch.seen.groups)
        assert watch.used == {}


async def test_a_daemon_shows_how_far_each_group_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.app.GroupWatch", partial(GroupWatch, look_s=0.01))
    bars = walk(3, 8)
    async with (
        Simulator(Tape(bars), clock=SystemClock(), key=KEY, speed=AS_FAST_AS_READ) as exchange,
        running(config_of(tmp_path, url_of(exchange.port))) as app,
        connect(app.redis_url) as redis,
    ):
        await redis.xgroup_create(ALERTS, "chat", "0", mkstream=True)
        await eventually(lambda: app.groups.seen.groups and app.groups.seen.groups[0].behind > 3, 30)
        await redis.xreadgroup("chat", "c", {ALERTS: ">"}, count=2)
        await eventually(lambda: app.groups.seen.groups[0].pending == 2)
        found = scraped(app.metrics)
    assert found["technic_group_pending"] == {"chat": 2.0}
    assert found["technic_group_behind"]["chat"] >= 1
    assert 0 < found["technic_group_retention_used"]["chat"] < 0.01

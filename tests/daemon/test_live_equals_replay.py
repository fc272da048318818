"""One real day, twice: over a socket through the daemon into Redis, and straight from the file."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import duckdb
import msgspec
import pytest

from daemon.app import App
from daemon.clock import SystemClock
from daemon.configfile import load_config
from daemon.engine.alerts import Alert, digest
from daemon.replay import replay
from streams.barfile import open_bars
from streams.bars import MINUTE_MS
from streams.redis.connection import connect
from streams.simulator.filetape import FileTape
from streams.simulator.markettime import AS_FAST_AS_READ
from streams.simulator.server import Simulator

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from daemon.config import Config

RULES = """
[[rule]]
name = "likely"
on = ["crosses_above(score, 0.4)"]
where = "session == 'regular'"

[[rule]]
name = "volume-spike"
where = ["rvol(20) > 8", "abs(close - close[1]) > 3 * atr(14)[1]"]
cooldown = "30m"

[[rule]]
name = "vwap-reclaim"
on = ["crosses_above(close, vwap())"]
where = "rvol(20) > 3"

[[rule]]
name = "leader"
on = ["crosses_below(rank(roc(15)), 5.5)"]
where = "breadth(close > vwap()) > 0.5 and score > 0.2"
"""

DAY_FROM, DAY_TO = 1_737_709_200_000, 1_737_766_800_000  # 2025-01-24, 04:00 to 20:00 in New York
KEY = "a key of the simulator"


@pytest.fixture
def day(tmp_path: Path, data_file: Callable[[str], Path]) -> Path:
    path = tmp_path / "day.parquet"
    source = str(data_file("minute_2025_01.parquet"))
    query = f"COPY (SELECT * FROM read_parquet($1) WHERE ts >= $2 AND ts < $3) TO '{path}' (FORMAT parquet)"
    duckdb.execute(query, [source, DAY_FROM, DAY_TO])
    return path


def config_of(folder: Path, port: int) -> Config:
    rules = folder / "rules.toml"
    rules.write_text(RULES)
    feed = {"url": f"ws://127.0.0.1:{port}/stocks", "key": KEY, "lossless": True, "channels": ["AM.*"]}
    state, http = {"folder": str(folder / "state")}, {"enabled": False}
    return load_config(None, {"feed": feed, "engine": {"rules": str(rules)}, "state": state, "http": http}).config


async def in_redis(app: App) -> list[Alert]:
    async with connect(app.redis_url) as client:
        entries = await client.xrange("technic:alerts")
    return [msgspec.json.decode(fields[b"data"], type=Alert) for _, fields in entries]


async def through_the_daemon(path: Path, folder: Path) -> list[Alert]:
    async with Simulator(
        FileTape(open_bars(path, MINUTE_MS)), clock=SystemClock(), key=KEY, speed=AS_FAST_AS_READ
    ) as exchange:
        config = config_of(folder, exchange.port)
        app = App(config, SystemClock(), lambda: config)
        found: list[Alert] = []

        async def watch() -> None:
            await exchange.wait_finished()
            while app.engine.barrier.closed_ms < DAY_TO - MINUTE_MS or app.outbox.backlog("redis").pending:
                await asyncio.sleep(0.05)
            found.extend(await in_redis(app))
            app.stop()

        await app.run(beside={"watch": watch})
    return found


@pytest.mark.timeout(180)
async def test_a_real_day_over_the_socket_gives_the_alerts_of_its_replay(day: Path, tmp_path: Path) -> None:
    live = await through_the_daemon(day, tmp_path)
    replayed: list[Alert] = []
    config = config_of(tmp_path, 1)
    report = await asyncio.to_thread(
        replay, day, MINUTE_MS, config, SystemClock(), deliver=replayed.extend, progress=lambda done, total: None
    )
    assert {alert.rule for alert in live} == {"likely", "volume-spike", "vwap-reclaim", "leader"}
    assert [alert.id for alert in live] == [alert.id for alert in replayed]
    assert digest(live) == report.digest

"""A stop in the middle of a day and a new start on the same folder change nothing, the score among it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from daemon import assembly, calendar
from daemon.clock import SystemClock
from daemon.engine.alerts import digest
from daemon.replay import feed_engine
from streams.barfile import open_bars
from streams.bars import MINUTE_MS, concat
from streams.redis.embedded import EmbeddedValkey
from streams.simulator.markettime import AS_FAST_AS_READ
from streams.simulator.server import Simulator
from tests.daemon.running import KEY, Tape, config_of, in_redis, running, url_of
from tests.streams.redis.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from daemon.app import App
    from daemon.config import Config
    from daemon.engine.alerts import Alert
    from daemon.engine.engine import Engine
    from streams.bars import BarBatch

OPEN, UNTIL = 1_737_729_000_000, 1_737_740_400_000  # 2025-01-24, 09:30 to 12:40 in New York

RULES = """
[[rule]]
name = "likely"
where = "score > 0.27"
cooldown = "20m"

[[rule]]
name = "spike"
where = "rvol(20) > 4 and abs(close - close[1]) > 2 * atr(14)[1]"
cooldown = "20m"
"""
"""One on the score, which the model has learned by then; one that remembers bars and alerts."""


@pytest.fixture(scope="module")
def morning(data_file: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> BarBatch:
    """Real bars of 25 names."""
    source, path = str(data_file("minute_2025_01.parquet")), tmp_path_factory.mktemp("bars") / "morning.parquet"
    names = "SELECT DISTINCT symbol FROM read_parquet($1) ORDER BY symbol LIMIT 25"
    query = f"SELECT * FROM read_parquet($1) WHERE ts >= $2 AND ts < $3 AND symbol IN ({names})"
    duckdb.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)", [source, OPEN, UNTIL])
    return concat(list(open_bars(path, MINUTE_MS).batches()))


def uninterrupted(config: Config, bars: BarBatch) -> tuple[Engine, list[Alert]]:
    """One run from the first bar to the last, without sockets."""
    alerts: list[Alert] = []
    teacher = assembly.teacher_of(config, SystemClock(), patient=True)
    assert teacher
    with teacher:
        sessions = calendar.load(config.state.cache, SystemClock().wall_ms()).sessions
        engine = assembly.engine_of(config, assembly.plan_of(config), teacher, sessions)
        feed_engine(engine, [bars], alerts.extend)
    return engine, alerts


async def live(folder: Path, bars: BarBatch, until_ms: int) -> App:
    """A daemon that takes `bars` and is stopped as soon as it has closed a minute, wherever it then is."""
    async with Simulator(Tape(bars), clock=SystemClock(), key=KEY, speed=AS_FAST_AS_READ) as exchange:
        config = config_of(folder, url_of(exchange.port), rules=RULES, model={"enabled": True})
        async with running(config) as app:
            await eventually(lambda: app.engine.barrier.closed_ms >= until_ms, 50)
    return app


def state(engine: Engine) -> dict[str, Any]:
    """The whole state bit for bit, but for the clock, counts, and what an exchange counts from its first bar."""
    left_out = ("engine/counts", "engine/day volume")
    arrays = {name: array for name, array in engine.to_arrays().items() if name not in left_out}
    arrays["engine/barrier"] = arrays["engine/barrier"][1:]
    return {name: (array.dtype, array.shape, array.tobytes()) for name, array in arrays.items()}


@pytest.mark.timeout(120)
async def test_a_day_with_a_stop_in_it_is_the_same_day(morning: BarBatch, tmp_path: Path) -> None:
    config = config_of(tmp_path, "ws://127.0.0.1:1/stocks", rules=RULES, model={"enabled": True})
    whole = asyncio.create_task(asyncio.to_thread(uninterrupted, config, morning))
    first = await live(tmp_path, morning, OPEN + 60 * MINUTE_MS)
    stopped_ms = first.engine.barrier.closed_ms
    second = await live(tmp_path, morning.take(morning.start_ms >= stopped_ms), UNTIL + 15 * MINUTE_MS)
    engine, alerts = await whole
    async with EmbeddedValkey(tmp_path / "state" / "valkey") as server:
        told = await in_redis(server.url)

    for after in (False, True):
        assert {alert.rule for alert in alerts if (alert.bar_start_ms > stopped_ms) is after} == {"likely", "spike"}
    assert [alert.id for alert in told] == [alert.id for alert in alerts]
    assert digest(told) == digest(alerts)
    assert state(second.engine) == state(engine)
    assert second.engine.counts.bars == engine.counts.bars == morning.size

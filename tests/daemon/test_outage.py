"""The feed is away for minutes of the market: afterwards all is as if it had not been, and what it hid is told late."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np
import pytest

from daemon.clock import SystemClock
from streams.bars import MINUTE_MS, concat
from streams.simulator.market import SyntheticMarket
from streams.simulator.rest import Archive
from streams.simulator.server import Simulator
from tests.daemon.running import KEY, config_of, engine_of, in_redis, running, url_of
from tests.fakes.proxy import Proxy

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.app import App
    from daemon.engine.engine import Engine

SYMBOLS, SPEED = 30, 120.0
CUT, BACK, END = 16, 20, 30
RULES = """
[[rule]]
name = "turn-up"
where = "close > sma(3) and close > close[1]"
cooldown = "3m"
"""


def market() -> SyntheticMarket:
    return SyntheticMarket(SYMBOLS, seed=3)


async def until(app: App, minute: int) -> None:
    """Of the market, by its own clock."""
    while (app.time.now_ms() or 0) < market().start_ms + minute * MINUTE_MS:
        await asyncio.sleep(0.02)


def values(engine: Engine, symbols: np.ndarray) -> np.ndarray:
    rows = engine.symbols.rows(symbols, create=False)
    assert (rows >= 0).all()
    minutes = engine.watch.minutes
    return np.concatenate([minutes.out[: minutes.column("atr(14)", "atr") + 1, rows], [minutes.count[rows]]])


@pytest.mark.timeout(120)
async def test_after_an_outage_values_and_alerts_are_those_of_a_day_without_one(tmp_path: Path) -> None:
    source = market()
    exchange = Simulator(source, clock=SystemClock(), key=KEY, speed=SPEED, archive=Archive((), symbols=source.symbols))
    rest = {"enabled": True, "warm_up_s": 0.0, "rate_per_minute": 6000.0}
    async with exchange, Proxy("127.0.0.1", exchange.port) as proxy:
        config = config_of(
            tmp_path,
            url_of(proxy.port),
            rules=RULES,
            feed={
                "lossless": False,
                "speed": SPEED,
                "channels": ["AM.*", "A.*"],
                "rest_url": f"http://127.0.0.1:{exchange.port}",
            },
            rest=rest,
            prefetch={"enabled": False},
        )
        async with running(config) as app:
            await until(app, CUT)
            proxy.mode = "refuse"
            await proxy.cut_all()
            await until(app, BACK)
            proxy.mode = "pass"
            await until(app, END)
            while app.live.figures.waiting or app.live.figures.counts["mended"] == 0:
                await asyncio.sleep(0.05)
            while app.outbox.backlog("redis").pending:
                await asyncio.sleep(0.05)
            closed_ms, alerts = app.live.figures.closed_ms, await in_redis(app.redis_url)
            last_ms = app.engine.watch.minutes.last_start[: len(app.engine.symbols)].max()
            clean = engine_of(config)
            whole = concat([minute.minutes.bars for minute in market().minutes() if minute.start_ms <= last_ms])
            expected = [alert for alert in clean.step(whole) if alert.bar_start_ms <= closed_ms]
            ours, theirs = values(app.engine, source.symbols), values(clean, source.symbols)
    np.testing.assert_array_equal(ours, theirs)
    assert {alert.id for alert in alerts if alert.bar_start_ms <= closed_ms} == {alert.id for alert in expected}
    hidden = [alert for alert in alerts if CUT <= (alert.bar_start_ms - source.start_ms) // MINUTE_MS < BACK - 1]
    assert len(hidden) > 5
    assert all(alert.late for alert in hidden)

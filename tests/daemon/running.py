"""A daemon in this process beside an exchange in this process, and what both need."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from daemon import assembly, calendar
from daemon.app import App
from daemon.clock import SystemClock
from daemon.configfile import load_config
from daemon.engine.alerts import Alert
from daemon.replay import feed_engine
from streams.bars import MINUTE_MS, concat, empty
from streams.redis.connection import connect
from streams.simulator.filetape import market_minutes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from daemon.config import Config
    from daemon.engine.engine import Engine
    from streams.bars import BarBatch
    from streams.simulator.tape import Minute
    from streams.types import Clock

OPEN = 1_736_173_800_000  # 2025-01-06 09:30 in New York
KEY = "a key of the simulator"

RULES = """
[[rule]]
name = "turn-up"
where = "close > sma(3) and close > close[1]"

[[rule]]
name = "busy"
on = ["crosses_above(volume, sma(volume, 5))"]
where = "session == 'regular'"
"""


def bar(symbol: str, start_ms: int, close: float, *, length_ms: int = MINUTE_MS, volume: float = 100.0) -> BarBatch:
    batch = empty(1)
    batch.symbol[0] = symbol.encode()
    batch.start_ms[0], batch.length_ms[0], batch.arrival_ms[0] = start_ms, length_ms, start_ms + length_ms
    batch.values[:6, 0] = [close, close + 0.5, close - 0.5, close, volume, close]
    return batch


def walk(symbols: int, minutes: int, *, seed: int = 1, start_ms: int = OPEN) -> BarBatch:
    """Minute bars of random walks with silent minutes, in order of time and symbol."""
    random = np.random.default_rng(seed)
    closes = np.round(50 * np.exp(np.cumsum(random.normal(0, 0.01, (minutes, symbols)), axis=0)), 2)
    volumes = random.integers(1, 1000, (minutes, symbols)).astype(float)
    traded = random.random((minutes, symbols)) < 0.9
    traded[-1, 0] = True
    return concat(
        [
            bar(f"S{s:02}", start_ms + m * MINUTE_MS, closes[m, s], volume=volumes[m, s])
            for m in range(minutes)
            for s in range(symbols)
            if traded[m, s]
        ]
    )


class Tape:
    """Bars of one length, in order of start and symbol, as a simulator's source."""

    def __init__(self, bars: BarBatch) -> None:
        self._bars = bars
        self.start_ms = int(bars.start_ms[0]) // MINUTE_MS * MINUTE_MS
        self.end_ms = int((bars.start_ms + bars.length_ms)[-1])

    def minutes(self) -> Iterator[Minute]:
        symbols, index = np.unique(self._bars.symbol, return_inverse=True)
        return market_minutes([(self._bars, index)], len(symbols))


def config_of(folder: Path, url: str, *, rules: str = RULES, **sections: dict[str, Any]) -> Config:
    """The configuration of a daemon that listens to `url`, without model and REST; `sections` say what else."""
    path = folder / "rules.toml"
    if not path.exists():
        path.write_text(rules)
    plain: dict[str, dict[str, Any]] = {
        "feed": {"url": url, "key": KEY, "lossless": True, "channels": ["AM.*"]},
        "engine": {"rules": str(path)},
        "model": {"enabled": False},
        "state": {"folder": str(folder / "state")},
        "http": {"enabled": False},
        "rest": {"enabled": False},
    }
    return load_config(None, plain | {name: plain.get(name, {}) | keys for name, keys in sections.items()}).config


def url_of(port: int) -> str:
    return f"ws://127.0.0.1:{port}/stocks"


@asynccontextmanager
async def running(
    config: Config, reread: Callable[[], Config] | None = None, clock: Clock | None = None
) -> AsyncIterator[App]:
    """A daemon that stands, stopped at the end unless the test has done so."""
    app = App(config, clock or SystemClock(), reread or (lambda: config))
    stands = asyncio.Event()

    async def tell() -> None:
        stands.set()

    run = asyncio.create_task(app.run(beside={"tell": tell}))
    waiting = asyncio.create_task(stands.wait())
    await asyncio.wait({run, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if not run.done():
        try:
            yield app
        finally:
            if not app._stop.is_set():
                app.stop()
            await run
    await run


async def in_redis(url: str) -> list[Alert]:
    """All alerts in the stream, in its order."""
    async with connect(url) as client:
        entries: list[Any] = await client.xrange("technic:alerts") or []
    return [msgspec.json.decode(fields[b"data"], type=Alert) for _, fields in entries]


def engine_of(config: Config) -> Engine:
    """What a daemon without model would build."""
    sessions = calendar.load(config.state.cache, SystemClock().wall_ms()).sessions
    return assembly.engine_of(config, assembly.plan_of(config), None, sessions)


def replayed(config: Config, bars: BarBatch) -> list[Alert]:
    """The alerts of these bars, without any daemon."""
    alerts: list[Alert] = []
    feed_engine(engine_of(config), [bars], alerts.extend)
    return alerts

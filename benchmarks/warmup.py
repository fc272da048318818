"""A start that knows nothing, and one that has all in its store: 250 daily and 390 minute bars of 12,000 symbols.

The exchange answers in this process and at once, so that what is measured is technic's own: asking, storing, and the
engine that takes it. Peers: the same store in PostgreSQL.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.report import result
from daemon import assembly, calendar
from daemon.clock import SystemClock
from daemon.config import Config
from daemon.dataplane.daystable import days_table
from daemon.dataplane.shelf import Shelf
from daemon.dataplane.stretch import trading_minutes
from daemon.dataplane.warmup import feed, fill, lacking
from streams.bars import MINUTE_MS, SYMBOL, empty
from streams.dailyfile import DailyBars
from streams.history.open import open_history
from tests.fakes.postgres import Postgres

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.progress import Progress

    from benchmarks.report import Result
    from daemon.engine.engine import Engine
    from daemon.engine.sessions import SessionTable
    from streams.bars import BarBatch
    from streams.polygon.rest.limiter import Priority
    from streams.types import Longs, Symbols

CLOCK = SystemClock()
CLOSE_MS = 1_737_752_400_000  # 2025-01-24 16:00 in New York
SYMBOLS, FEW, DAYS = 12_000, 10, 250


class Exchange:
    """Has a bar of every symbol and minute."""

    def __init__(self, minutes: Longs) -> None:
        self._minutes, self._random = minutes, np.random.default_rng(1)

    async def minutes(self, symbol: str, from_ms: int, to_ms: int, *, priority: Priority) -> BarBatch:  # noqa: ARG002 - of one kind
        """Random walks of a few dollars."""
        wanted = self._minutes[(self._minutes >= from_ms) & (self._minutes <= to_ms)]
        bars, size = empty(len(wanted)), len(wanted)
        close = 50 * np.exp(np.cumsum(self._random.normal(0, 0.001, size)))
        bars.symbol[:], bars.start_ms[:], bars.length_ms[:] = symbol.encode(), wanted, MINUTE_MS
        bars.arrival_ms[:] = wanted + MINUTE_MS
        bars.values[:6] = np.stack([close, close + 0.1, close - 0.1, close, np.full(size, 1_000.0), close])
        return bars


def answer(progress: Progress, *, quick: bool) -> list[Result]:
    """Each stage in seconds."""
    symbols = SYMBOLS // 20 if quick else SYMBOLS
    with Postgres() as server:
        asyncio.run(_spent(_folder(), FEW, lambda _done, _total: None))  # kernels are compiled
        stores: dict[str, Callable[[], Any]] = {"files": _folder, "postgresql": server.database}
        found = {}
        for name, make in stores.items():
            task = progress.add_task(f"warm-up, {name}", total=symbols)
            show = lambda done, _total, task=task: progress.update(task, completed=done)  # type: ignore[misc]  # noqa: E731 - one line
            found[name] = asyncio.run(_spent(make(), symbols, show))
    files, others = found.pop("files"), found
    detail = {"symbols": symbols, "daily_bars": symbols * DAYS, "minute_bars": symbols * 390}
    return [
        result(f"warmup.{stage}", spent, {name: one[stage] for name, one in others.items()}, detail, "s")
        for stage, spent in files.items()
    ]


async def _spent(where: Any, symbols: int, show: Callable[[int, int], None]) -> dict[str, float]:
    """Seconds by stage: a start that knows nothing, then one that finds all in the store."""
    names = np.array([f"S{number:05}" for number in range(symbols)], SYMBOL)
    with tempfile.TemporaryDirectory() as folder:
        sessions = calendar.load(Path(folder), CLOCK.wall_ms()).sessions
        minutes = trading_minutes(sessions, CLOSE_MS, extended=False)
        async with Shelf(lambda: open_history(where)) as shelf:
            await shelf.ask(lambda history: history.write_daily(_year(names, sessions), "benchmark", 0))
            began = perf_counter()
            wanted = await lacking(shelf, minutes, names)
            filled = await fill(wanted, Exchange(minutes), shelf, CLOCK, 3_600.0, progress=show)
            spent = {"fetch": perf_counter() - began}
        if filled.calls != symbols:
            raise RuntimeError(f"{filled} of {symbols} calls")
        async with Shelf(lambda: open_history(where)) as shelf:
            return spent | await _from_store(shelf, minutes, names, _engine(Path(folder), sessions), sessions)


async def _from_store(
    shelf: Shelf, minutes: Longs, names: Symbols, engine: Engine, sessions: SessionTable
) -> dict[str, float]:
    began = perf_counter()
    wanted = await lacking(shelf, minutes, names)
    looked = perf_counter()
    today, before = sessions.dates(CLOSE_MS, DAYS)
    engine.know(await days_table(shelf, before, today))
    told = perf_counter()
    fed = await feed(shelf, minutes, engine, _at_once)
    ended = perf_counter()
    if wanted or fed.bars != len(minutes) * len(names):
        raise RuntimeError(f"{len(wanted)} symbols are asked for again; {fed}")
    return {"look": looked - began, "daily": told - looked, "minutes": ended - told, "again": ended - began}


async def _at_once(act: Callable[[], object]) -> bool:
    act()
    return True


def _engine(folder: Path, sessions: SessionTable) -> Engine:
    config = Config.model_validate(
        {"state": {"folder": folder, "cache": folder}, "model": {"enabled": False}, "engine": {"max_symbols": 16_384}}
    )
    return assembly.engine_of(config, assembly.plan_of(config), None, sessions)


def _year(names: Symbols, sessions: SessionTable) -> DailyBars:
    _, days = sessions.dates(CLOSE_MS, DAYS)
    close = np.random.default_rng(1).uniform(5, 500, len(names) * len(days)).round(2)
    values = np.stack([close, close + 1, close - 1, close, close * 1_000])
    return DailyBars(np.repeat(names, len(days)), np.tile(days, len(names)), values, 0)


def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="technic-history-"))

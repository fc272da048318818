"""What the leaderboard costs: the engine's thread at the close of a minute, the event loop, and the server.

10,000 symbols that all had a bar, 500 of them leaders, and 800 that are shown for another reason. Beside it the plain
way with the same client: everything in one pipeline, every minute.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import uvloop

from benchmarks.report import result
from benchmarks.scanner import plan
from daemon.assembly import Untaught
from daemon.boardrows import hashes_of, scores_of
from daemon.engine.engine import Engine, Settings
from daemon.engine.sessions import SessionTable
from daemon.ranking import Ranker
from streams.bars import MINUTE_MS, empty
from streams.redis.board import Board
from streams.redis.connection import connect
from streams.redis.embedded import EmbeddedValkey

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from redis.asyncio import Redis
    from rich.progress import Progress

    from benchmarks.report import Result
    from daemon.ranking import Ranking
    from streams.bars import BarBatch

OPEN_MS = 1_736_173_800_000
PREFIX = "bench:"


class Sizes(NamedTuple):
    """How much is measured."""

    symbols: int = 10_000
    leaders: int = 500
    noted: int = 800
    minutes: int = 12
    ranks: int = 300


QUICK = Sizes(60, 5, 8, 2, 3)


def answer(progress: Progress, *, quick: bool = False) -> list[Result]:
    """Rank, then write minute after minute; medians, and the longest time that the event loop stood still."""
    sizes = QUICK if quick else Sizes()
    task = progress.add_task("leaderboard", total=2 * sizes.minutes)
    market = Market(sizes)
    took = sorted(_timed(market.rank) for _ in range(sizes.ranks))
    detail = {**sizes._asdict(), "p99_ms": round(took[-1 - len(took) // 100] * 1e3, 3)}
    ranked = result("leaderboard.rank", median(took) * 1e3, {}, detail)
    ours = uvloop.run(_write(market, _by_differences, lambda: progress.advance(task)))
    plain = uvloop.run(_write(market, _all_in_one, lambda: progress.advance(task)))
    return [
        ranked,
        *(
            result(f"leaderboard.{name}", ours[name], {"one pipeline": plain[name]}, {"symbols": sizes.symbols})
            for name in ours
        ),
    ]


class Market:
    """An engine, a minute of the whole market at a time; scores are drawn."""

    def __init__(self, sizes: Sizes) -> None:
        sessions = SessionTable(np.array([OPEN_MS]), np.array([OPEN_MS + 390 * MINUTE_MS]))
        self.sizes, self._random = sizes, np.random.default_rng(1)
        self._names = np.array([f"S{number:05}" for number in range(sizes.symbols)], "S16")
        self._engine = Engine(plan(), sessions, Untaught(), Settings())
        self._ranker = Ranker(sessions, sizes.leaders)
        self._ranker.noted = self._random.choice(self._names, sizes.noted, replace=False)
        self._minute = 0
        self.close_minute()

    def close_minute(self) -> None:
        """Every symbol has a bar and another score."""
        self._engine.step(self._bars())
        self._minute += 1
        self._engine.advance(OPEN_MS + (self._minute + 1) * MINUTE_MS)
        self._engine.learning.scores[: self.sizes.symbols] = self._random.random(self.sizes.symbols)

    def rank(self) -> Ranking:
        """As the engine's thread does it."""
        return self._ranker.rank(self._engine)

    def _bars(self) -> BarBatch:
        bars = empty(self.sizes.symbols)
        bars.symbol[:], bars.start_ms[:] = self._names, OPEN_MS + self._minute * MINUTE_MS
        bars.length_ms[:], bars.arrival_ms[:] = MINUTE_MS, bars.start_ms + MINUTE_MS
        price = 50.0 + self._random.random(self.sizes.symbols)
        bars.values[:6] = [price, price + 1, price - 1, price, np.ones_like(price), price]
        return bars


async def _write(
    market: Market, write: Callable[[Redis, Board, Ranking], Awaitable[None]], progress: Callable[[], None]
) -> dict[str, float]:
    """Milliseconds a minute: until it stands there, the longest standstill of the loop, and the server's work."""
    spent, still = [], []
    with TemporaryDirectory(prefix="lead-") as folder:
        async with EmbeddedValkey(Path(folder)) as server, connect(server.url) as client:
            board = Board(client, PREFIX, 10.0)
            await write(client, board, market.rank())  # the first writing replaces everything
            before = await _served_us(server.url)
            for _ in range(market.sizes.minutes):
                market.close_minute()
                ranking = market.rank()
                async with _watched(still):
                    began = perf_counter()
                    await write(client, board, ranking)
                    spent.append(perf_counter() - began)
                progress()
            server_us = await _served_us(server.url) - before
    server_ms = server_us / 1e3 / market.sizes.minutes
    return {"write": median(spent) * 1e3, "standstill": median(still) * 1e3, "server": server_ms}


async def _by_differences(_: Redis, board: Board, ranking: Ranking) -> None:
    await board.write(scores_of(ranking), hashes_of(ranking, {}), 0.0)


async def _all_in_one(client: Redis, _: Board, ranking: Ranking) -> None:
    pipe = client.pipeline(transaction=True)
    scores: Any = dict(scores_of(ranking))
    pipe.delete(f"{PREFIX}scores")
    pipe.zadd(f"{PREFIX}scores", scores)
    for symbol, fields in hashes_of(ranking, {}):
        whole: Any = fields
        pipe.hset(f"{PREFIX}symbol:{symbol}", mapping=whole)
        pipe.expire(f"{PREFIX}symbol:{symbol}", 86_400)
    await pipe.execute()


@asynccontextmanager
async def _watched(longest: list[float]) -> AsyncIterator[None]:
    """Adds the longest time that other tasks had to wait for their turn meanwhile."""
    lags = [0.0]

    async def watch() -> None:
        while True:
            began = perf_counter()
            await asyncio.sleep(0)
            lags.append(perf_counter() - began)

    task = asyncio.create_task(watch())
    await asyncio.sleep(0)
    try:
        yield
    finally:
        task.cancel()
        longest.append(max(lags))


async def _served_us(url: str) -> int:
    """Microseconds that the server has worked on commands, ever."""
    async with connect(url) as client:
        commands = await client.info("commandstats")
        return sum(one["usec"] for name, one in commands.items() if name.startswith("cmdstat_"))


def _timed(act: Callable[[], object]) -> float:
    began = perf_counter()
    act()
    return perf_counter() - began

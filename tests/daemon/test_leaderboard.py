"""The leaderboard's task: with a real server, and an engine that hurries."""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from daemon import leaderboard
from daemon.engine.sessions import SessionTable
from daemon.leaderboard import Leaderboard
from daemon.ranking import Ranker, Ranking
from streams.bars import MINUTE_MS
from streams.outbox import Stored
from streams.redis.embedded import EmbeddedValkey
from streams.redis.verdict import Backoff
from streams.simulator.markettime import AS_FAST_AS_READ
from streams.simulator.server import Simulator
from tests.daemon.running import KEY, OPEN, Tape, config_of, in_redis, running, url_of, walk
from tests.fakes.clock import ManualClock
from tests.streams.redis.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from daemon.engine.engine import Engine

DAY_MS = 86_400_000
SESSIONS = SessionTable(np.array([OPEN, OPEN + DAY_MS]), np.array([OPEN, OPEN + DAY_MS]) + 390 * MINUTE_MS)
ENGINE: Any = None


class Given(Ranker):
    """Ranks as the test says."""

    def __init__(self) -> None:
        super().__init__(SESSIONS, 10)
        self.scores: dict[bytes, float] = {}
        self.closed_ms, self.day = OPEN, 0

    def rank(self, engine: Engine) -> Ranking:  # noqa: ARG002
        symbols = np.array(list(self.scores), "S16")
        scores = np.array(list(self.scores.values()))
        shown, score, n = self.noted, np.full(len(self.noted), 0.5), len(self.noted)
        columns = [score, np.ones(n), np.ones(n), np.zeros(n), np.ones(n, np.bool_), np.zeros((n, 0))]
        return Ranking(self.closed_ms, self.day, symbols, scores, shown, np.full(n, OPEN), *columns, ())  # type: ignore[arg-type]


class World:
    """A leaderboard, its server's folder and client."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url, self.ranker = folder, url, Given()
        self.board = Leaderboard(
            url,
            "t:",
            self.ranker,
            {},
            SESSIONS,
            ManualClock(),
            random.Random(1),  # noqa: S311 - pauses, not secrets
            deadline_s=0.5,
            backoff=Backoff(first_s=0.01, cap_s=0.05),
        )

    def close_minute(self, **scores: float) -> None:
        self.ranker.scores = {symbol.encode(): score for symbol, score in scores.items()}
        self.ranker.closed_ms += MINUTE_MS
        self.board.leave(ENGINE)

    def alert(self, symbol: str, bar_start_ms: int = OPEN, *members: str) -> Stored:
        told = {"symbol": symbol, "bar_start_ms": bar_start_ms, "members": [{"symbol": each} for each in members]}
        return Stored(1, "1-0", "a", {"data": msgspec.json.encode(told).decode()})

    async def scores(self) -> dict[bytes, float]:
        async with Redis.from_url(self.url) as client:
            ranked: Any = await client.zrange("t:scores", 0, -1, withscores=True)
            return dict(ranked)

    async def hashes(self) -> set[bytes]:
        async with Redis.from_url(self.url) as client:
            return set(await client.keys("t:symbol:*"))


@pytest.fixture
async def folder() -> AsyncIterator[Path]:
    with TemporaryDirectory(prefix="ldr-") as name:
        yield Path(name)


@asynccontextmanager
async def at_work(world: World) -> AsyncIterator[Leaderboard]:
    task = asyncio.ensure_future(world.board.run())
    try:
        yield world.board
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_each_minute_that_closes_replaces_the_scores(folder: Path) -> None:
    async with EmbeddedValkey(folder) as server:
        world = World(folder, server.url)
        async with at_work(world) as board:
            world.close_minute(A=0.5, B=0.25)
            await eventually(lambda: board.written == 1)
            world.close_minute(B=0.75, C=0.1)
            await eventually(lambda: board.written == 2)
            assert await world.scores() == {b"B": 0.75, b"C": 0.1}
            assert (board.skipped, board.failures, board.closed_ms) == (0, 0, OPEN + 2 * MINUTE_MS)
            assert board.newest.gone == 1


async def test_what_is_overtaken_is_skipped_and_counted(folder: Path) -> None:
    async with EmbeddedValkey(folder) as server:
        world = World(folder, server.url)
        for number in range(5):
            world.close_minute(A=number / 10)
        async with at_work(world) as board:
            await eventually(lambda: board.written == 1)
            assert await world.scores() == {b"A": 0.4}
            assert board.skipped == 4


async def test_a_server_that_is_away_costs_minutes_and_nothing_else(folder: Path) -> None:
    world = World(folder, EmbeddedValkey(folder).url)
    with capture_logs() as logs:
        async with at_work(world) as board:
            world.close_minute(A=0.1)
            await eventually(lambda: board.failures >= 3)
            world.close_minute(A=0.2)
            await eventually(lambda: board.skipped == 1)
            async with EmbeddedValkey(folder):
                await eventually(lambda: board.written == 1)
                assert await world.scores() == {b"A": 0.2}
                assert board.failures == 0
    assert [line["event"] for line in logs if line["event"] == "leaderboard not written"] == ["leaderboard not written"]


async def test_a_server_that_hangs_holds_up_nobody_who_leaves_rankings(folder: Path) -> None:
    async with EmbeddedValkey(folder) as server, Redis.from_url(server.url) as client:
        world = World(folder, server.url)
        async with at_work(world) as board:
            world.close_minute(A=0.1)
            await eventually(lambda: board.written == 1)
            await client.execute_command("CLIENT", "PAUSE", 900, "ALL")  # type: ignore[no-untyped-call]
            for number in range(10):
                world.close_minute(A=number / 10)
            await eventually(lambda: board.skipped == 9)
            assert board.written == 1
            await eventually(lambda: board.written == 2)
            assert await world.scores() == {b"A": 0.9}


class Slow(ManualClock):
    """Every look at it takes a second."""

    def monotonic_s(self) -> float:
        self.advance(1.0)
        return super().monotonic_s()


async def test_after_a_long_writing_it_rests_so_that_minutes_that_hurry_do_not_fill_the_loop(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        rests.append(seconds)
        await sleep(0)

    async with EmbeddedValkey(folder) as server:
        world = World(folder, server.url)
        world.board._clock = Slow()
        monkeypatch.setattr(leaderboard.asyncio, "sleep", noted)
        async with at_work(world) as board:
            world.close_minute(A=0.1)
            while not board.written or not any(rests):
                await sleep(0.005)
        monkeypatch.undo()
    assert max(rests) == leaderboard.RESTS * board.write_s >= 4.0


async def test_after_a_restart_of_the_server_all_is_there_again(folder: Path) -> None:
    world = World(folder, EmbeddedValkey(folder).url)
    async with at_work(world) as board:
        async with EmbeddedValkey(folder) as server:
            world.close_minute(A=0.1, B=0.2)
            await eventually(lambda: board.written == 1)
            async with Redis.from_url(server.url) as client:
                await client.flushall()
        async with EmbeddedValkey(folder):
            world.close_minute(A=0.1, B=0.2)
            await eventually(lambda: board.written == 2)
            assert await world.scores() == {b"A": 0.1, b"B": 0.2}


async def test_what_alerted_today_is_shown_until_the_day_is_over(folder: Path) -> None:
    async with EmbeddedValkey(folder) as server:
        world = World(folder, server.url)
        async with at_work(world) as board:
            board.follow([world.alert("NEWS", OPEN, "PEER"), world.alert("OLD", OPEN - DAY_MS)])
            world.close_minute()
            await eventually(lambda: board.written == 1)
            assert await world.hashes() == {b"t:symbol:NEWS", b"t:symbol:PEER"}
            world.ranker.day = 1
            world.close_minute()
            await eventually(lambda: not world.ranker.noted.size)


async def test_a_start_recalls_todays_alerts_from_the_stream_and_believes_nothing_else(folder: Path) -> None:
    async with EmbeddedValkey(folder) as server:
        world = World(folder, server.url)
        told: list[Any] = [
            world.alert("GONE", OPEN - DAY_MS).fields,
            world.alert("BACK", OPEN, "PEER").fields,
            {"data": "no JSON"},
            {"x": "y"},
            {"data": '{"symbol": "X", "bar_start_ms": 1e300}'},
            {"data": '{"symbol": "X", "bar_start_ms": 99999999999999999999999}'},
            {"data": '{"symbol": "X", "bar_start_ms": 4102444800000}'},
        ]
        async with Redis.from_url(server.url) as client:
            for fields in told:
                await client.xadd("t:alerts", fields)
        async with at_work(world) as board:
            world.close_minute()
            await eventually(lambda: b"BACK" in world.ranker.noted.tolist())
            assert sorted(world.ranker.noted.tolist()) == [b"BACK", b"PEER"]
            assert board.failures == 0


async def test_a_ranking_that_cannot_be_taken_is_no_concern_of_the_engines(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(folder, EmbeddedValkey(folder).url)

    def broken(_: Engine) -> Ranking:
        raise RuntimeError("a mistake")

    monkeypatch.setattr(world.ranker, "rank", broken)
    with capture_logs() as logs:
        world.close_minute()
    assert [line["event"] for line in logs] == ["no ranking"]


async def test_a_daemon_writes_hashes_of_what_alerted_and_none_where_it_is_switched_off(tmp_path: Path) -> None:
    for leaders, shown in ((10, True), (0, False)):
        folder = tmp_path / str(leaders)
        folder.mkdir()
        async with Simulator(Tape(walk(3, 20)), clock=ManualClock(), key=KEY, speed=AS_FAST_AS_READ) as exchange:
            config = config_of(folder, url_of(exchange.port), redis={"leaders": leaders})
            async with running(config) as app, Redis.from_url(app.redis_url) as client:
                await eventually(lambda app=app: app.live.figures.closed_ms >= OPEN + 19 * MINUTE_MS)
                alerted = {alert.symbol.encode() for alert in await in_redis(app.redis_url)}
                assert (app.leaderboard is not None) is shown
                if app.leaderboard:
                    board = app.leaderboard
                    await eventually(lambda app=app, board=board: board.closed_ms == app.live.figures.closed_ms)
                    assert board.rank_s >= 0.0
                keys = {key.rpartition(b":")[2] for key in await client.keys("technic:symbol:*")}
                assert keys == (alerted if shown else set())

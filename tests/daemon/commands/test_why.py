"""`technic why`: of recorded bars, and of a daemon."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import TYPE_CHECKING, Any

import aiohttp
import duckdb
import pytest

from daemon.clock import SystemClock
from daemon.web.token import token_of
from streams.bars import MINUTE_MS
from streams.history.open import open_history
from streams.simulator.markettime import AS_FAST_AS_READ
from streams.simulator.server import Simulator
from tests.daemon.running import KEY, OPEN, Tape, config_of, running, url_of, walk
from tests.fakes.program import technic
from tests.streams.redis.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

RULES = """
[[rule]]
name = "up"
where = "close > close[1] and volume > 10"

[[rule]]
name = "first"
where = "rank(close) < 1.5"

[[rule]]
name = "likely"
where = "score > 0.5"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rules.toml").write_text(RULES)
    (tmp_path / "technic.toml").write_text(
        '[engine]\nrules = "rules.toml"\n[state]\nfolder = "state"\n[model]\nenabled = false\n'
    )
    bars = walk(3, 40)
    rows = ",".join(
        f"('{symbol.decode()}', {start}, {o}, {h}, {low}, {c}, {v})"
        for symbol, start, (o, h, low, c, v) in zip(
            bars.symbol.tolist(), bars.start_ms.tolist(), bars.values[:5].T.tolist(), strict=True
        )
    )
    columns = "symbol, ts, open, high, low, close, volume"
    duckdb.execute(f"COPY (SELECT * FROM (VALUES {rows}) t({columns})) TO '{tmp_path / 'bars.parquet'}'")
    return tmp_path


def test_bars_of_a_file_are_asked_up_to_a_moment(folder: Path) -> None:
    ended = technic("why", "S00", "up", "--bars", "bars.parquet", "--at", "2025-01-06 09:50", "--json", folder=folder)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert found["bar_start_ms"] <= OPEN + 20 * MINUTE_MS
    assert [condition["text"] for condition in found["conditions"]] == ["close > close[1]", "volume > 10"]
    assert found["holds"] is all(condition["holds"] for condition in found["conditions"])


def test_people_read_a_table_and_a_verdict(folder: Path) -> None:
    ended = technic("why", "s00", "first", "--bars", "bars.parquet", "--at", "09:45", folder=folder)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("S00 first at 2025-01-06 09:4")
    assert "rank(close) < 1.5" in ended.stdout
    assert "looked at    when the market's minute closed" in ended.stdout


def test_the_history_that_is_kept_is_asked_where_no_file_is_named(folder: Path) -> None:
    with open_history(folder / "state" / "history") as history:
        history.write_minutes(walk(3, 40))
    ended = technic("why", "S01", "up", "--at", "2025-01-06 10:00", "--json", folder=folder)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["symbol"] == "S01"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("S00", "upp", "--bars", "bars.parquet"), 64, 'there is no rule "upp"; did you mean "up"?'),
        (("S77", "up", "--bars", "bars.parquet"), 64, "there is no bar of S77"),
        (("S00", "up", "--bars", "bars.parquet", "--at", "yesterday"), 64, "is no time; write 15:30"),
        (
            ("S00", "up", "--bars", "bars.parquet", "--at", "2024-01-06 10:00"),
            64,
            "some from 2025-01-06 09:30",
        ),
        (("S00", "up", "--bars", "rules.toml"), 65, "rules.toml"),
        (("S00", "up", "--at", "10:00"), 78, "holds no history"),
        (("S00", "up"), 69, "start technic run"),
    ],
)
def test_what_cannot_be_answered_is_told_with_what_to_do(
    folder: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    ended = technic("why", *arguments, folder=folder)
    assert ended.returncode == code, ended.stderr
    assert said in " ".join(ended.stderr.split())


async def test_the_running_daemon_answers_for_its_last_closed_bars(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with Simulator(Tape(walk(3, 30)), clock=SystemClock(), key=KEY, speed=AS_FAST_AS_READ) as exchange:
        config = config_of(tmp_path, url_of(exchange.port), rules=RULES, http={"enabled": True, "port": port})
        async with running(config) as app:
            await eventually(lambda: app.engine.counts.minutes >= 28, 30)
            token = token_of(config.state.folder).reveal()
            paths = "why?symbol=S00&rule=first", "rules", "why?symbol=S00&rule=firs", "models"
            found, rules, wrong, models = await asyncio.gather(*(asked(port, token, path) for path in paths))
    assert found["rule"] == "first"
    assert found["conditions"][0]["text"] == "rank(close) < 1.5"
    assert {rule["name"] for rule in rules["rules"]} == {"up", "first", "likely"}
    assert models == []
    assert wrong == {"error": 'there is no rule "firs"', "remedy": 'did you mean "first"?'}


async def asked(port: int, token: str, path: str) -> Any:
    head = {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession(headers=head) as session,
        session.get(f"http://127.0.0.1:{port}/api/v1/{path}") as answer,
    ):
        return await answer.json()

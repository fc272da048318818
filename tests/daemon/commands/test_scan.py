"""The command as a person runs it, against the simulated exchange."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import TYPE_CHECKING, NamedTuple

import duckdb
import pytest

from daemon.commands.errors import SymbolsFileError
from daemon.commands.scan import symbols_of
from streams.simulator.market import SyntheticMarket
from tests.daemon.commands.test_history import newer
from tests.daemon.scan.test_scanner import days_of, exchange, sessions

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.engine.sessions import SessionTable

__all__ = ["sessions"]


class Ended(NamedTuple):
    code: int
    out: str
    err: str


async def technic(port: int, folder: Path, *arguments: str, key: str = "demo") -> Ended:
    set_ = {
        "TECHNIC_FEED__URL": f"ws://127.0.0.1:{port}/stocks",
        "TECHNIC_FEED__KEY": key,
        "TECHNIC_STATE__FOLDER": str(folder / "state"),
        "TECHNIC_REST__RATE_PER_MINUTE": "6000",
        "TECHNIC_REST__BURST": "1000",
    }
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "daemon", *arguments),
        env={**os.environ, **set_},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await child.communicate()
    assert child.returncode is not None
    return Ended(child.returncode, out.decode(), err.decode())


async def test_a_scan_is_shown_written_and_explained(tmp_path: Path, sessions: SessionTable) -> None:
    table = tmp_path / "table.csv"
    async with exchange(days_of(sessions)) as simulator:
        first = await technic(simulator.port, tmp_path, "scan", "--max-symbols", "20", "-n", "5", "--explain")
        assert first.code == 0, first.err
        plan = first.err.splitlines()
        assert plan[0] == "1 call for every thousand symbols that are listed: the list was not asked for today"
        assert plan[1].startswith("1 call or more for splits")
        assert "the fewest there can be" in plan[2]
        assert ": 20 symbols, " in first.out
        assert all(line == line.rstrip() for line in first.out.splitlines())
        second = await technic(simulator.port, tmp_path, "scan", "--json", "--by", "activity", "--out", str(table))
    assert second.code == 0, second.err
    told = json.loads(second.out)
    assert told["symbols"] == 150
    assert [row["rank"] for row in told["rows"]] == list(range(1, len(told["rows"]) + 1))
    written = duckdb.read_csv(str(table))
    assert [symbol for (symbol,) in written.project("symbol").fetchall()] == [row["symbol"] for row in told["rows"]]


async def test_a_file_of_no_known_form_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    ended = await technic(1, tmp_path, "scan", "--out", str(tmp_path / "table.xlsx"))
    assert ended.code == 64, ended.err
    assert "ends in none of .csv, .json, .parquet" in ended.err


async def test_a_watch_tells_a_line_a_scan_and_ends_by_itself(tmp_path: Path, sessions: SessionTable) -> None:
    names = tmp_path / "names.txt"
    names.write_text(f"{SyntheticMarket(150, seed=3).symbols[4].decode()}, NOSUCH # a remark\n")
    async with exchange(days_of(sessions)) as simulator:
        watched = await technic(
            simulator.port,
            tmp_path,
            *("scan", "--symbols", str(names), "--watch", "--every", "1", "--duration", "4", "--json"),
        )
    assert watched.code == 0, watched.err
    lines = [json.loads(line) for line in watched.out.splitlines()]
    assert len(lines) >= 2
    assert lines[-1]["calls"] == 1
    assert lines[-1]["troubles"] == ["NOSUCH: not known to the exchange"]


async def test_a_wrong_key_and_an_exchange_that_is_away_are_told(tmp_path: Path, sessions: SessionTable) -> None:
    async with exchange(days_of(sessions)) as simulator:
        port = simulator.port
        wrong = await technic(port, tmp_path, "scan", key="wrong-key")
    away = await technic(port, tmp_path, "scan")
    assert (wrong.code, away.code) == (78, 69)
    assert "wrong-key" not in wrong.err
    for told in (wrong, away):
        assert "Traceback" not in told.err
        assert told.out == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("AAPL\nnot/a symbol!\n", ":2: symbol! is no symbol"),
        ("# nothing\n\n", "names no symbol"),
        (b"\xff\xfe\x00", "it is no text"),
        (None, "No such file"),
    ],
)
def test_a_list_of_symbols_that_is_none_is_told_with_its_line(
    tmp_path: Path, text: str | bytes | None, said: str
) -> None:
    path = tmp_path / "names.txt"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SymbolsFileError) as caught:
        symbols_of(path)
    assert said in str(caught.value)


def test_symbols_are_separated_as_people_do(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_text("Symbol\nMSFT, aapl\tBRK.B BACpA # four\n\nAAPL\n")
    assert symbols_of(path).tolist() == [b"AAPL", b"BACpA", b"BRK.B", b"MSFT"]


async def test_a_newer_history_ends_a_scan_with_78(tmp_path: Path, sessions: SessionTable) -> None:
    newer(tmp_path)
    async with exchange(days_of(sessions)) as simulator:
        ended = await technic(simulator.port, tmp_path, "scan")
    assert ended.code == 78, ended.err
    assert "written by a newer technic (schema 99" in ended.err

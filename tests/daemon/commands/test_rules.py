"""`technic rules`: list, check, preview."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import duckdb
import pytest

from daemon.commands.rules import sparkline
from tests.daemon.test_previewchart import texts_of
from tests.fakes.program import technic

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

TRIED = """
[[rule]]
name = "volume-spike"
where = ["session == 'regular'", "rvol(20) > 4"]
cooldown = "30m"
budget = "40/day"
by = "rvol(20)"

[[rule]]
name = "dip"
on = "crosses_below(close, vwap())"
"""

WRONG = '[[rule]]\nname = "a"\nwhere = "rzi(14) > 70"\ncolour = "red"\n'
BARS = "symbol,ts,open,high,low,close,volume\nA,1736173800000,1,2,0.5,1.5,10\n"


def run(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return technic("rules", *arguments, folder=folder, environ={"TECHNIC_MODEL__ENABLED": "false"})


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.fixture
def morning(data_file: Callable[[str], Path], tmp_path: Path) -> Path:
    """Real minutes: 2025-01-24, 09:30 to 11:30 in New York, some twenty symbols."""
    source, path = str(data_file("minute_2025_01.parquet")), tmp_path / "morning.parquet"
    day = "ts >= 1737729000000 AND ts < 1737736200000 AND symbol < 'C'"
    duckdb.execute(f"COPY (SELECT * FROM read_parquet($1) WHERE {day}) TO '{path}' (FORMAT parquet)", [source])
    return path


def test_a_preview_tells_how_often_rules_fire_and_what_changes(morning: Path, tmp_path: Path) -> None:
    tried = written(tmp_path, "tried.toml", TRIED)
    ended = run(tmp_path, "preview", tried, "--bars", morning)
    assert ended.returncode == 0, ended.stderr
    first, *lines = ended.stdout.splitlines()
    assert first.startswith(f"{tried} against default.toml: 1 trading day, ")
    told = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if line.startswith("│")]
    assert [row[:2] for row in told[:3]] == [["volume-spike", "changed"], ["volume-spike", "running"], ["dip", "new"]]
    assert {row[1] for row in told[3:-1]} == {"gone"}
    name, running, kept, gone, new = told[-1]
    assert name == "volume-spike"
    assert int(running) == int(kept) + int(gone) == int(told[1][2])
    assert int(told[0][2]) == int(kept) + int(new) > 0
    assert "note: rules need the score, but model.enabled is false" in ended.stderr


def test_a_picture_is_drawn_beside(morning: Path, tmp_path: Path) -> None:
    tried, picture = written(tmp_path, "tried.toml", TRIED), tmp_path / "picture.svg"
    arguments = ("preview", tried, "--bars", morning, "--json", "--chart")
    ended = run(tmp_path, *arguments, picture)
    assert ended.returncode == 0, ended.stderr
    assert f"technic: a picture is in {picture}" in ended.stderr
    assert json.loads(ended.stdout)["rules"]
    texts = texts_of(picture.read_bytes())
    assert {"tried.toml against default.toml", "volume-spike", "dip", "09:30", "tried", "running"} <= set(texts)


def test_a_picture_that_cannot_be_written_ends_with_64_and_the_report_is_told_before(tmp_path: Path) -> None:
    tried, bars = written(tmp_path, "tried.toml", TRIED), written(tmp_path, "bars.csv", BARS)
    ended = run(tmp_path, "preview", tried, "--bars", bars, "--chart", tmp_path / "absent" / "x.png")
    assert ended.returncode == 64
    assert "cannot be written: No such file or directory" in ended.stderr
    assert "volume-spike" in ended.stdout
    other = run(tmp_path, "preview", tried, "--bars", bars, "--chart", "x.jpg")
    assert (other.returncode, other.stdout) == (64, "")
    assert ".png or .svg" in other.stderr


def test_as_json_it_is_one_document_of_the_chosen_symbols(morning: Path, tmp_path: Path) -> None:
    tried, chosen = written(tmp_path, "tried.toml", TRIED), written(tmp_path, "chosen.txt", "symbol\nAFRM, aapl\n")
    ended = run(tmp_path, "preview", tried, "--bars", morning, "--symbols", chosen, "--days", 1, "--json")
    found = json.loads(ended.stdout)
    assert ended.returncode == 0
    assert (found["days"], found["model"]) == (["2025-01-24"], False)
    assert found["symbols"] in {1, 2}
    assert [rule["name"] for rule in found["rules"]][:2] == ["volume-spike", "dip"]
    assert set(found["rules"][1]["new"]["top"]) <= {"AFRM", "AAPL"}


def test_every_mistake_of_the_rules_is_told(tmp_path: Path) -> None:
    wrong, bars = written(tmp_path, "wrong.toml", WRONG), written(tmp_path, "bars.csv", BARS)
    for arguments in (("preview", wrong, "--bars", bars), ("check", wrong)):
        ended = run(tmp_path, *arguments)
        assert (ended.returncode, ended.stdout) == (78, "")
        assert f'{wrong}:3:10: unknown indicator "rzi"' in ended.stderr
        assert f'{wrong}:4:1: unknown key "colour"' in ended.stderr


def test_files_that_cannot_be_used_are_told_by_their_codes(tmp_path: Path) -> None:
    tried, foreign = written(tmp_path, "tried.toml", TRIED), written(tmp_path, "bars.csv", "no bars in here")
    bars = run(tmp_path, "preview", tried, "--bars", foreign)
    assert bars.returncode == 65
    assert str(foreign) in bars.stderr
    rules = run(tmp_path, "preview", tmp_path / "absent.toml", "--bars", written(tmp_path, "one.csv", BARS))
    assert rules.returncode == 78
    assert "absent.toml: the rules cannot be read: No such file or directory" in rules.stderr


def test_a_file_of_rules_is_checked_by_itself(tmp_path: Path) -> None:
    tried, wrong = written(tmp_path, "tried.toml", TRIED), written(tmp_path, "wrong.toml", WRONG)
    ended = run(tmp_path, "check", tried)
    assert (ended.returncode, ended.stdout) == (0, f"{tried}: no mistakes, 2 rules\n")
    found = json.loads(run(tmp_path, "check", wrong, "--json").stdout)
    assert (found["ok"], found["file"], len(found["mistakes"])) == (False, str(wrong), 2)


def test_the_configured_rules_are_listed_in_normal_form(tmp_path: Path) -> None:
    config = written(tmp_path, "technic.toml", '[engine]\nrules = "tried.toml"\n')
    written(tmp_path, "tried.toml", TRIED)
    listed = json.loads(run(tmp_path, "list", "-c", config, "--json").stdout)
    assert [(rule["name"], rule["cooldown"], rule["evaluate"]) for rule in listed] == [
        ("volume-spike", "30m", "close"),
        ("dip", "0s", "close"),
    ]
    assert listed[0]["condition"] == 'session == "regular" and rvol(20) > 4'
    assert len(listed[0]["version"]) == 12
    assert (listed[0]["budget"], listed[0]["by"], listed[0]["until"], listed[1]["budget"]) == (40, "rvol(20)", None, 0)
    table = run(tmp_path, "list", "-c", config)
    assert table.returncode == 0
    assert "close < vwap() and close[1] >= vwap()[1]" in table.stdout
    assert "budget 40 a day" in table.stdout


def test_a_block_a_day_shows_its_share_of_the_largest() -> None:
    assert sparkline([]) == ""
    assert sparkline([0, 1, 4, 8]) == "·▁▄█"
    assert sparkline([0, 0]) == "··"
    assert sparkline([1]) == "█"
    assert len(sparkline(list(range(100)))) == 30

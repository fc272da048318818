"""`technic history` and `technic history import`."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from daemon.commands import history
from streams.history.kept import Kept, KeptBars, KeptSpans
from tests.fakes.program import technic

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

MINUTES = "symbol,ts,open,high,low,close,volume\nA,1736173800000,1,2,0.5,1.5,10\nB,1736173800000,1,0.5,2,1.5,10\n"
DAYS = "symbol,date,close\nA,2025-01-03,7\nA,2025-01-06,8\n"


def run(folder: Path, *arguments: object, url: str = "files") -> subprocess.CompletedProcess[str]:
    own = {"TECHNIC_STATE__FOLDER": str(folder / "state"), "TECHNIC_HISTORY__URL": url}
    return technic("history", *arguments, folder=folder, environ=own)


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_files_are_imported_and_what_is_kept_is_told(tmp_path: Path) -> None:
    minutes, days = written(tmp_path, "minutes.csv", MINUTES), written(tmp_path, "days.csv", DAYS)
    ended = run(tmp_path, "import", minutes, days)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines() == [
        f"{minutes}: 1 minute bars stored, 1 row rejected",
        f"{days}: 2 daily bars stored, 0 rows rejected",
    ]
    told = run(tmp_path)
    assert (told.returncode, told.stderr) == (0, "")
    assert "1 of 1 symbol, 1 day from 2025-01-06 to 2025-01-06" in told.stdout
    found = json.loads(run(tmp_path, "--json").stdout)
    assert found["daily"] == {"rows": 2, "symbols": 1, "days": 2, "first": "2025-01-03", "last": "2025-01-06"}
    assert (found["rows"]["alerts"], found["fetched"]) == (0, {})
    assert found["disk_bytes"] > 0


def test_a_bad_file_is_named_once_and_does_not_keep_the_others_out(tmp_path: Path) -> None:
    bad, days = written(tmp_path, "bad.csv", "no bars in here"), written(tmp_path, "days.csv", DAYS)
    ended = run(tmp_path, "import", bad, tmp_path / "absent", days, "--json")
    assert ended.returncode == 65
    found = json.loads(ended.stdout)
    assert [sorted(one) for one in found["files"][:2]] == [["error", "file"]] * 2
    assert found["files"][2] == {"file": str(days), "kind": "daily", "stored": 2, "rejected": 0}
    assert (found["stored"], found["rejected"]) == (2, 0)
    lines = ended.stderr.splitlines()
    assert [str(path) in line for path, line in zip((bad, tmp_path / "absent"), lines, strict=True)] == [True, True]


def test_where_nothing_is_kept_yet_it_says_how_that_changes(tmp_path: Path) -> None:
    ended = run(tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == history.NOTHING + "\n"
    assert not (tmp_path / "state").exists()
    assert json.loads(run(tmp_path, "--json").stdout)["minutes"]["first"] is None


def newer(folder: Path) -> None:
    """A history of a technic that is to come."""
    run(folder, "import", written(folder, "days.csv", DAYS))
    with closing(sqlite3.connect(folder / "state/history/history.sqlite")) as database:
        database.execute("PRAGMA user_version = 99")


def test_a_newer_history_is_78_and_stays_as_it_is(tmp_path: Path) -> None:
    newer(tmp_path)
    for arguments in ((), ("import", tmp_path / "days.csv")):
        ended = run(tmp_path, *arguments)
        assert ended.returncode == 78
        assert "written by a newer technic (schema 99" in ended.stderr
        assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", ["run", "universe"])
def test_no_other_command_works_with_a_newer_history_either(tmp_path: Path, command: str) -> None:
    newer(tmp_path)
    own = {"TECHNIC_STATE__FOLDER": str(tmp_path / "state"), "TECHNIC_HTTP__PORT": "0"}
    own |= {"TECHNIC_FEED__URL": "ws://127.0.0.1:1/stocks", "TECHNIC_FEED__KEY": "demo"}
    ended = technic(command, folder=tmp_path, environ=own)
    assert ended.returncode == 78, ended.stderr
    assert "written by a newer technic (schema 99" in ended.stderr
    assert "run that technic, or name another place" in ended.stderr


def test_a_server_that_is_away_is_69_without_its_password(tmp_path: Path) -> None:
    ended = run(tmp_path, url="postgresql://me:verysecret@127.0.0.1:1/technic")
    assert ended.returncode == 69
    assert "verysecret" not in ended.stdout + ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_what_was_fetched_is_told_by_kind() -> None:
    kept = Kept(1_500_000, KeptBars(), KeptBars(), {"alerts": 1_200, "splits": 0}, {"daily": KeptSpans(3, 2)})
    assert history._text(kept).splitlines() == [
        "alerts               1,200",
        "fetched daily        3 spans of 2 keys",
        "on disk              1.5 MB",
    ]

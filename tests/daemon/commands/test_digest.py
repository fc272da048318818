"""`technic digest`: what kept alerts were worth."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from daemon.engine.outcomes import Move, Outcome
from daemon.outcomekeeping import outcomes_of, rows_of
from streams.history.open import open_history
from streams.history.tables import ALERTS, rows
from tests.daemon.running import OPEN
from tests.fakes.program import technic

if TYPE_CHECKING:
    from pathlib import Path

DAY_MS = 86_400_000


def outcome(number: int, day: int) -> Outcome:
    moves = {"15m": Move(0.01, 3.0 + number, -1.0), "close": Move(-0.02, 4.0, None)}
    beside = {"P1": {"15m": Move(0.0, 1.0, -2.0)}, "P2": {"15m": Move(0.0, None, None)}}
    return Outcome(f"{number:032x}", "spike", "", "S1", OPEN + day * DAY_MS + number * 60_000, 10.0, 0.1, moves, beside)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "technic.toml").write_text('[state]\nfolder = "state"\n')
    return tmp_path


@pytest.fixture
def kept(folder: Path) -> Path:
    outcomes = [outcome(number, number % 3) for number in range(9)]
    alerts = [(one.id, one.rule, one.symbol, one.bar_start_ms, "high", None, "{}") for one in outcomes]
    other = ("f" * 32, "other", "S9", OPEN + 2 * DAY_MS, "low", 0.5, "{}")
    with open_history(folder / "state" / "history") as history:
        history.append("alerts", rows(ALERTS, [*alerts, other]))
        history.append("outcomes", rows_of(outcomes))
    return folder


def test_outcomes_go_to_rows_and_back() -> None:
    whole = [outcome(number, 0) for number in range(3)]
    back = outcomes_of(rows_of(whole), {one.id: (one.rule, one.symbol) for one in whole[:2]})
    assert [(one.id, one.moves, one.random, one.bar_start_ms) for one in back] == [
        (one.id, one.moves, one.random, one.bar_start_ms) for one in whole[:2]
    ]


def test_a_day_is_told_by_rule(kept: Path) -> None:
    ended = technic("digest", "--day", "2025-01-08", "--json", folder=kept)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert (found["first"], found["last"], found["alerts"]) == ("2025-01-08", "2025-01-08", 4)
    assert found["by_rule"] == {"other": 1, "spike": 3}
    assert found["outcomes"]["spike"]["15m"]["alerts"] == 3
    assert found["outcomes"]["spike"]["15m"]["random_move"] == 2.0


def test_several_days_are_told_as_a_table(kept: Path) -> None:
    ended = technic("digest", "--day", "2025-01-08", "--days", "3", folder=kept)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("2025-01-06 to 2025-01-08: 10 alerts\n")
    assert "beats random" in ended.stdout


def test_where_nothing_was_kept_that_is_said(kept: Path, tmp_path: Path) -> None:
    ended = technic("digest", "--day", "2025-02-08", folder=kept)
    assert (ended.returncode, ended.stdout) == (0, "no alerts were kept of that time\n")
    (tmp_path / "none").mkdir()
    ended = technic("digest", folder=tmp_path / "none")
    assert ended.returncode == 78
    assert "holds no history" in " ".join(ended.stderr.split())

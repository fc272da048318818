"""The real calendar, from its child process, and the cache before it."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from daemon import calendar
from daemon.calendar import CalendarError

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.engine.sessions import SessionTable

NEW_YORK = ZoneInfo("America/New_York")
TODAY_MS = int(datetime(2026, 11, 22, tzinfo=UTC).timestamp() * 1000)


@pytest.fixture(scope="module")
def answer() -> bytes:
    return calendar.run_child(calendar.FIRST, date(2028, 12, 31))


@pytest.fixture(scope="module")
def sessions(answer: bytes) -> SessionTable:
    return calendar._table(answer)


def day(sessions: SessionTable, text: str) -> tuple[str, str] | None:
    """Open and close of a New York day in UTC, None if there is no trading."""
    noon = datetime.fromisoformat(f"{text}T12:00").replace(tzinfo=NEW_YORK)
    noon_ms = int(noon.timestamp() * 1000)
    if sessions.phase(noon_ms) < 0:
        return None
    index = int(sessions.day(noon_ms))
    hours = (sessions.open_ms[index], sessions.close_ms[index])
    opened, closed = (datetime.fromtimestamp(ms / 1000, UTC).strftime("%H:%M") for ms in hours)
    return opened, closed


@pytest.mark.parametrize(
    "text",
    [
        "2024-12-25",
        "2025-01-01",
        "2025-01-09",
        "2025-01-20",
        "2018-03-10",
        "2018-03-30",
        "2026-11-26",
        "2012-10-29",
    ],
)
def test_holidays_weekends_and_days_of_mourning_are_closed(sessions: SessionTable, text: str) -> None:
    assert day(sessions, text) is None


@pytest.mark.parametrize("text", ["2024-11-29", "2024-12-24", "2026-11-27", "2026-12-24"])
def test_half_days_close_at_13_oclock(sessions: SessionTable, text: str) -> None:
    assert day(sessions, text) == ("14:30", "18:00")


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("2018-03-07", ("14:30", "21:00")),
        ("2018-03-09", ("14:30", "21:00")),
        ("2018-03-12", ("13:30", "20:00")),
        ("2018-03-15", ("13:30", "20:00")),
        ("2026-03-06", ("14:30", "21:00")),
        ("2026-03-09", ("13:30", "20:00")),
        ("2026-10-30", ("13:30", "20:00")),
        ("2026-11-02", ("14:30", "21:00")),
    ],
)
def test_hours_follow_new_york_through_changes_of_the_clock(
    sessions: SessionTable, text: str, hours: tuple[str, str]
) -> None:
    assert day(sessions, text) == hours


def test_every_day_runs_from_0400_to_2000_in_new_york_and_to_1700_on_half_days(
    sessions: SessionTable,
) -> None:
    def local(ms: np.ndarray) -> set[str]:
        return {datetime.fromtimestamp(each / 1000, NEW_YORK).strftime("%H:%M") for each in ms.tolist()}

    assert local(sessions.pre_ms) == {"04:00"}
    assert local(sessions.open_ms) == {"09:30"}
    half = sessions.close_ms - sessions.open_ms < 390 * 60_000
    assert local(sessions.post_ms[~half]) == {"20:00"}
    assert local(sessions.post_ms[half]) == {"17:00"}
    assert 0.005 < half.mean() < 0.02


def test_all_regular_minutes_of_a_full_day_count_390(sessions: SessionTable) -> None:
    for text in ("2018-03-09", "2018-03-12", "2026-03-09", "2026-11-02"):
        start = int(datetime.fromisoformat(f"{text}T00:00").replace(tzinfo=NEW_YORK).timestamp() * 1000)
        minutes = start + 60_000 * np.arange(24 * 60)
        assert sessions.is_regular(minutes).sum() == 390
        assert (sessions.phase(minutes) == 0).sum() == 330
        assert (sessions.phase(minutes) == 2).sum() == 240


class Counted:
    """Answers like the child, and remembers what it was asked."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.asked: list[tuple[date, date]] = []

    def __call__(self, first: date, last: date) -> bytes:
        self.asked.append((first, last))
        return self.answer


def failing(first: date, last: date) -> bytes:
    raise CalendarError(f"no answer for {first} to {last}")


def test_the_child_is_asked_once_and_the_cache_serves_from_then_on(tmp_path: Path, answer: bytes) -> None:
    child = Counted(answer)
    made = calendar.load(tmp_path / "cache", TODAY_MS, child)
    kept = calendar.load(tmp_path / "cache", TODAY_MS, failing)
    assert child.asked == [(date(2010, 1, 1), date(2026, 11, 22) + timedelta(730))]
    assert (made.warning, kept.warning) == ("", "")
    assert np.array_equal(made.sessions.open_ms, kept.sessions.open_ms)
    assert np.array_equal(made.sessions.close_ms, kept.sessions.close_ms)


def test_a_table_that_ends_soon_is_made_anew(tmp_path: Path, answer: bytes) -> None:
    child = Counted(answer)
    end_ms = calendar.load(tmp_path, TODAY_MS, child).sessions.end_ms
    calendar.load(tmp_path, end_ms - 29 * 86_400_000, child)
    assert len(child.asked) == 2


def test_a_table_of_another_version_is_made_anew(
    tmp_path: Path, answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = Counted(answer)
    calendar.load(tmp_path, TODAY_MS, child)
    monkeypatch.setattr(calendar, "version", lambda _: "99.0")
    calendar.load(tmp_path, TODAY_MS, child)
    assert len(child.asked) == 2


def test_a_damaged_cache_is_made_anew(tmp_path: Path, answer: bytes) -> None:
    child = Counted(answer)
    calendar.load(tmp_path, TODAY_MS, child)
    path = tmp_path / "sessions.npz"
    for damaged in (path.read_bytes()[:-7], b"", b"\x00" * 100):
        path.write_bytes(damaged)
        calendar.load(tmp_path, TODAY_MS, child)
    assert len(child.asked) == 4


def test_an_old_table_serves_on_when_the_child_fails(tmp_path: Path, answer: bytes) -> None:
    end_ms = calendar.load(tmp_path, TODAY_MS, Counted(answer)).sessions.end_ms
    old = calendar.load(tmp_path, end_ms - 86_400_000, failing)
    assert old.sessions.end_ms == end_ms
    assert "an older one serves on" in old.warning
    assert "no answer" in old.warning


def test_without_any_table_the_error_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CalendarError, match=r"no answer for .*; see whether .* -m daemon.calendar .* works"):
        calendar.load(tmp_path, TODAY_MS, failing)


@pytest.mark.parametrize("answer", [b"", b"{}", b"[]", b'{"open_ms": [2], "close_ms": [1]}'])
def test_an_answer_that_makes_no_sense_is_an_error(tmp_path: Path, answer: bytes) -> None:
    with pytest.raises(CalendarError, match="makes no sense"):
        calendar.load(tmp_path, TODAY_MS, Counted(answer))


def test_a_folder_that_cannot_be_written_costs_a_warning_only(tmp_path: Path, answer: bytes) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    made = calendar.load(tmp_path / "cache", TODAY_MS, Counted(answer))
    assert "cannot be kept" in made.warning
    assert made.sessions.size > 4000


def test_a_child_that_dies_is_told_with_its_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(CalendarError, match="exit code 1"):
        calendar.run_child(date(2020, 1, 1), date(2020, 2, 1))

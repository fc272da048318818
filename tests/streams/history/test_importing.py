from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from streams.barfile import BarFileError
from streams.dailyfile import DailyFileError
from streams.history.importing import Imported, ImportFileError, import_file
from tests.streams.history.samples import JAN_6, OPEN_MS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from streams.history.protocol import History

FLAT = "ticker,volume,open,close,high,low,window_start,transactions\n"
OURS = "symbol,ts,open,high,low,close,volume\n"


def written(tmp_path: Path, text: str, name: str = "file.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def test_minutes_of_our_own_layout_are_stored_and_bad_rows_counted(history: History, tmp_path: Path) -> None:
    rows = [f"A,{OPEN_MS},1,2,0.5,1.5,10", f"A,{OPEN_MS + 60_000},1,0.5,2,1.5,10", f"B,{OPEN_MS},1,2,0.5,1.5,10"]
    path = written(tmp_path, OURS + "\n".join(rows))
    assert import_file(path, history, 1) == Imported(path, "minutes", 3, 3, 1)
    assert history.minutes(None, OPEN_MS, OPEN_MS + 60_001)["symbol"].to_pylist() == ["A", "B"]


def test_the_vendors_minutes_come_gzipped_in_nanoseconds_with_decimal_volume(history: History, tmp_path: Path) -> None:
    path = written(tmp_path, f"{FLAT}A,10.5,1,1.5,2,0.5,{OPEN_MS}000000,7\n", "2025-01-06.csv.gz")
    assert import_file(path, history, 1).kind == "minutes"
    assert history.minutes(["A"], OPEN_MS, OPEN_MS + 1)["volume"].to_pylist() == [10.5]


@pytest.mark.parametrize(("midnight_ms", "day"), [(1_736_139_600_000, JAN_6), (1_751_860_800_000, 20_276)])
def test_the_vendors_days_are_told_by_new_yorks_midnight(
    history: History, tmp_path: Path, midnight_ms: int, day: int
) -> None:
    path = written(tmp_path, f"{FLAT}B,10,1,1.5,2,0.5,{midnight_ms}000000,7\nA,9,1,1.5,2,0.5,{midnight_ms}000000,7\n")
    assert import_file(path, history, 1) == Imported(path, "daily", 2, 2, 0)
    found = history.daily(None, 0, 30_000)
    assert found.day.tolist() == [day, day]
    assert found.values[:, 0].tolist() == [1.0, 2.0, 0.5, 1.5, 9.0]
    assert history.minutes(None, 0, midnight_ms * 2).num_rows == 0


def test_days_with_dates_are_stored(history: History, tmp_path: Path) -> None:
    path = written(tmp_path, "symbol,date,close\nA,2025-01-06,7\nA,soon,7\n")
    assert import_file(path, history, 1) == Imported(path, "daily", 2, 2, 1)
    assert history.daily(["A"], JAN_6, JAN_6).values[3].tolist() == [7.0]


def test_a_file_may_be_imported_again(history: History, tmp_path: Path) -> None:
    path = written(tmp_path, f"{OURS}A,{OPEN_MS},1,2,0.5,1.5,10")
    for _ in range(2):
        import_file(path, history, 1)
    assert history.minutes(None, OPEN_MS, OPEN_MS + 1).num_rows == 1


def test_progress_is_told_and_ends_with_all_rows(
    history: History, data_file: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.history.importing._PIECE_ROWS", 50_000)
    told: list[Imported] = []
    done = import_file(data_file("minute_vwap_2024_q4.parquet"), history, 1, told.append)
    assert told[-1] == done
    assert len(told) > 1
    assert [state.done for state in told] == sorted(state.done for state in told)
    assert done.done == done.total == 118_533
    assert history.minutes(None, 0, OPEN_MS).num_rows == done.total - done.rejected


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("a,b\n1,2\n", ImportFileError, "none of the columns date"),
        ("", ImportFileError, "is empty"),
        ("symbol,date\nA,2025-01-06\n", DailyFileError, "column close is missing|close"),
        ("symbol,ts\nA,1\n", BarFileError, "open"),
    ],
)
def test_a_foreign_file_is_refused_by_name(
    history: History, tmp_path: Path, text: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words) as refused:
        import_file(written(tmp_path, text), history, 1)
    assert "file.csv" in str(refused.value)


def test_a_file_that_is_not_there_is_refused(history: History, tmp_path: Path) -> None:
    with pytest.raises(ImportFileError, match="No such file"):
        import_file(tmp_path / "none.csv", history, 1)

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from streams.dailyfile import DailyFileError, read_daily

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "days.csv"
    path.write_text(text)
    return path


def test_days_come_sorted_with_nan_for_what_the_file_does_not_say(tmp_path: Path) -> None:
    days = read_daily(written(tmp_path, "symbol,date,close\nB,2025-01-03,5\nA,2025-01-03,7\nA,2025-01-02,6\n"))
    assert days.symbol.tolist() == [b"A", b"A", b"B"]
    assert (days.day.astype("datetime64[D]") == np.array(["2025-01-02", "2025-01-03", "2025-01-03"], "M8[D]")).all()
    assert days.values[3].tolist() == [6.0, 7.0, 5.0]
    assert np.isnan(days.values[[0, 1, 2, 4]]).all()
    assert days.rejected == 0


def test_rows_that_break_a_law_cost_no_others_and_are_counted(tmp_path: Path) -> None:
    rows = [
        "A,2025-01-02,1,2,0.5,1.5,10",
        "A,2025-01-03,1,0.9,0.5,1.5,10",
        "A,soon,1,2,0.5,1.5,10",
        "A,2025-01-06,,,,-1,",
    ]
    days = read_daily(written(tmp_path, "\n".join(["symbol,date,open,high,low,close,volume", *rows])))
    assert len(days.day) == 1
    assert days.rejected == 3


def test_of_a_day_that_comes_twice_the_later_row_counts(tmp_path: Path) -> None:
    days = read_daily(written(tmp_path, "symbol,date,close\nA,2025-01-02,6\nA,2025-01-02,7\n"))
    assert (days.values[3].tolist(), days.rejected) == ([7.0], 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("symbol,date\nA,2025-01-02\n", "column close: is missing"),
        ("symbol,date,close\nA,x,1\n", "column date"),
    ],
)
def test_a_foreign_file_is_refused_with_its_column(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DailyFileError, match=said):
        read_daily(written(tmp_path, text))


def test_an_absent_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DailyFileError, match=r"daily file .*gone.csv: No such file"):
        read_daily(tmp_path / "gone.csv")


def test_the_four_impossible_days_of_the_real_file_are_left_out(data_file: Callable[[str], Path]) -> None:
    days = read_daily(data_file("daily_2015_2018.parquet"))
    assert days.rejected == 4
    assert len(days.day) == 316_765
    assert np.isfinite(days.values).all()

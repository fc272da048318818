"""What is told of the files that a start reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from structlog.testing import capture_logs

from daemon import assembly

if TYPE_CHECKING:
    from pathlib import Path


def test_daily_bars_that_hold_only_a_close_are_counted_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "daily.csv"
    path.write_text("symbol,date,close,high,low\nA,2025-01-02,6,7,5\nA,2025-01-03,7,,\nB,2025-01-03,7,8,\nC,x,1,,\n")
    with capture_logs() as logged:
        for _ in range(2):
            assembly.daily_of(path)
    (told,) = logged
    assert (told["event"], told["bars"], told["left_out"], told["closes_only"]) == ("daily bars", 3, 1, 2)

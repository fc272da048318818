"""What is told of the files that a start reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from daemon import assembly
from daemon.config import Config

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


@pytest.mark.parametrize(
    ("feed", "grace_ms"),
    [
        ({}, 5_000),
        ({"speed": 60.0}, 15_000),
        ({"speed": 1_000.0}, 55_000),
        ({"speed": 60.0, "lossless": True}, 5_000),  # as in a replay
    ],
)
def test_an_exchange_that_hurries_has_the_machines_time_for_its_bars(
    tmp_path: Path, feed: dict[str, object], grace_ms: int
) -> None:
    folders = {"folder": tmp_path, "cache": tmp_path}
    config = Config.model_validate({"feed": {"url": "ws://127.0.0.1:1/stocks", **feed}, "state": folders})
    assert assembly.settings_of(config).grace_ms == grace_ms

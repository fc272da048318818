"""Daily bars of the store as the engine gets them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from structlog.testing import capture_logs

from daemon.dataplane.daystable import days_table
from daemon.dataplane.shelf import Shelf
from streams.bars import SYMBOL
from streams.dailyfile import DailyBars
from streams.history.open import open_history

if TYPE_CHECKING:
    from pathlib import Path

DAY = 20_094


async def test_bars_without_a_high_or_a_low_are_counted_in_the_log(tmp_path: Path) -> None:
    values = np.full((5, 3), 10.0)
    values[1, 0] = values[2, 1] = np.nan
    bars = DailyBars(np.array(["A", "B", "C"], SYMBOL), np.full(3, DAY), values, 0)
    with capture_logs() as logged:
        async with Shelf(lambda: open_history(tmp_path)) as shelf:
            await shelf.ask(lambda history: history.write_daily(bars, "test", 1))
            await days_table(shelf, np.array([DAY]), DAY + 1)
    (told,) = logged
    assert (told["event"], told["bars"], told["closes_only"]) == ("daily bars", 3, 2)


async def test_whole_bars_are_not_worth_a_line(tmp_path: Path) -> None:
    bars = DailyBars(np.array(["A"], SYMBOL), np.array([DAY]), np.full((5, 1), 10.0), 0)
    with capture_logs() as logged:
        async with Shelf(lambda: open_history(tmp_path)) as shelf:
            await shelf.ask(lambda history: history.write_daily(bars, "test", 1))
            await days_table(shelf, np.array([DAY]), DAY + 1)
    assert logged == []

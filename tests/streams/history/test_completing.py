"""A daily bar that says less than the one that is known leaves what it does not say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from streams.bars import SYMBOL
from streams.dailyfile import DailyBars
from streams.history.files import FileHistory
from streams.history.importing import import_file
from tests.streams.history.samples import JAN_6

if TYPE_CHECKING:
    from pathlib import Path

    from streams.history.protocol import History

NAN = float("nan")
WHOLE = (9.0, 11.0, 8.0, 10.0, 1000.0)


def day(*values: float, symbol: str = "A") -> DailyBars:
    """One bar: open, high, low, close, volume."""
    return DailyBars(np.array([symbol], SYMBOL), np.array([JAN_6]), np.array(values)[:, None], 0)


def kept(history: History, *bars: DailyBars) -> list[float]:
    """The bar of A after `bars` were written one after the other."""
    for one in bars:
        history.write_daily(one, "test", 1)
    found = history.daily(["A"], JAN_6, JAN_6)
    assert len(found.day) == 1
    return [float(value) for value in found.values[:, 0]]


@pytest.mark.parametrize("close", [10.0, 10.0 + 1e-9, 9.99, 10.01])
def test_a_close_that_is_known_leaves_the_rest_of_the_bar(history: History, close: float) -> None:
    assert kept(history, day(*WHOLE), day(NAN, NAN, NAN, close, NAN)) == [9.0, 11.0, 8.0, close, 1000.0]


def test_each_number_that_is_said_replaces_and_each_that_is_not_stays(history: History) -> None:
    assert kept(history, day(*WHOLE), day(NAN, 12.0, NAN, 10.0, NAN)) == [9.0, 12.0, 8.0, 10.0, 1000.0]
    assert kept(history, day(9.5, NAN, 7.0, 10.0, 5.0)) == [9.5, 12.0, 7.0, 10.0, 5.0]


@pytest.mark.parametrize("close", [5.0, 10.02])
def test_another_close_is_another_basis_and_replaces_the_whole_bar(history: History, close: float) -> None:
    assert np.array_equal(
        kept(history, day(*WHOLE), day(NAN, NAN, NAN, close, NAN)), [NAN, NAN, NAN, close, NAN], equal_nan=True
    )


def test_of_prices_below_a_dollar_a_cent_is_another_basis(history: History) -> None:
    found = kept(history, day(0.02, 0.03, 0.01, 0.02, 1000.0), day(NAN, NAN, NAN, 0.01, NAN))
    assert np.array_equal(found, [NAN, NAN, NAN, 0.01, NAN], equal_nan=True)


def test_what_stays_holds_the_new_close_too(history: History) -> None:
    assert kept(history, day(10.0, 10.0, 10.0, 10.0, 1.0), day(NAN, NAN, NAN, 10.004, NAN))[1] == 10.004
    assert kept(history, day(NAN, NAN, NAN, 9.999, NAN))[2] == 9.999


def test_what_neither_says_stays_unknown_and_a_later_bar_says_it(history: History) -> None:
    close_only = day(NAN, NAN, NAN, 10.0, NAN)
    assert np.array_equal(kept(history, close_only, close_only), [NAN, NAN, NAN, 10.0, NAN], equal_nan=True)
    assert kept(history, day(*WHOLE)) == list(WHOLE)


def test_many_writes_read_the_same_before_and_after_they_are_merged(tmp_path: Path) -> None:
    with FileHistory(tmp_path) as history:
        history.write_daily(day(*WHOLE), "test", 1)
        for _ in range(20):
            assert kept(history, day(NAN, NAN, NAN, 10.0, NAN), day(*WHOLE, symbol="B")) == list(WHOLE)
        assert len(list(tmp_path.glob("daily/*/*.parquet"))) < 20


def test_a_file_of_closes_leaves_known_highs_and_lows(history: History, tmp_path: Path) -> None:
    whole, closes = tmp_path / "whole.csv", tmp_path / "closes.csv"
    whole.write_text("symbol,date,open,high,low,close,volume\nA,2025-01-06,9,11,8,10,1000\nB,2025-01-06,1,2,1,2,5\n")
    closes.write_text("symbol,date,close\nA,2025-01-06,10\nC,2025-01-06,3\n")
    for file in (whole, closes):
        import_file(file, history, 1)
    assert kept(history) == list(WHOLE)
    assert len(history.daily(None, JAN_6, JAN_6).day) == 3

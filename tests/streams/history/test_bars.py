"""Bars in and out, in both stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from streams.barfile import open_bars
from streams.bars import MINUTE_MS, SYMBOL, concat
from streams.dailyfile import read_daily
from streams.history.errors import HistoryRefusedError
from streams.history.protocol import DAY_MS
from streams.history.schema import MINUTES, PRICES, minute_table, symbols_of
from tests.streams.history.samples import JAN_6, OPEN_MS, days, minutes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from streams.history.protocol import History

WEEK_MS = 7 * DAY_MS


def all_minutes(history: History) -> list[tuple[str, int, float]]:
    table = history.minutes(None, 0, OPEN_MS + 10 * WEEK_MS)
    return list(zip(*(table[name].to_pylist() for name in ("symbol", "start_ms", "close")), strict=True))


def test_nothing_stored_reads_as_no_rows(history: History) -> None:
    assert history.minutes(None, 0, OPEN_MS).schema == MINUTES
    assert history.minutes(["A"], 0, OPEN_MS).num_rows == 0
    assert history.daily(None, 0, JAN_6).values.shape == (5, 0)
    assert history.fetched("daily") == []


def test_minutes_come_back_in_order_of_start_and_symbol(history: History) -> None:
    assert history.write_minutes(minutes(["B", "A"], [OPEN_MS + MINUTE_MS, OPEN_MS])) == 4
    assert all_minutes(history) == [
        ("A", OPEN_MS, 10.0),
        ("B", OPEN_MS, 10.0),
        ("A", OPEN_MS + MINUTE_MS, 10.0),
        ("B", OPEN_MS + MINUTE_MS, 10.0),
    ]


def test_a_minute_written_again_replaces_the_earlier_one(history: History) -> None:
    history.write_minutes(minutes(["A", "B"], [OPEN_MS], close=10))
    history.write_minutes(minutes(["B"], [OPEN_MS], close=20))
    assert all_minutes(history) == [("A", OPEN_MS, 10.0), ("B", OPEN_MS, 20.0)]


def test_of_two_bars_of_one_minute_in_one_batch_the_later_wins(history: History) -> None:
    twice = minutes(["A", "A"], [OPEN_MS])
    twice.values[3, 1] = 11.0
    history.write_minutes(twice)
    assert all_minutes(history) == [("A", OPEN_MS, 11.0)]


def test_a_stretch_and_some_symbols_are_read(history: History) -> None:
    history.write_minutes(minutes(["A", "B", "C"], [OPEN_MS + k * MINUTE_MS for k in range(5)]))
    some = history.minutes(["C", "A", "ABSENT"], OPEN_MS + MINUTE_MS, OPEN_MS + 3 * MINUTE_MS)
    assert some["symbol"].to_pylist() == ["A", "C", "A", "C"]
    assert history.minutes(np.array([b"B"], SYMBOL), 0, OPEN_MS + 1).num_rows == 1
    assert history.minutes([], 0, OPEN_MS + 1).num_rows == 0


def test_what_is_not_known_comes_back_as_nan(history: History) -> None:
    history.write_minutes(minutes(["A"], [OPEN_MS]))
    vwap = history.minutes(None, 0, OPEN_MS + 1)["vwap"]
    assert vwap.null_count == 0
    assert np.isnan(vwap.to_numpy()).all()


def test_second_bars_are_no_minutes_and_left_out(history: History) -> None:
    seconds = minutes(["A", "B"], [OPEN_MS])
    seconds.length_ms[0] = 1000
    assert history.write_minutes(seconds) == 1
    assert all_minutes(history) == [("B", OPEN_MS, 10.0)]


def test_a_table_of_minutes_is_taken_as_it_is(history: History) -> None:
    table = minute_table(minutes(["A"], [OPEN_MS]))
    plain = table.set_column(0, "symbol", table["symbol"].cast(pa.string()))
    assert history.write_minutes(plain) == 1
    found = history.minutes(None, 0, OPEN_MS + 1)
    assert found.drop_columns("vwap").equals(table.drop_columns("vwap"))


def test_a_table_without_a_needed_column_is_refused(history: History) -> None:
    with pytest.raises(HistoryRefusedError, match="column close is missing"):
        history.write_minutes(minute_table(minutes(["A"], [OPEN_MS])).drop_columns("close"))


def test_many_small_writes_read_as_one_large_one(history: History) -> None:
    random = np.random.default_rng(7)
    last: dict[tuple[str, int], float] = {}
    for close in range(40):
        symbols = [str(name) for name in random.choice(["A", "B", "C", "D"], 2, replace=False)]
        start = OPEN_MS + int(random.integers(6)) * MINUTE_MS
        history.write_minutes(minutes(symbols, [start], close=close + 1))
        last |= {(name, start): close + 1.0 for name in symbols}
    expected = sorted((start, name, close) for (name, start), close in last.items())
    assert [(start, name, close) for name, start, close in all_minutes(history)] == expected


def test_the_evening_belongs_to_its_day_and_a_year_may_end(history: History) -> None:
    evening = 1_735_606_740_000  # 2024-12-30 19:59 New York, already the 31st in UTC
    history.write_minutes(minutes(["A"], [evening, evening + DAY_MS, evening + 2 * DAY_MS]))
    assert history.minutes(None, evening, evening + 2 * DAY_MS)["start_ms"].to_pylist() == [evening, evening + DAY_MS]


def test_days_come_back_in_order_of_symbol_and_day(history: History) -> None:
    assert history.write_daily(days(["B", "A"], [JAN_6 + 1, JAN_6 - 10]), "grouped", 1) == 4
    found = history.daily(None, JAN_6 - 10, JAN_6 + 1)
    assert found.symbol.tolist() == [b"A", b"A", b"B", b"B"]
    assert found.day.tolist() == [JAN_6 - 10, JAN_6 + 1] * 2
    assert found.values[:, 0].tolist() == [10.0, 11.0, 9.0, 10.0, 1000.0]


def test_a_day_written_again_replaces_the_earlier_one(history: History) -> None:
    history.write_daily(days(["A"], [JAN_6]), "grouped", 1)
    history.write_daily(days(["A"], [JAN_6], close=12), "range", 2)
    assert history.daily(["A"], JAN_6, JAN_6).values[3].tolist() == [12.0]


def test_some_symbols_and_days_are_read_over_the_turn_of_the_year(history: History) -> None:
    history.write_daily(days(["A", "B"], range(JAN_6 - 30, JAN_6)), "grouped", 1)
    found = history.daily(["B"], JAN_6 - 10, JAN_6 - 1)
    assert found.symbol.tolist() == [b"B"] * 10
    assert found.day.tolist() == list(range(JAN_6 - 10, JAN_6))


def test_bars_are_there_after_a_restart(opener: Callable[[], History]) -> None:
    with opener() as first:
        first.write_minutes(minutes(["A"], [OPEN_MS]))
        first.write_daily(days(["A"], [JAN_6]), "grouped", 1)
    with opener() as second:
        assert all_minutes(second) == [("A", OPEN_MS, 10.0)]
        assert second.daily(None, JAN_6, JAN_6).day.tolist() == [JAN_6]


def test_real_minutes_come_back_bit_for_bit(history: History, data_file: Callable[[str], Path]) -> None:
    file = open_bars(data_file("minute_2013_10.parquet"), MINUTE_MS)
    stored = list(file.batches())
    for batch in stored:
        history.write_minutes(batch)
    found = history.minutes(None, file.first_ms, file.last_ms + 1)
    bars = concat(stored)
    assert (symbols_of(found["symbol"]) == bars.symbol).all()
    assert (found["start_ms"].to_numpy() == bars.start_ms).all()
    values = np.array([found[name].to_numpy() for name in PRICES])
    assert np.array_equal(values, bars.values[: len(PRICES)], equal_nan=True)
    file.close()


def test_real_days_come_back_bit_for_bit(history: History, data_file: Callable[[str], Path]) -> None:
    stored = read_daily(data_file("daily_close_volume_2024.parquet"))
    history.write_daily(stored, "file", 1)
    found = history.daily(None, 0, 30_000)
    assert (found.symbol == stored.symbol).all()
    assert (found.day == stored.day).all()
    assert np.array_equal(found.values, stored.values, equal_nan=True)

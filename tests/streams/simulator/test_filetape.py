from __future__ import annotations

from datetime import date, time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from streams.barfile import open_bars
from streams.simulator.errors import SourceError
from streams.simulator.filetape import FileTape
from streams.simulator.hours import at

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from streams.simulator.tape import Minute

DAY = date(2025, 3, 10)
HEADER = "symbol,ts,open,high,low,close,volume,vwap"


def tape(path: Path, rows: list[str], length_ms: int = 60_000, header: str = HEADER) -> FileTape:
    file = path / "bars.csv"
    file.write_text("\n".join([header, *rows]) + "\n")
    return FileTape(open_bars(file, length_ms))


def row(symbol: str, hour: int, minute: int, price: float, volume: float, second: int = 0, day: date = DAY) -> str:
    start_ms = at(day, time(hour, minute, second))
    return f"{symbol},{start_ms},{price},{price + 2},{price - 1},{price + 1},{volume},{price + 0.5}"


def day_fields(minutes: list[Minute]) -> list[list[float | None]]:
    """Volume, open and vwap of the day by minute bar; None where not known."""
    values = np.concatenate([minute.minutes.bars.values[6:9] for minute in minutes], axis=1).T
    return [[None if np.isnan(value) else value for value in bar] for bar in values.tolist()]


def test_the_day_accumulates_by_symbol(tmp_path: Path) -> None:
    rows = [row("A", 9, 30, 10, 100), row("B", 9, 30, 50, 7), row("A", 9, 31, 20, 300)]
    assert day_fields(list(tape(tmp_path, rows).minutes())) == [[100, 10, 10.5], [7, 50, 50.5], [400, 10, 18.0]]


def test_the_open_is_unknown_before_half_past_nine(tmp_path: Path) -> None:
    rows = [row("A", 9, 29, 10, 100), row("A", 9, 31, 20, 100), row("A", 9, 32, 30, 100)]
    assert [fields[1] for fields in day_fields(list(tape(tmp_path, rows).minutes()))] == [None, 20, 20]


def test_a_new_day_begins_anew(tmp_path: Path) -> None:
    rows = [row("A", 15, 59, 10, 100), row("A", 4, 0, 20, 50, day=date(2025, 3, 11))]
    assert day_fields(list(tape(tmp_path, rows).minutes())) == [[100, 10, 10.5], [50, None, 20.5]]


def test_without_vwap_neither_bar_nor_day_has_one(tmp_path: Path) -> None:
    rows = [row("A", 9, 30, 10, 100).rpartition(",")[0]]
    (minute,) = tape(tmp_path, rows, header=HEADER.removesuffix(",vwap")).minutes()
    assert np.isnan(minute.minutes.bars.values[[5, 8]]).all()


def test_second_bars_come_with_the_minute_bars_built_of_them(tmp_path: Path) -> None:
    rows = [row("B", 9, 30, 5, 10, 1), row("A", 9, 30, 10, 100, 3), row("A", 9, 30, 12, 300, 59)]
    source = tape(tmp_path, rows, 1_000)
    (minute,) = source.minutes()
    assert minute.seconds.bars.size == 3
    bars = minute.minutes.bars
    assert bars.symbol.tolist() == [b"A", b"B"]
    assert bars.start_ms.tolist() == [at(DAY, time(9, 30))] * 2 == [source.start_ms] * 2
    assert bars.values[:, 0].tolist() == [10, 14, 9, 13, 400, 12.0, 400, 10, 12.0]
    assert bars.values[:5, 1].tolist() == [5, 7, 4, 6, 10]


def test_a_file_without_bars_in_the_time_asked_for_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no bars"):
        tape(tmp_path, [])
    file = tape(tmp_path, [row("A", 9, 30, 10, 100)])._file
    with pytest.raises(SourceError, match="no bars"):
        FileTape(file, from_ms=file.last_ms + 1)


def test_market_time_begins_with_the_first_bar_in_the_time_asked_for(tmp_path: Path) -> None:
    file = tape(tmp_path, [row("A", 9, 30, 10, 100), row("A", 11, 0, 10, 100), row("A", 15, 0, 10, 100)])._file
    middle = FileTape(file, from_ms=at(DAY, time(10)), to_ms=at(DAY, time(14)))
    assert (middle.start_ms, middle.end_ms) == (at(DAY, time(11)), at(DAY, time(11, 1)))
    assert [minute.start_ms for minute in middle.minutes()] == [middle.start_ms]


def test_minutes_built_of_real_seconds_are_those_of_the_real_minute_file(data_file: Callable[[str], Path]) -> None:
    seconds = open_bars(data_file("second_2013_10.parquet"), 1_000)
    minutes = open_bars(data_file("minute_2013_10.parquet"), 60_000)
    built = {
        (symbol, start): values
        for minute in FileTape(seconds).minutes()
        for symbol, start, *values in zip(
            minute.minutes.bars.symbol.tolist(),
            minute.minutes.bars.start_ms.tolist(),
            *minute.minutes.bars.values[:5].tolist(),
            strict=True,
        )
    }
    compared = equal = 0
    for batch in minutes.batches():
        for k, key in enumerate(zip(batch.symbol.tolist(), batch.start_ms.tolist(), strict=True)):
            if key in built:
                compared += 1
                equal += built[key][:4] == batch.values[:4, k].tolist()
    assert compared > 6_000
    assert equal / compared > 0.95


def test_the_days_before_the_first_one_served_are_read_apart(tmp_path: Path) -> None:
    later = date(2025, 3, 11)
    file = tmp_path / "bars.csv"
    file.write_text("\n".join([HEADER, row("A", 9, 30, 10, 100), row("A", 9, 30, 20, 50, day=later)]) + "\n")
    served = FileTape(open_bars(file, 60_000), from_ms=at(later, time()))
    assert [minute.start_ms for minute in served.earlier()] == [at(DAY, time(9, 30))]
    assert [minute.start_ms for minute in served.minutes()] == [at(later, time(9, 30))]
    assert not list(FileTape(open_bars(file, 60_000)).earlier())

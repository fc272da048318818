from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pytest

from streams import barfile
from streams.barfile import BarFileError, open_bars
from streams.bars import concat

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from streams.bars import BarBatch

MINUTE = 60_000
T0 = 1_735_828_200_000
HEADER = "symbol,ts,open,high,low,close,volume"


def csv(path: Path, *rows: str, header: str = HEADER) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def read(path: Path, length_ms: int = MINUTE) -> BarBatch:
    return concat(list(open_bars(path, length_ms).batches()))


def test_rows_come_in_order_of_start_and_symbol(tmp_path: Path) -> None:
    path = csv(
        tmp_path / "bars.csv",
        f"MSFT,{T0 + MINUTE},1,2,1,2,10",
        f"KIMpL,{T0},1,2,1,2,10",
        f"BRK.B,{T0},1,2,1,2,10.5",
        f"AAPL,{T0 + MINUTE},1,2,1,2,10",
    )
    bars = read(path)
    assert bars.symbol.tolist() == [b"BRK.B", b"KIMpL", b"AAPL", b"MSFT"]
    assert bars.start_ms.tolist() == [T0, T0, T0 + MINUTE, T0 + MINUTE]
    assert bars.arrival_ms.tolist() == [T0 + MINUTE] * 2 + [T0 + 2 * MINUTE] * 2
    assert bars.values[:5, 0].tolist() == [1.0, 2.0, 1.0, 2.0, 10.5]
    assert np.isnan(bars.values[5:]).all()


def test_vwap_is_read_even_outside_the_bars_range_and_nan_where_absent(tmp_path: Path) -> None:
    rows = (f"A,{T0},1,2,1,2,10,2.5", f"B,{T0},1,2,1,2,10,", f"C,{T0},1,2,1,2,10,0")
    bars = read(csv(tmp_path / "bars.csv", *rows, header=HEADER + ",vwap"))
    np.testing.assert_array_equal(bars.values[5], [2.5, np.nan, np.nan])


def test_the_vendors_flat_file_is_read_gzipped(tmp_path: Path) -> None:
    path = tmp_path / "2025-01-02.csv.gz"
    header = "ticker,volume,open,close,high,low,window_start,transactions"
    rows = f"TRUE,4.5,10,11,12,9,{T0}000000,3\nNAN,4,10,11,12,9,{T0}000001,3\n"
    path.write_bytes(gzip.compress(f"{header}\n{rows}".encode()))
    file = open_bars(path, MINUTE)
    (bars,) = file.batches()
    assert bars.symbol.tolist() == [b"TRUE"]
    assert bars.start_ms.tolist() == [T0]
    assert bars.values[:5, 0].tolist() == [10.0, 12.0, 9.0, 11.0, 4.5]
    assert file.rejects == {"time": 1}


def test_rows_that_break_a_law_are_left_out_and_counted_by_reason(tmp_path: Path) -> None:
    path = csv(
        tmp_path / "bars.csv",
        f"GOOD,{T0},1,2,1,2,10",
        f"ODD SYM,{T0},1,2,1,2,10",
        f",{T0},1,2,1,2,10",
        f"SEVENTEENLETTERSX,{T0},1,2,1,2,10",
        f"A,{T0 + 1},1,2,1,2,10",
        "B,12,1,2,1,2,10",
        "C,soon,1,2,1,2,10",
        f"D,{T0},0,2,0,2,10",
        f"E,{T0},1,x,1,2,10",
        f"F,{T0},1,inf,1,2,10",
        f"G,{T0},1,1.5,1,2,10",
        f"H,{T0},1,2,1.5,2,10",
        f"I,{T0},1,2,1,2,0",
        f"J,{T0},1,2,1,2,-5",
        f"K,{T0},1,2,1",
        f"L,{T0},1,2,1,2,10,11,12",
    )
    file = open_bars(path, MINUTE)
    expected = {"symbol": 3, "time": 3, "price": 3, "ohlc": 2, "zero_volume": 1, "volume": 1, "malformed": 2}
    for _ in range(2):
        assert concat(list(file.batches())).symbol.tolist() == [b"GOOD"]
        assert file.rejects == expected
    assert file.count == 14
    assert file.first_ms == T0


def test_of_a_repeated_bar_the_last_is_kept_and_the_others_are_counted(tmp_path: Path) -> None:
    rows = (f"A,{T0},1,2,1,2,10", f"B,{T0},1,2,1,2,10", f"A,{T0},1,2,1,2,20", f"A,{T0},1,2,1,2,30")
    file = open_bars(csv(tmp_path / "bars.csv", *rows), MINUTE)
    (bars,) = file.batches()
    assert bars.values[4].tolist() == [30.0, 10.0]
    assert file.rejects == {"duplicate": 2}


def test_a_range_of_time_can_be_read(tmp_path: Path) -> None:
    file = open_bars(csv(tmp_path / "b.csv", *(f"A,{T0 + k * MINUTE},1,2,1,2,10" for k in range(300))), MINUTE)
    bars = concat(list(file.batches(T0 + 100 * MINUTE, T0 + 200 * MINUTE)))
    assert bars.start_ms.tolist() == [T0 + k * MINUTE for k in range(100, 200)]
    assert list(file.batches(T0 + 300 * MINUTE)) == []


def test_positions_point_into_the_files_symbols(tmp_path: Path) -> None:
    file = open_bars(csv(tmp_path / "b.csv", f"B,{T0},1,2,1,2,1", f"a,{T0},1,2,1,2,1", f"A,{T0},1,2,1,2,1"), MINUTE)
    ((bars, index),) = file.indexed()
    assert file.symbols[index].tolist() == bars.symbol.tolist() == [b"A", b"B", b"a"]


def test_batches_are_bounded_and_lose_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rows = [f"{s},{T0 + k * MINUTE},1,2,1,2,10" for k in range(400) for s in ("A", "B")]
    file = open_bars(csv(tmp_path / "bars.csv", *rows), MINUTE)
    (whole,) = file.batches()
    monkeypatch.setattr(barfile, "BATCH_ROWS", 100)
    pieces = list(file.batches())
    assert max(piece.size for piece in pieces) <= 2 * 100 + 20
    np.testing.assert_array_equal(concat(pieces).start_ms, whole.start_ms)
    np.testing.assert_array_equal(concat(pieces).symbol, whole.symbol)


def test_a_file_with_nothing_but_a_header_holds_no_bars(tmp_path: Path) -> None:
    file = open_bars(csv(tmp_path / "bars.csv"), MINUTE)
    assert (file.count, file.first_ms, file.last_ms, len(file.symbols)) == (0, 0, 0, 0)
    assert list(file.batches()) == []


@pytest.mark.parametrize(
    ("content", "column", "says"),
    [
        (None, None, "No such file"),
        (b"", None, "empty"),
        (bytes(range(256)) * 20, None, "cannot be read"),
        (b"PAR1" + b"x" * 100, None, "cannot be read"),
        (b"date,ticker,price\n2025-01-02,A,1\n", "window_start", "missing"),
        (b"symbol,ts,open,high,low,close\nA,1,1,1,1,1\n", "volume", "missing"),
        (f"{HEADER}\nA,2025-01-02 09:30,1,1,1,1,1\n".encode(), "ts", "2025-01-02 09:30"),
        (f"{HEADER}\nA,{T0 // 1000},1,1,1,1,1\n".encode(), "ts", "milliseconds"),
        (f"{HEADER}\nA,{T0},1,1,1,n/a,1\n".encode(), "close", "n/a"),
    ],
)
def test_a_foreign_file_is_one_error_that_names_file_and_column(
    tmp_path: Path, content: bytes | None, column: str | None, says: str
) -> None:
    path = tmp_path / "bars.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BarFileError, match=says) as caught:
        open_bars(path, MINUTE)
    assert caught.value.column == column
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_parquet_column_of_another_type_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bars.parquet"
    columns = "'A' AS symbol, TIMESTAMP '2025-01-02' AS ts, 1 AS open, 1 AS high, 1 AS low, 1 AS close, 1 AS volume"
    duckdb.connect().execute(f"COPY (SELECT {columns}) TO '{path}'")
    with pytest.raises(BarFileError, match="TIMESTAMP") as caught:
        open_bars(path, MINUTE)
    assert caught.value.column == "ts"


def test_every_row_of_real_minutes_is_read(data_file: Callable[[str], Path]) -> None:
    file = open_bars(data_file("minute_vwap_2024_q4.parquet"), MINUTE)
    bars = concat(list(file.batches()))
    assert bars.size == file.count == 118_533
    assert not file.rejects
    assert np.isfinite(bars.values[:6]).all()
    assert (np.diff(bars.start_ms) >= 0).all()


def test_real_second_bars_are_read_as_such_and_refused_as_minutes(data_file: Callable[[str], Path]) -> None:
    path = data_file("second_2013_10.parquet")
    assert read(path, 1_000).size == 133_857
    file = open_bars(path, MINUTE)
    read_as_minutes = sum(batch.size for batch in file.batches())
    assert file.rejects["time"] == 133_857 - read_as_minutes


def test_minute_bars_are_not_taken_for_second_bars(tmp_path: Path) -> None:
    bars = [f"A,{T0},1,2,1,2,10", f"A,{T0 + MINUTE},1,2,1,2,10", f"B,{T0},1,2,1,2,10"]
    path = csv(tmp_path / "bars.csv", *bars)
    with pytest.raises(BarFileError, match="--bar 1m") as caught:
        open_bars(path, 1_000)
    assert caught.value.column == "ts"
    assert open_bars(csv(path, *bars, f"B,{T0 + 1_000},1,2,1,2,10"), 1_000).count == 4
    assert open_bars(csv(path, bars[0], bars[2]), 1_000).count == 2

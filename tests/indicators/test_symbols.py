"""Tickers and their rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indicators import SymbolTable
from indicators.errors import StateError

tickers = st.text("ABCXYZ./-19", min_size=1, max_size=16).map(str.encode)


def symbols(*names: str) -> np.ndarray:
    return np.array([name.encode() for name in names], "S16")


def test_gives_rows_in_order_of_appearance_and_keeps_them() -> None:
    table = SymbolTable()
    assert table.rows(symbols("MSFT", "AAPL", "MSFT", "BRK.A")).tolist() == [0, 1, 0, 2]
    assert table.rows(symbols("BRK.A", "AAPL")).tolist() == [2, 1]
    assert table.symbols.tolist() == [b"MSFT", b"AAPL", b"BRK.A"]
    assert len(table) == 3


def test_knows_only_what_it_was_given_when_it_may_not_create() -> None:
    table = SymbolTable()
    table.rows(symbols("AAPL"))
    assert table.rows(symbols("MSFT", "AAPL"), create=False).tolist() == [-1, 0]
    assert (len(table), table.refused) == (1, 0)


def test_tells_symbols_apart_that_differ_in_the_last_of_sixteen_letters() -> None:
    table = SymbolTable()
    assert table.rows(symbols("ABCDEFGHIJKLMNOP", "ABCDEFGHIJKLMNOQ")).tolist() == [0, 1]


@settings(max_examples=60, deadline=None)
@given(batches=st.lists(st.lists(tickers, max_size=30), max_size=6), capacity=st.integers(1, 8))
def test_is_a_dictionary_that_numbers_its_keys(batches: list[list[bytes]], capacity: int) -> None:
    table, model = SymbolTable(capacity), dict[bytes, int]()
    for batch in batches:
        expected = [model.setdefault(name, len(model)) for name in batch]
        assert table.rows(np.array(batch, "S16")).tolist() == expected
    assert table.symbols.tolist() == list(model)
    assert table.capacity >= len(model)


def test_refuses_and_counts_what_is_beyond_its_limit_and_what_has_no_name() -> None:
    table = SymbolTable(capacity=1, max_symbols=2)
    assert table.rows(symbols("A", "B", "C", "A", "")).tolist() == [0, 1, -1, 0, -1]
    assert table.refused == 2
    assert table.rows(symbols("C")).tolist() == [-1]
    assert table.refused == 3


def test_gives_a_released_row_to_the_next_newcomer() -> None:
    table = SymbolTable()
    table.rows(symbols("A", "B", "C"))
    table.release(1)
    assert table.rows(symbols("A", "B", "C"), create=False).tolist() == [0, -1, 2]
    assert table.symbols.tolist() == [b"A", b"", b"C"]
    assert table.rows(symbols("D", "B")).tolist() == [1, 3]


def test_releases_many_rows_at_once_or_none_of_them() -> None:
    table = SymbolTable()
    table.rows(symbols("A", "B", "C", "D"))
    with pytest.raises(KeyError, match="row 9 holds"):
        table.release(np.array([0, 9]))
    table.release(np.array([2, 0]))
    assert table.symbols.tolist() == [b"", b"B", b"", b"D"]
    assert table.rows(symbols("X", "Y", "Z", "B", "A")).tolist() == [0, 2, 4, 1, 5]


@pytest.mark.parametrize("row", [-1, 0, 5])
def test_will_not_release_a_row_without_symbol(row: int) -> None:
    with pytest.raises(KeyError, match="holds no symbol"):
        SymbolTable().release(row)


def test_goes_on_from_saved_arrays_with_the_same_rows() -> None:
    table = SymbolTable(2)
    table.rows(symbols("A", "B", "C", "D"))
    table.release(1)
    table.release(0)
    again = SymbolTable.from_arrays(table.to_arrays())
    for each in (table, again):
        assert each.rows(symbols("C", "X", "Y", "D", "Z")).tolist() == [2, 0, 1, 3, 4]


def test_refuses_saved_arrays_in_which_a_symbol_has_two_rows() -> None:
    with pytest.raises(StateError, match="comes twice"):
        SymbolTable.from_arrays({"symbols": symbols("A", "B", "A")})


def test_takes_symbols_from_any_layout_of_memory() -> None:
    wide = np.array([b"A", b"B", b"C", b"D"], "S16")
    records = np.array([(1, b"A"), (2, b"C")], [("n", "i1"), ("symbol", "S16")])
    table = SymbolTable()
    assert table.rows(wide[::2]).tolist() == [0, 1]
    assert table.rows(records["symbol"]).tolist() == [0, 1]
    assert table.rows(np.array([b"C"], "S4")).tolist() == [1]

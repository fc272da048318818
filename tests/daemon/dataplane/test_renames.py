"""A company that changes its symbol stays the same company."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from daemon.dataplane.renames import Rename, between, note, renames, under_new_names, with_earlier
from daemon.dataplane.shelf import Shelf
from streams.bars import SYMBOL
from streams.dailyfile import DailyBars
from streams.history.open import open_history

if TYPE_CHECKING:
    from pathlib import Path


def bars(*of: tuple[str, int, float]) -> DailyBars:
    symbol = np.array([name.encode() for name, _, _ in of], SYMBOL)
    return DailyBars(
        symbol, np.array([day for _, day, _ in of]), np.repeat([[close for *_, close in of]], 5, axis=0), 3
    )


def told(of: DailyBars) -> list[tuple[str, int, float]]:
    return list(zip(of.symbol.astype(str).tolist(), of.day.tolist(), of.values[3].tolist(), strict=True))


def test_one_that_went_and_one_that_came_with_the_same_figi_are_one_company() -> None:
    before, now = {"FB": "F1", "MSFT": "F2"}, {"META": "F1", "MSFT": "F2"}
    assert between(before, now) == [Rename(b"FB", b"META")]


def test_a_symbol_that_another_company_takes_on_the_same_day_is_no_hindrance() -> None:
    assert not between({"A": "F1"}, {"A": "F2", "B": "F1"})  # it has not gone from the list
    assert between({"A": "F1", "X": "F2"}, {"B": "F1", "X": "F2"}) == [Rename(b"A", b"B")]


def test_nothing_is_said_where_it_is_not_plain() -> None:
    assert not between({"FOO": "F1", "FOOw": "F1"}, {"FOO": "F1"})  # one of two with the same FIGI goes
    assert not between({"FOO": "F1"}, {"FOO": "F1", "FOOw": "F1"})  # or comes
    assert not between({"A": "F1", "B": "F1"}, {"C": "F1"})
    assert not between({"A": "F1"}, {"B": "F1", "C": "F1"})
    assert not between({"A": ""}, {"B": ""})
    assert not between({"A": "F1"}, {})  # gone for good
    assert not between({}, {"A": "F1"})  # a first list


async def test_changes_are_known_after_a_restart_in_their_order(tmp_path: Path) -> None:
    async with Shelf(lambda: open_history(tmp_path)) as shelf:
        assert await renames(shelf) == []
        await note(shelf, [Rename(b"B", b"C")], 20_001, 0)
        await note(shelf, [Rename(b"A", b"B"), Rename(b"X", b"Y")], 20_000, 0)
        await note(shelf, [], 20_002, 0)
    async with Shelf(lambda: open_history(tmp_path)) as shelf:
        assert await renames(shelf) == [Rename(b"A", b"C"), Rename(b"X", b"Y"), Rename(b"B", b"C")]


def test_earlier_days_are_found_under_the_present_name_and_a_day_of_its_own_stays() -> None:
    of = bars(("FB", 1, 10.0), ("FB", 2, 11.0), ("FB", 3, 12.0), ("GE", 1, 5.0), ("META", 3, 99.0), ("META", 4, 13.0))
    joined = under_new_names(of, [Rename(b"FB", b"META")])
    assert told(joined) == [("GE", 1, 5.0), ("META", 1, 10.0), ("META", 2, 11.0), ("META", 3, 99.0), ("META", 4, 13.0)]
    assert joined.rejected == 3
    assert told(of)[0] == ("FB", 1, 10.0)


def test_without_bars_of_an_earlier_name_all_stays_as_it_is() -> None:
    of = bars(("GE", 1, 5.0))
    assert under_new_names(of, [Rename(b"FB", b"META")]) is of
    assert told(under_new_names(bars(), [Rename(b"FB", b"META")])) == []


def test_what_is_asked_for_has_the_earlier_names_too() -> None:
    wanted = with_earlier(np.array([b"GE", b"META"], SYMBOL), [Rename(b"FB", b"META"), Rename(b"X", b"Y")])
    assert wanted.tolist() == [b"FB", b"GE", b"META"]

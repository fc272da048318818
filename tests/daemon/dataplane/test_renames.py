"""A company that changes its symbol stays the same company."""

from __future__ import annotations

from typing import Any

import numpy as np

from daemon.dataplane.renames import DAYS_MS, Rename, found, under_new_names, with_earlier
from streams.bars import SYMBOL
from streams.dailyfile import DailyBars

NOW_MS = 1_736_173_800_000


def row(symbol: str, figi: str | None, *, active: bool = True, as_of_ms: int = NOW_MS) -> dict[str, Any]:
    return {"symbol": symbol, "figi": figi, "active": active, "as_of_ms": as_of_ms}


def bars(*of: tuple[str, int, float]) -> DailyBars:
    symbol = np.array([name.encode() for name, _, _ in of], SYMBOL)
    return DailyBars(
        symbol, np.array([day for _, day, _ in of]), np.repeat([[close for *_, close in of]], 5, axis=0), 3
    )


def told(of: DailyBars) -> list[tuple[str, int, float]]:
    return list(zip(of.symbol.astype(str).tolist(), of.day.tolist(), of.values[3].tolist(), strict=True))


def test_one_that_went_and_one_that_came_with_the_same_figi_are_one_company() -> None:
    assert found([row("FB", "F1", active=False), row("META", "F1"), row("MSFT", "F2")]) == [Rename(b"FB", b"META")]


def test_several_changes_are_told_in_their_order() -> None:
    went = [row("B", "F1", active=False), row("A", "F1", active=False, as_of_ms=NOW_MS - 5), row("C", "F1")]
    assert found(went) == [Rename(b"A", b"C"), Rename(b"B", b"C")]


def test_nothing_is_said_where_it_is_not_plain() -> None:
    assert not found([row("A", "F1", active=False), row("B", "F1"), row("C", "F1")])  # two have it
    assert not found([row("A", None, active=False), row("B", None)])
    assert not found([row("A", "", active=False), row("B", "")])
    assert not found([row("A", "F1", active=False), row("B", "F1", active=False)])  # gone for good
    assert not found([row("A", "F1"), row("B", "F2")])  # nobody went
    assert not found([row("A", "F2"), row("B", "F1")])  # another company has A by now


def test_what_went_long_ago_counts_no_more() -> None:
    assert not found([row("A", "F1", active=False, as_of_ms=NOW_MS - DAYS_MS - 1), row("B", "F1")])


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

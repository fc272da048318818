from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from daemon.engine.days import DailyTable, Days
from daemon.engine.errors import StateError
from daemon.engine.sessions import DAY_MS, Moment, Phase
from indicators import CATALOGUE

if TYPE_CHECKING:
    from indicators import Spec

DAY = 20_000
CLOSE_MS = 1_000_000


def table(*days: tuple[str, int, float]) -> DailyTable:
    rows = sorted(days)
    values = np.full((5, len(rows)), np.nan)
    values[3] = [close for *_, close in rows]
    return DailyTable(np.array([s for s, *_ in rows], "S16"), np.array([d for _, d, _ in rows], np.int64), values)


def days(known: DailyTable, *specs: Spec) -> Days:
    return Days(known, specs)


SYMBOLS = np.array([b"A", b"B", b"C"], "S16")
ROWS = np.arange(3)


def test_the_newest_day_before_counts_and_never_the_day_itself() -> None:
    known = table(("A", DAY - 3, 1.0), ("A", DAY - 1, 2.0), ("A", DAY, 3.0), ("B", DAY - 1, 4.0), ("B", DAY + 1, 5.0))
    assert np.array_equal(known.closes_before(SYMBOLS, DAY)[0], [2.0, 4.0, np.nan], equal_nan=True)


def test_a_close_of_long_ago_is_none() -> None:
    assert np.isnan(table(("A", DAY - 8, 1.0)).closes_before(SYMBOLS[:1], DAY)[0]).all()


@pytest.mark.parametrize("day", [DAY, DAY + 1])
def test_without_official_closes_none_is_known_at_first(day: int) -> None:
    made = days(table())
    made.begin(ROWS, SYMBOLS, day)
    assert np.isnan(made.previous).all()


def at(phase: Phase) -> Moment:
    return Moment(phase, 0, 0.0, DAY, CLOSE_MS)


def regular_day(made: Days, *, auction: bool) -> None:
    made.begin(ROWS[:1], SYMBOLS[:1], DAY)
    bar = np.array([[9.0], [9.5], [8.5], [9.2], [100.0]])
    made.take(ROWS[:1], CLOSE_MS - 60_000, bar, at(Phase.REGULAR))
    if auction:
        made.take(ROWS[:1], CLOSE_MS, bar + 1, at(Phase.POST))
    made.take(ROWS[:1], CLOSE_MS + 60_000, bar + 5, at(Phase.POST))
    made.begin(ROWS[:1], SYMBOLS[:1], DAY + 1)


def test_the_closing_auction_opens_the_first_bar_after_the_close() -> None:
    made = days(table())
    regular_day(made, auction=True)
    assert made.previous[0] == 10.0


def test_without_an_auction_the_last_regular_bar_closes_the_day() -> None:
    made = days(table())
    regular_day(made, auction=False)
    assert made.previous[0] == 9.2


def test_the_official_close_goes_before_what_minutes_say() -> None:
    made = days(table(("A", DAY, 7.0)))
    regular_day(made, auction=True)
    assert made.previous[0] == 7.0


def test_goes_on_from_saved_arrays() -> None:
    made, again = days(table()), Days(table())
    regular_day(made, auction=True)
    again.load_arrays(made.to_arrays())
    assert np.array_equal(again.previous, made.previous, equal_nan=True)


SMA = CATALOGUE.spec("sma", [2])


def newest(made: Days) -> float:
    return float(made.frame.out[0, 0])


def test_history_is_there_with_the_first_bar_of_a_symbol() -> None:
    made = days(table(*(("A", DAY - n, float(n)) for n in range(5)), ("B", DAY - 1, 9.0)), SMA)
    assert made.begin(ROWS, SYMBOLS, DAY).tolist() == [0, 1, 2]
    assert made.frame.count[:3].tolist() == [4, 1, 0]
    assert newest(made) == 1.5
    assert made.begin(ROWS, SYMBOLS, DAY).tolist() == []


def test_a_day_is_closed_by_its_own_minutes_when_the_next_one_begins() -> None:
    made = days(table(("A", DAY - 1, 8.0)), SMA)
    regular_day(made, auction=True)
    assert made.frame.last_start[0] == DAY * DAY_MS
    prices = [made.frame.bar(name, ROWS[:1])[0] for name in ("open", "high", "low", "close", "volume")]
    assert prices == [9.0, 10.0, 8.5, 10.0, 100.0]
    assert newest(made) == 9.0


def test_no_day_is_counted_twice_when_file_and_minutes_know_it() -> None:
    made = days(table(("A", DAY - 1, 8.0), ("A", DAY, 7.0)), SMA)
    regular_day(made, auction=True)
    assert made.frame.count[0] == 2
    assert newest(made) == 7.5


def test_days_missed_while_nothing_ran_come_from_the_file() -> None:
    made = days(table(*(("A", DAY + n, float(n)) for n in range(-1, 5))), SMA)
    regular_day(made, auction=False)
    made.begin(ROWS[:1], SYMBOLS[:1], DAY + 4)
    assert made.frame.count[0] == 5
    assert newest(made) == 2.5


def test_a_regular_bar_that_comes_after_the_auction_leaves_its_close() -> None:
    made = days(table(), SMA)
    made.begin(ROWS[:1], SYMBOLS[:1], DAY)
    bar = np.array([[9.0], [9.5], [8.5], [9.2], [100.0]])
    made.take(ROWS[:1], CLOSE_MS, bar + 1, at(Phase.POST))
    made.take(ROWS[:1], CLOSE_MS - 60_000, bar, at(Phase.REGULAR))
    made.begin(ROWS[:1], SYMBOLS[:1], DAY + 1)
    assert [made.frame.bar(name, ROWS[:1])[0] for name in ("open", "close", "volume")] == [9.0, 10.0, 100.0]


def test_a_state_without_the_newest_minutes_of_the_day_is_refused() -> None:
    made = days(table())
    saved = made.to_arrays()
    for name in ("older", "kept", "auction"):
        with pytest.raises(StateError, match="present day"):
            days(table()).load_arrays({key: array for key, array in saved.items() if key != name})
    with pytest.raises(StateError, match="present day"):
        days(table()).load_arrays({**saved, "kept": saved["kept"][:, :8]})


def test_a_row_for_another_symbol_starts_its_day_without_bars() -> None:
    made = days(table())
    made.begin(ROWS[:1], SYMBOLS[:1], DAY)
    made.take(ROWS[:1], CLOSE_MS - 60_000, np.ones((5, 1)), at(Phase.REGULAR))
    made.zero(0)
    made.begin(ROWS[:1], SYMBOLS[:1], DAY + 1)
    assert np.isnan(made.previous[0])


SMA = CATALOGUE.spec("sma", [2])


def known_late(*known: tuple[str, int, float], before: DailyTable | None = None) -> Days:
    """Days that began with another table, and go by this one after the first bar of the day."""
    made = days(before or table(), SMA)
    made.begin(ROWS, SYMBOLS, DAY)
    made.table = table(*known)
    return made


def test_a_table_that_comes_after_the_first_bar_is_as_good_as_one_before() -> None:
    known = [("A", DAY - 2, 1.0), ("A", DAY - 1, 3.0), ("B", DAY - 1, 4.0)]
    late, early = known_late(*known), days(table(*known), SMA)
    early.begin(ROWS, SYMBOLS, DAY)
    assert late.again(ROWS, SYMBOLS).tolist() == [0, 1]
    assert np.array_equal(late.previous[:3], early.previous[:3], equal_nan=True)
    assert np.array_equal(late.previous[:3], [3.0, 4.0, np.nan], equal_nan=True)
    assert np.array_equal(late.frame.out[0][:3], [2.0, np.nan, np.nan], equal_nan=True)
    assert np.array_equal(late.frame.count[:3], early.frame.count[:3])


def test_a_table_that_says_the_same_changes_nothing() -> None:
    known = [("A", DAY - 2, 1.0), ("A", DAY - 1, 3.0)]
    made = known_late(*known, before=table(*known))
    assert made.again(ROWS, SYMBOLS).size == 0


def test_an_older_table_leaves_newer_days_and_mends_nothing() -> None:
    known = [("A", DAY - 2, 1.0), ("A", DAY - 1, 3.0)]
    made = known_late(("A", DAY - 9, 1.0), before=table(*known))
    assert made.again(ROWS, SYMBOLS).size == 0
    assert (made.previous[0], made.frame.out[0][0]) == (3.0, 2.0)


def test_a_row_whose_day_has_not_begun_takes_the_table_with_its_first_bar() -> None:
    made = days(table(), SMA)
    made.table = table(("A", DAY - 1, 3.0))
    assert made.again(ROWS, SYMBOLS).size == 0
    made.begin(ROWS, SYMBOLS, DAY)
    assert made.previous[0] == 3.0

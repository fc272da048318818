"""What a history says it holds, in both stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.bars import MINUTE_MS
from streams.history.kept import KeptBars, KeptSpans
from streams.history.protocol import DAY_MS, Span
from tests.streams.history.samples import JAN_6, OPEN_MS, days, minutes
from tests.streams.history.test_small import alerts

if TYPE_CHECKING:
    from streams.history.protocol import History


def test_it_counts_rows_symbols_and_days_of_bars(history: History) -> None:
    history.write_minutes(minutes(["A", "B"], [OPEN_MS, OPEN_MS + MINUTE_MS]))
    history.write_minutes(minutes(["C"], [OPEN_MS + 3 * DAY_MS]))
    history.write_daily(days(["A"], [JAN_6, JAN_6 + 1]), "file", 1)
    kept = history.kept()
    assert kept.minutes == KeptBars(5, 3, 2, JAN_6, JAN_6 + 3)
    assert kept.daily == KeptBars(2, 1, 2, JAN_6, JAN_6 + 1)
    assert kept.disk_bytes > 0


def test_the_last_minute_before_new_yorks_midnight_is_of_its_day(history: History) -> None:
    history.write_minutes(minutes(["A"], [OPEN_MS + 10 * 3_600_000]))
    assert history.kept().minutes.last_day == JAN_6


def test_it_counts_other_tables_and_what_was_fetched_by_kind(history: History) -> None:
    history.append("alerts", alerts(1, 2))
    history.mark_fetched("daily", [Span("A", 1, 2, 9), Span("A", 5, 6, 9), Span("B", 1, 2, 9)])
    kept = history.kept()
    assert (kept.rows["alerts"], kept.rows["splits"], kept.rows["questions"]) == (2, 0, 0)
    assert kept.fetched == {"daily": KeptSpans(3, 2)}


def test_a_new_one_holds_nothing(history: History) -> None:
    kept = history.kept()
    assert kept.minutes == kept.daily == KeptBars()
    assert set(kept.rows.values()) == {0}
    assert kept.fetched == {}

from __future__ import annotations

from datetime import date, time

import pytest

from streams.simulator.hours import at, date_of, trading_day, weekdays


@pytest.mark.parametrize(("day", "utc_hour"), [(date(2025, 3, 7), 14.5), (date(2025, 3, 10), 13.5)])
def test_the_open_follows_new_yorks_clock_change(day: date, utc_hour: float) -> None:
    assert trading_day(day).open_ms % 86_400_000 == utc_hour * 3_600_000


def test_a_day_has_its_phases() -> None:
    day = date(2025, 3, 10)
    moments = (time(3, 59), time(4), time(9, 29), time(9, 30), time(15, 59), time(16), time(19, 59), time(20))
    phases = [trading_day(day).phase(at(day, moment)) for moment in moments]
    assert phases == ["closed", "early", "early", "open", "open", "late", "late", "closed"]


def test_a_weekend_is_closed() -> None:
    saturday = date(2025, 3, 15)
    assert trading_day(saturday).phase(at(saturday, time(12))) == "closed"


def test_the_date_is_new_yorks() -> None:
    assert date_of(at(date(2025, 3, 10), time(23, 59))) == date(2025, 3, 10)


def test_weekdays_leave_out_the_weekend() -> None:
    assert weekdays(date(2025, 3, 14), 2) == [date(2025, 3, 14), date(2025, 3, 17)]

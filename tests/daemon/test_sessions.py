"""The hours of the exchange as arrays, on a week made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from daemon.engine.sessions import NO_DAY, PHASES, Phase, SessionTable

MINUTE = 60_000
HOUR = 60 * MINUTE
MONDAY = 1_736_172_000_000 - 14 * HOUR  # 2025-01-06 00:00 UTC
OPEN = MONDAY + 14 * HOUR + 30 * MINUTE  # 09:30 in New York, winter
DAY = 24 * HOUR


@pytest.fixture
def week() -> SessionTable:
    """A full Monday, and a Tuesday that is half a day."""
    return SessionTable(np.array([OPEN, OPEN + DAY]), np.array([OPEN + 390 * MINUTE, OPEN + DAY + 210 * MINUTE]))


def test_a_moment_belongs_to_what_begins_there(week: SessionTable) -> None:
    pre, close, post = OPEN - 330 * MINUTE, OPEN + 390 * MINUTE, OPEN + 630 * MINUTE
    bounds = np.array([pre - 1, pre, OPEN - 1, OPEN, close - 1, close, post - 1, post])
    names = [PHASES[code] for code in week.phase(bounds).tolist()]
    assert names == ["closed", "pre", "pre", "regular", "regular", "post", "post", "closed"]


def test_a_half_day_ends_its_after_hours_at_17_oclock(week: SessionTable) -> None:
    at_13, at_17 = OPEN + DAY + 210 * MINUTE, OPEN + DAY + 450 * MINUTE
    assert week.phase(np.array([at_13 - 1, at_13, at_17 - 1, at_17])).tolist() == [1, 2, 2, -1]


def test_beyond_the_table_everything_is_closed(week: SessionTable) -> None:
    far = np.array([0, OPEN - DAY, OPEN + 2 * DAY, OPEN + 900 * DAY])
    assert (week.phase(far) == Phase.CLOSED).all()
    assert week.day(far).tolist() == [NO_DAY, NO_DAY, 1, 1]
    assert np.isnan(week.minutes_since_open(far)).all()


def test_minutes_since_open_are_known_in_regular_hours_only(week: SessionTable) -> None:
    moments = np.array([OPEN - MINUTE, OPEN, OPEN + 90_000, OPEN + 389 * MINUTE, OPEN + 390 * MINUTE])
    assert np.array_equal(week.minutes_since_open(moments), [np.nan, 0, 1.5, 389, np.nan], equal_nan=True)


def test_the_pre_market_has_an_anchor_of_its_own_and_after_hours_go_on_with_the_days(
    week: SessionTable,
) -> None:
    monday = [OPEN - HOUR, OPEN, OPEN + 8 * HOUR]
    tuesday = [moment + DAY for moment in (OPEN - HOUR, OPEN, OPEN + 5 * HOUR)]
    anchors = week.anchor(np.array(monday + tuesday)).tolist()
    assert anchors == [begins + day for day in (0, DAY) for begins in (OPEN - 330 * MINUTE, OPEN, OPEN)]
    assert week.anchor(OPEN + 12 * HOUR) == NO_DAY


def test_one_moment_is_answered_like_an_array_of_one(week: SessionTable) -> None:
    assert int(week.phase(OPEN)) == Phase.REGULAR
    assert bool(week.is_regular(OPEN))
    assert float(week.minutes_since_open(OPEN + MINUTE)) == 1.0
    assert int(week.anchor(OPEN)) == OPEN
    assert int(week.day(OPEN)) == 0


@pytest.mark.parametrize(
    ("opens", "closes"),
    [([], []), ([OPEN], [OPEN]), ([OPEN, OPEN], [OPEN + HOUR, OPEN + HOUR]), ([OPEN], [OPEN + HOUR] * 2)],
)
def test_sessions_that_are_no_separate_ascending_days_are_refused(opens: list[int], closes: list[int]) -> None:
    with pytest.raises(ValueError, match="sessions"):
        SessionTable(np.array(opens, np.int64), np.array(closes, np.int64))


def test_one_moment_is_answered_as_many_are(week: SessionTable) -> None:
    moments = np.arange(OPEN - 400 * MINUTE, OPEN + DAY + 700 * MINUTE, 7 * MINUTE)
    for ms in moments.tolist():
        at = week.at(ms)
        assert at.phase == week.phase(ms)
        assert at.anchor == week.anchor(ms)
        assert at.minutes_since_open == pytest.approx(float(week.minutes_since_open(ms)), nan_ok=True)

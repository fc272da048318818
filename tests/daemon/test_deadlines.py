from __future__ import annotations

import numpy as np
import pytest

from daemon.deadlines import DeadlineError, after, until
from daemon.engine.sessions import SessionTable

HOUR_MS = 3_600_000
OPENS_MS = np.array([1_737_729_000_000, 1_737_988_200_000])  # Friday 2025-01-24 and Monday 2025-01-27, 09:30
SESSIONS = SessionTable(OPENS_MS, OPENS_MS + 13 * HOUR_MS // 2)
NOW_MS = 1_737_729_000_000 + 30 * 60_000  # Friday 10:00
CLOSE_MS = int(SESSIONS.close_ms[0])


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("15:30", CLOSE_MS - HOUR_MS // 2),
        ("10:00:01", NOW_MS + 1_000),
        (" 2025-01-24 16:00 ", CLOSE_MS),
        ("2025-01-27T09:30", int(OPENS_MS[1])),
        ("close", CLOSE_MS),
        ("Open", int(OPENS_MS[1])),
        ("2025-07-24 10:00", NOW_MS + 181 * 24 * HOUR_MS - HOUR_MS),  # summer time by then
    ],
)
def test_a_moment_is_new_yorks_and_without_a_day_todays(text: str, at_ms: int) -> None:
    assert until(text, NOW_MS, SESSIONS) == at_ms


def test_at_the_close_the_next_one_is_meant_and_behind_the_last_one_there_is_none() -> None:
    assert until("close", CLOSE_MS, SESSIONS) == SESSIONS.close_ms[1]
    with pytest.raises(DeadlineError, match="the calendar has no close after 2025-01-27 16:00:00 EST; write the day"):
        until("close", int(SESSIONS.close_ms[1]), SESSIONS)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("09:59", "09:59 is over: it is 2025-01-24 10:00:00 EST; write a later time, with its day"),
        ("2025-01-23 10:00", "2025-01-23 10:00 is over: it is "),
        ("2027-01-23 10:00", "2027-01-23 10:00 is more than a year away; mute"),
        ("noon", "noon is no time; write 15:30, "),
        ("15", "15 is no time"),
        ("25:00", "25:00 is no time"),
        ("2025-01-24", "2025-01-24 is no time"),
        ("15:30+01:00", "15:30+01:00 is no time"),
        ("15:30Z", "15:30Z is no time"),
        ("", " is no time"),
        ("9999-12-31 23:59", "9999-12-31 23:59 is more than a year away"),
        ("0001-01-01 00:00", "0001-01-01 00:00 is over"),
        ("x" * 500, "x" * 40 + " is no time"),
    ],
)
def test_what_cannot_be_meant_is_told_with_what_to_write(text: str, what: str) -> None:
    with pytest.raises(DeadlineError) as told:
        until(text, NOW_MS, SESSIONS)
    assert str(told.value).startswith(what)


@pytest.mark.parametrize(
    ("text", "seconds"), [("30m", 1_800), ("90s", 90), ("1h30m", 5_400), ("2d", 172_800), ("1D", 86_400)]
)
def test_a_duration_counts_from_now(text: str, seconds: int) -> None:
    assert after(text, NOW_MS) == NOW_MS + 1_000 * seconds


@pytest.mark.parametrize("text", ["", "0m", "m", "30", "-30m", "30m1h", "1.5h", "forever", "400d", "9" * 50 + "h"])
def test_what_is_no_duration_is_told(text: str) -> None:
    with pytest.raises(DeadlineError):
        after(text, NOW_MS)

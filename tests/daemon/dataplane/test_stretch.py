"""Which minutes a start needs, and which of them are known."""

from __future__ import annotations

import numpy as np
import pytest

from daemon import calendar
from daemon.clock import SystemClock
from daemon.dataplane.stretch import EVERY, Gap, gaps, trading_minutes
from streams.bars import MINUTE_MS
from streams.history.protocol import Span
from tests.daemon.running import OPEN

HOUR_MS = 60 * MINUTE_MS
NAMES = np.array([b"MSFT", b"AAPL", b"TSLA"], "S16")
MINUTES = OPEN + MINUTE_MS * np.arange(10)


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> object:
    return calendar.load(tmp_path_factory.mktemp("calendar"), SystemClock().wall_ms()).sessions


def span(key: str, first: int, last: int) -> Span:
    """From minute to minute, both inclusive."""
    return Span(key, OPEN + first * MINUTE_MS, OPEN + (last + 1) * MINUTE_MS - 1, 0)


def gap(symbol: bytes, first: int, last: int) -> Gap:
    return Gap(symbol, OPEN + first * MINUTE_MS, OPEN + last * MINUTE_MS)


def test_the_present_day_counts_whole_and_days_before_make_up_the_number(sessions: object) -> None:
    found = trading_minutes(sessions, OPEN + 30_000)
    assert len(found) == 390
    assert found[-1] == OPEN - MINUTE_MS
    today = found[found >= OPEN - 5.5 * HOUR_MS]
    assert len(today) == 330  # pre-market, from 04:00
    friday_close = OPEN - 3 * 24 * HOUR_MS + 10.5 * HOUR_MS  # 20:00; a weekend lies between
    assert found[0] == friday_close - 60 * MINUTE_MS


def test_late_in_the_day_all_of_it_is_taken(sessions: object) -> None:
    found = trading_minutes(sessions, OPEN + 8 * HOUR_MS)
    assert len(found) == 330 + 480
    assert found[0] == OPEN - 330 * MINUTE_MS


def test_of_a_day_that_is_over_the_last_minutes_are_taken(sessions: object) -> None:
    found = trading_minutes(sessions, OPEN + 11 * HOUR_MS)
    assert (len(found), found[-1]) == (390, int(OPEN + 10.5 * HOUR_MS) - MINUTE_MS)


def test_regular_hours_alone(sessions: object) -> None:
    found = trading_minutes(sessions, OPEN + HOUR_MS, extended=False)
    assert len(found) == 390
    assert (found[-1], found[-60], found[-61]) == (
        OPEN + 59 * MINUTE_MS,
        OPEN,
        OPEN - 3 * 24 * HOUR_MS + 389 * MINUTE_MS,
    )


def test_what_the_engine_has_closed_is_not_taken_again(sessions: object) -> None:
    assert trading_minutes(sessions, OPEN + HOUR_MS, closed_ms=OPEN + 56 * MINUTE_MS).tolist() == [
        OPEN + 57 * MINUTE_MS,
        OPEN + 58 * MINUTE_MS,
        OPEN + 59 * MINUTE_MS,
    ]
    assert not len(trading_minutes(sessions, OPEN + HOUR_MS, closed_ms=OPEN + HOUR_MS))


def test_a_gap_reaches_from_the_first_to_the_last_minute_that_is_not_known() -> None:
    spans = [span("AAPL", 0, 9), span("MSFT", 0, 2), span("MSFT", 5, 6), span("MSFT", 9, 9)]
    assert gaps(MINUTES, NAMES, spans) == [gap(b"MSFT", 3, 8), gap(b"TSLA", 0, 9)]


def test_minutes_that_technic_attended_are_known_of_all() -> None:
    spans = [span(EVERY, 0, 6), span("MSFT", 7, 9)]
    assert gaps(MINUTES, NAMES, spans) == [gap(b"AAPL", 7, 9), gap(b"TSLA", 7, 9)]


def test_a_symbol_that_lacks_little_has_no_gap() -> None:
    spans = [span("MSFT", 0, 5), span("AAPL", 0, 4), span("TSLA", 0, 9)]
    assert gaps(MINUTES, NAMES, spans, 5) == [gap(b"AAPL", 5, 9)]


def test_spans_of_others_and_of_other_times_say_nothing() -> None:
    spans = [span("AA", 0, 9), span("ZZZZ", 0, 9), span("AAPL", -90, -1), span("AAPL", 10, 90)]
    assert [one.symbol for one in gaps(MINUTES, NAMES, spans)] == NAMES.tolist()


def test_nothing_is_wanted_of_nothing() -> None:
    assert not gaps(MINUTES, NAMES[:0], [])
    assert not gaps(MINUTES[:0], NAMES, [])

from __future__ import annotations

import math

import pytest

from streams.simulator.markettime import AFTERMATH_MS, AS_FAST_AS_READ, MarketTime

START, END = 1_000_000, 2_000_000


def test_time_stands_until_it_begins() -> None:
    assert MarketTime(START, END, 1.0).now_ms(77.0) == START


def test_time_runs_at_its_speed() -> None:
    market = MarketTime(START, END, 10.0)
    market.begin(5.0)
    market.hold(START + 60_000)
    assert market.now_ms(5.5) == START + 5_000
    assert market.wait_s(START + 60_000, 5.5) == 5.5
    assert market.wait_s(START + 1_000, 5.5) == 0.0


def test_time_never_reaches_what_is_due_and_not_sent() -> None:
    market = MarketTime(START, END, 1.0)
    market.begin(0.0)
    market.hold(START + 1_000)
    assert market.now_ms(60.0) == START + 999
    market.sent(START + 1_000)
    market.hold(START + 2_000)
    assert market.now_ms(60.0) == START + 1_999


def test_after_the_last_bar_time_runs_on() -> None:
    market = MarketTime(START, END, 2.0)
    market.begin(0.0)
    market.hold(START + 1_000)
    market.sent(START + 1_000)
    market.finish(0.5)
    assert market.now_ms(100.0) == START + 200_000


def test_as_fast_as_clients_read_time_is_that_of_the_last_bars_sent() -> None:
    market = MarketTime(START, END, AS_FAST_AS_READ)
    market.begin(0.0)
    market.hold(START + 64_000)
    assert market.wait_s(START + 64_000, 0.0) == 0.0
    assert market.now_ms(1e6) == START
    market.sent(START + 64_000)
    market.hold(START + 124_000)
    assert market.now_ms(1e6) == START + 64_000


def test_as_fast_as_clients_read_time_leaps_beyond_the_last_bar_and_runs_on() -> None:
    market = MarketTime(START, END, AS_FAST_AS_READ)
    market.begin(0.0)
    market.hold(END)
    market.sent(END)
    market.finish(9.0)
    assert market.now_ms(10.0) == END + AFTERMATH_MS + 1_000


def test_a_speed_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        MarketTime(START, END, 0.0)


def test_stopped_it_stands_and_goes_on_from_there() -> None:
    time = MarketTime(1_000, 9_000, 2.0)
    time.begin(0.0)
    time.hold(100_000)
    time.stop(1.0)
    assert (time.now_ms(50.0), time.wait_s(4_000, 50.0), time.stopped) == (3_000, math.inf, True)
    time.go(50.0)
    assert (time.now_ms(50.0), time.now_ms(51.0), time.wait_s(5_000, 50.0)) == (3_000, 5_000, 1.0)


def test_its_speed_changes_from_now_on() -> None:
    time = MarketTime(1_000, 9_000, 2.0)
    time.begin(0.0)
    time.hold(100_000)
    time.change_speed(10.0, 1.0)
    assert (time.now_ms(1.0), time.now_ms(2.0), time.speed) == (3_000, 13_000, 10.0)
    time.change_speed(AS_FAST_AS_READ, 2.0)
    assert (time.now_ms(99.0), time.paced) == (13_000, False)
    with pytest.raises(ValueError, match="above 0"):
        time.change_speed(0.0, 3.0)


def test_stopped_before_the_market_begins_it_begins_when_it_goes() -> None:
    time = MarketTime(1_000, 9_000, 1.0)
    time.stop(0.0)
    time.begin(5.0)
    time.hold(100_000)
    assert time.now_ms(9.0) == 1_000
    time.go(10.0)
    assert time.now_ms(11.0) == 2_000

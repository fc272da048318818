from __future__ import annotations

from datetime import date, time

import pytest

from streams.simulator.hours import at
from streams.simulator.schedule import Faults, Moment, Rate, idle, read_between, read_moment, read_rate, strikes
from tests.streams.simulator.feed_of import fault

MONDAY = date(2025, 3, 10)
OPEN_MS, HALF_PAST_MS = at(MONDAY, time(9, 30)), at(MONDAY, time(10, 0))
EVERY = fault("late")._replace(rate=Rate(3, 60_000))


def test_a_moment_is_a_time_in_new_york_a_day_and_time_or_so_long_after_the_start() -> None:
    assert read_moment("09:45:30.5") == Moment(time=time(9, 45, 30, 500_000))
    assert read_moment("2025-03-10 09:45") == Moment(time=time(9, 45), day=MONDAY)
    assert read_moment("+90s") == Moment(offset_ms=90_000)


@pytest.mark.parametrize("given", ["", "9", "25:00", "09:45Z", "+x", "+2d", "2025-13-01 09:45", 9, None, "0945"])
def test_what_is_no_moment_is_refused(given: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (told by who reads the file)
        read_moment(given)


@pytest.mark.parametrize("given", ["", "0/minute", "1001/hour", "3/day", "3", 3, "-1/hour"])
def test_what_is_no_rate_is_refused(given: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        read_rate(given)


@pytest.mark.parametrize("given", ["09:30", ["09:30"], ["16:00", "09:30"], ["09:30", "09:30"], ["a", "b"], [1, 2]])
def test_what_are_no_hours_is_refused(given: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        read_between(given)


def test_strikes_come_at_their_times_in_order_and_only_within_the_market() -> None:
    plan = Faults((fault("reset", "09:45", "+90s", "16:00"), fault("cut", "09:45", "2025-03-11 09:45")))
    found = strikes(plan, OPEN_MS, HALF_PAST_MS)
    assert [(strike.kind, strike.at_ms - OPEN_MS) for strike in found] == [
        ("reset", 90_000),
        ("reset", 900_000),
        ("cut", 900_000),
    ]


def test_a_fault_whose_times_are_not_served_is_idle() -> None:
    plan = Faults((fault("cut", "09:45"), fault("reset", "03:00")))
    assert idle(plan, strikes(plan, OPEN_MS, HALF_PAST_MS)) == [1]


def test_a_time_of_day_strikes_on_every_day() -> None:
    found = strikes(Faults((fault("reset", "09:45"),)), OPEN_MS, OPEN_MS + 3 * 86_400_000)
    assert [strike.at_ms - OPEN_MS for strike in found] == [900_000 + day * 86_400_000 for day in range(3)]
    assert [strike.number for strike in found] == [0, 1, 2]


def test_a_rate_strikes_exactly_so_often_in_each_period() -> None:
    found = strikes(Faults((EVERY,)), OPEN_MS, HALF_PAST_MS)
    assert [(strike.at_ms - OPEN_MS) // 60_000 for strike in found] == [k for k in range(30) for _ in range(3)]


def test_outside_of_its_hours_a_rate_rests() -> None:
    hours = EVERY._replace(between=(time(9, 40), time(9, 50)))
    found = strikes(Faults((hours,)), OPEN_MS, HALF_PAST_MS)
    assert {(strike.at_ms - OPEN_MS) // 60_000 for strike in found} == set(range(10, 20))


def test_the_same_seed_gives_the_same_strikes_and_another_one_others() -> None:
    once, again, other = (strikes(Faults((EVERY,), seed), OPEN_MS, HALF_PAST_MS) for seed in (7, 7, 8))
    assert once == again
    assert [strike.at_ms for strike in once] != [strike.at_ms for strike in other]
    assert once[0].rng().integers(1 << 62) == again[0].rng().integers(1 << 62)
    assert len({int(strike.rng().integers(1 << 62)) for strike in (*once, *other)}) == len(once) + len(other)


def test_a_fault_that_is_added_moves_no_other_one() -> None:
    alone = strikes(Faults((EVERY,)), OPEN_MS, HALF_PAST_MS)
    both = strikes(Faults((EVERY, EVERY)), OPEN_MS, HALF_PAST_MS)
    assert [strike for strike in both if strike.fault == 0] == alone
    assert len(both) == 2 * len(alone) == 180
    assert {strike.at_ms for strike in both if strike.fault == 1}.isdisjoint(strike.at_ms for strike in alone)

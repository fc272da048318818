from __future__ import annotations

import numpy as np

from streams.bars import MINUTE_MS, SECOND_MS, SYMBOL, BarBatch
from streams.simulator.tape import NOTHING, Minute, Prints, emissions, groups

T0 = 1_735_828_200_000


def prints(length_ms: int, *starts: int) -> Prints:
    size = len(starts)
    start, length = np.array(starts, np.int64), np.full(size, length_ms)
    bars = BarBatch(np.array([b"A"] * size, SYMBOL), start, length, start + length, np.ones((9, size)))
    return Prints(bars, np.ones(size, np.int64))


def minute(number: int, *seconds: int) -> Minute:
    start_ms = T0 + number * MINUTE_MS
    traded = prints(SECOND_MS, *(start_ms + second * SECOND_MS for second in seconds))
    return Minute(start_ms, traded, prints(MINUTE_MS, start_ms))


def test_a_second_is_due_two_seconds_after_its_end_and_a_minute_four() -> None:
    first, second, third = emissions([minute(0, 0, 59)])
    assert (first.prefix, first.due_ms) == ("A", T0 + 3_000)
    assert (second.prefix, second.due_ms) == ("A", T0 + 62_000)
    assert (third.prefix, third.due_ms) == ("AM", T0 + 64_000)


def test_everything_leaves_in_order_of_due_time_across_minutes() -> None:
    out = list(emissions([minute(0, 0, 30, 59), minute(1, 0, 1, 2), minute(2, 5)]))
    due = [emission.due_ms for emission in out]
    assert due == sorted(due)
    assert [emission.prefix for emission in out[3:6]] == ["A", "AM", "A"]
    assert len(out) == 10


def test_minutes_are_taken_only_when_their_time_comes() -> None:
    taken: list[int] = []

    def source() -> object:
        for number in range(5):
            taken.append(number)
            yield minute(number, 0)

    out = emissions(source())  # type: ignore[arg-type]
    next(out)
    assert taken == [0, 1]


def test_a_minute_without_bars_sends_nothing() -> None:
    assert list(emissions([Minute(T0, NOTHING, NOTHING)])) == []


def test_groups_are_runs_of_equals() -> None:
    assert list(groups(np.array([3, 3, 4, 7, 7]))) == [slice(0, 2), slice(2, 3), slice(3, 5)]
    assert list(groups(np.array([], np.int64))) == []

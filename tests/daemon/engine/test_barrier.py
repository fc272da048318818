from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.engine.barrier import Barrier
from streams.bars import MINUTE_MS

M0 = 1_736_000_040_000 // MINUTE_MS * MINUTE_MS


def minute(number: int) -> int:
    return M0 + number * MINUTE_MS


def walk(barrier: Barrier, clock: list[int], minutes: list[int]) -> list[slice | int]:
    return list(barrier.segments(np.array(clock, np.int64), np.array(minutes, np.int64)))


def test_a_minute_closes_before_the_first_bar_that_comes_after_its_grace() -> None:
    barrier = Barrier(grace_ms=5000, tail=2)
    clock = [minute(1) + 4000, minute(1) + 4999, minute(1) + 5000, minute(2) + 4000]
    assert walk(barrier, clock, [minute(0), minute(0), minute(0), minute(1)]) == [
        slice(0, 2),
        minute(0),
        slice(2, 4),
    ]


def test_silence_closes_the_minute_when_market_time_says_so() -> None:
    barrier = Barrier(grace_ms=5000, tail=2)
    walk(barrier, [minute(1)], [minute(0)])
    assert list(barrier.advance(minute(1) + 4999)) == []
    assert list(barrier.advance(minute(1) + 5000)) == [minute(0)]


def test_after_the_last_bar_a_tail_of_empty_minutes_closes_and_then_none() -> None:
    barrier = Barrier(grace_ms=5000, tail=2)
    walk(barrier, [minute(1)], [minute(0)])
    assert list(barrier.advance(minute(1000))) == [minute(0), minute(1), minute(2)]
    assert list(barrier.advance(minute(2000))) == []


def test_a_night_is_skipped_and_the_next_bar_opens_its_own_minute() -> None:
    barrier = Barrier(grace_ms=5000, tail=1)
    assert walk(barrier, [minute(1), minute(901), minute(902)], [minute(0), minute(900), minute(901)]) == [
        slice(0, 1),
        minute(0),
        minute(1),
        slice(1, 2),
        minute(900),
        slice(2, 3),
    ]


def test_a_straggler_of_a_closed_minute_neither_reopens_it_nor_moves_time() -> None:
    barrier = Barrier(grace_ms=0, tail=1)
    walk(barrier, [minute(10)], [minute(9)])
    list(barrier.advance(minute(20)))
    assert walk(barrier, [minute(1), minute(31)], [minute(0), minute(30)])[-1] == slice(0, 2)
    assert barrier.closed_ms == minute(29)


@pytest.mark.parametrize("cut", [1, 2, 3, 5, 7])
@given(steps=st.lists(st.integers(0, 200_000), min_size=1, max_size=40))
def test_minutes_close_at_the_same_bars_however_the_bars_are_grouped(cut: int, steps: list[int]) -> None:
    clock = M0 + np.cumsum(np.array(steps, np.int64))
    minutes = clock // MINUTE_MS * MINUTE_MS - MINUTE_MS

    def closes(size: int) -> list[tuple[int, int]]:
        barrier, found = Barrier(grace_ms=5000, tail=3), []
        for start in range(0, len(clock), size):
            done = start
            for part in barrier.segments(clock[start : start + size], minutes[start : start + size]):
                if isinstance(part, slice):
                    done = start + part.stop
                else:
                    found.append((done, part))
        return found

    assert closes(cut) == closes(len(clock))


def test_state_goes_on_where_it_was_saved() -> None:
    first, second = Barrier(5000, 2), Barrier(5000, 2)
    walk(first, [minute(1), minute(2)], [minute(0), minute(1)])
    second.load_array(first.to_array())
    assert list(second.advance(minute(2) + 5000)) == list(first.advance(minute(2) + 5000)) == [minute(1)]

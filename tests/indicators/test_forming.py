"""The forming minute against a twin that keeps every second and works each bar out anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from indicators.forming import Forming

if TYPE_CHECKING:
    from numpy.typing import NDArray

MINUTE_MS, SECOND_MS = 60_000, 1_000
FIRST_MS = 29_000_000 * MINUTE_MS
ROWS, MINUTES = 3, 4


class Second(NamedTuple):
    row: int
    minute: int
    second: int
    bar: tuple[float, float, float, float, float, float]

    @property
    def start_ms(self) -> int:
        return FIRST_MS + self.minute * MINUTE_MS + self.second * SECOND_MS


class Minute:
    """The seconds of one minute, by second, in order of arrival."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.taken: dict[int, tuple[float, ...]] = {}
        self.highs: list[float] = []
        self.lows: list[float] = []

    def add(self, second: int, bar: tuple[float, ...]) -> bool:
        self.highs.append(bar[1])
        self.lows.append(bar[2])
        fresh = second not in self.taken
        self.taken.setdefault(second, bar)
        return fresh

    def bar(self) -> list[float]:
        volume = sum(bar[4] for bar in self.taken.values())
        turnover = sum(bar[4] * (sum(bar[1:4]) / 3 if np.isnan(bar[5]) else bar[5]) for bar in self.taken.values())
        first, last = self.taken[min(self.taken)], self.taken[max(self.taken)]
        return [first[0], max(self.highs), min(self.lows), last[3], volume, turnover / volume]


class Twin:
    """The newest even and the newest odd minute of each row."""

    def __init__(self) -> None:
        self.held: dict[tuple[int, int], Minute] = {}

    def add(self, second: Second) -> bool:
        place = (second.row, second.minute % 2)
        held = self.held.get(place)
        if held and held.number > second.minute:
            return False
        if not held or held.number < second.minute:
            self.held[place] = held = Minute(second.minute)
        return held.add(second.second, second.bar)

    def discard(self, row: int, minute: int) -> None:
        if self.has(row, minute):
            del self.held[row, minute % 2]

    def has(self, row: int, minute: int) -> bool:
        held = self.held.get((row, minute % 2))
        return held is not None and held.number == minute

    def bar(self, row: int, minute: int) -> list[float]:
        return self.held[row, minute % 2].bar() if self.has(row, minute) else [np.nan] * 6


def columns(seconds: list[Second]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    rows = np.array([second.row for second in seconds], np.int64)
    start_ms = np.array([second.start_ms for second in seconds], np.int64)
    return rows, start_ms, np.array([second.bar for second in seconds]).T


@st.composite
def second_bars(draw: st.DrawFn) -> Second:
    open_, close = draw(st.integers(1, 99)), draw(st.integers(1, 99))
    above, below = draw(st.integers(0, 9)), draw(st.integers(0, 9))
    vwap = draw(st.sampled_from([np.nan, 50.25, 3.5]))
    volume = draw(st.integers(1, 1000)) / 8
    bar = (float(open_), float(max(open_, close) + above), min(open_, close) - below / 10, float(close), volume, vwap)
    second = draw(st.one_of(st.sampled_from([0, 59]), st.integers(0, 5)))
    return Second(draw(st.integers(0, ROWS - 1)), draw(st.integers(0, MINUTES - 1)), second, bar)


steps = st.lists(
    st.one_of(
        st.lists(second_bars(), min_size=1, max_size=12),
        st.tuples(st.integers(0, ROWS - 1), st.integers(0, MINUTES - 1)),
    ),
    max_size=12,
)


def assert_alike(forming: Forming, twin: Twin) -> None:
    everyone = np.arange(ROWS)
    for minute in range(MINUTES):
        start_ms = FIRST_MS + minute * MINUTE_MS
        expected = np.array([twin.bar(row, minute) for row in range(ROWS)]).T
        np.testing.assert_array_equal(forming.bars(everyone, start_ms), expected)
        assert forming.rows(start_ms).tolist() == [row for row in range(ROWS) if twin.has(row, minute)]
        waits = forming.waits(everyone, start_ms + MINUTE_MS).tolist()
        assert waits == [twin.has(row, minute) for row in range(ROWS)]


@settings(max_examples=60, deadline=None)
@given(steps, st.integers(0, 12))
def test_seconds_in_any_order_build_the_minutes_of_the_twin(
    steps: list[list[Second] | tuple[int, int]], restart: int
) -> None:
    forming, twin = Forming(2), Twin()
    forming.reserve(ROWS)
    for number, step in enumerate(steps):
        if isinstance(step, tuple):
            row, minute = step
            forming.discard(np.array([row]), FIRST_MS + minute * MINUTE_MS)
            twin.discard(row, minute)
        else:
            assert forming.add(*columns(step)).tolist() == [twin.add(second) for second in step]
        if number == restart:
            state = {name: array.copy() for name, array in forming.to_arrays().items()}
            forming = Forming(ROWS)
            forming.load_arrays(state)
        assert_alike(forming, twin)


def one(minute: int, second: int, price: float, row: int = 0) -> Second:
    return Second(row, minute, second, (price, price + 1, price - 1, price, 10.0, np.nan))


def test_a_second_sent_again_widens_the_extremes_and_changes_nothing_else() -> None:
    forming = Forming()
    assert forming.add(*columns([one(0, 5, 50.0), one(0, 5, 70.0)])).tolist() == [True, False]
    assert forming.bars(np.array([0]), FIRST_MS)[:5, 0].tolist() == [50.0, 71.0, 49.0, 50.0, 10.0]


def test_two_minutes_form_at_once_and_a_third_takes_the_place_of_the_first() -> None:
    forming = Forming()
    forming.add(*columns([one(0, 59, 50.0), one(1, 0, 60.0)]))
    assert [forming.rows(FIRST_MS + m * MINUTE_MS).tolist() for m in range(3)] == [[0], [0], []]
    forming.add(*columns([one(2, 0, 70.0)]))
    assert forming.add(*columns([one(0, 58, 50.0)])).tolist() == [False]
    assert [forming.rows(FIRST_MS + m * MINUTE_MS).tolist() for m in range(3)] == [[], [0], [0]]


def test_a_row_given_to_another_symbol_starts_empty() -> None:
    forming = Forming()
    forming.add(*columns([one(0, 0, 50.0), one(1, 0, 50.0), one(0, 0, 60.0, row=1)]))
    forming.zero(0)
    assert forming.rows(FIRST_MS).tolist() == [1]
    assert np.isnan(forming.bars(np.array([0]), FIRST_MS)).all()


def test_more_rows_leave_those_at_hand_as_they_are() -> None:
    forming = Forming(1)
    forming.add(*columns([one(0, 0, 50.0)]))
    before = forming.bars(np.array([0]), FIRST_MS)
    forming.reserve(5_000)
    np.testing.assert_array_equal(forming.bars(np.array([0]), FIRST_MS), before)
    assert forming.rows(FIRST_MS).tolist() == [0]
    assert forming.add(*columns([one(0, 1, 51.0, row=4_999)])).tolist() == [True]

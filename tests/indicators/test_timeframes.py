"""Longer bars against minutes taken together by hand, and corrected ones against those that were right at first."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indicators import CATALOGUE
from indicators.errors import ArgumentError
from indicators.timeframes import Timeframes, parse
from tests.indicators.feeds import MINUTE_MS, Block, block, make_bars

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from indicators.naive import Bars

Item = TypeVar("Item")

SIZE = 70
SPECS = [CATALOGUE.spec(name) for name in ("true_range", "obv", "vwap")]
rng = np.random.default_rng(3)
WALK = make_bars(50 + np.cumsum(rng.normal(0, 0.05, SIZE)), rng.uniform(0, 0.1, SIZE), rng.random(SIZE) * 1000)
ROW = np.array([1])
few = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
fewer = settings(few, max_examples=15)


def made() -> Timeframes:
    return Timeframes({1: SPECS, 2: SPECS, 5: SPECS, 15: SPECS}, 2)


def play(frames: Timeframes, size: int, wrong: set[int], missing: set[int]) -> None:
    for t in range(size):
        now = block([WALK], t)
        frames.close(int(now.start_ms[0]), int(now.session[0]))
        if t not in missing:
            frames.update(ROW, *(now._replace(bars=now.bars * 1.5) if t in wrong else now))
    frames.close(int(WALK.start_ms[size - 1]) + MINUTE_MS)


@pytest.mark.parametrize("minutes", [2, 5, 15])
def test_longer_bars_are_their_minutes_taken_together(minutes: int) -> None:
    frames = made()
    play(frames, SIZE, set(), set())
    at = (WALK.start_ms - WALK.session) // (minutes * MINUTE_MS) * minutes * MINUTE_MS + WALK.session
    last = np.flatnonzero(at == at[at + minutes * MINUTE_MS <= frames.closed_ms].max())
    frame = frames.frames[minutes]
    assert frame.count[1] == len(np.unique(at[at + minutes * MINUTE_MS <= frames.closed_ms]))
    bar = [frame.bar(field, ROW)[0] for field in ("open", "high", "low", "close")]
    assert bar == [WALK.open[last[0]], WALK.high[last].max(), WALK.low[last].min(), WALK.close[last[-1]]]
    assert frame.bar("volume", ROW)[0] == pytest.approx(WALK.volume[last].sum())


@few
@given(data=st.data(), size=st.integers(2, SIZE))
def test_corrected_minutes_leave_every_timeframe_as_if_they_had_been_right(data: st.DataObject, size: int) -> None:
    recent = [t for t in range(size) if WALK.start_ms[t] > WALK.start_ms[size - 1] - 15 * MINUTE_MS]
    bad = data.draw(st.permutations(recent))[: data.draw(st.integers(1, 6))]
    missing = set(data.draw(st.permutations(bad))[: data.draw(st.integers(0, 3))])
    frames, clean = made(), made()
    play(frames, size, set(bad), missing)
    play(clean, size, set(), set())
    for t in bad:
        again = made()
        again.load_arrays({name: array.copy() for name, array in frames.to_arrays().items()})
        frames = again
        assert frames.revise(ROW, *block([WALK], t)).all()
    for minutes, frame in frames.frames.items():
        expected = clean.frames[minutes]
        assert frame.count.tolist() == expected.count.tolist()
        assert frame.last_start.tolist() == expected.last_start.tolist()
        np.testing.assert_array_equal(frame.out, expected.out)


def test_peek_says_what_longer_bars_would_give_if_they_closed_with_the_forming_minute() -> None:
    frames, closed = made(), made()
    play(frames, 7, set(), set())
    play(closed, 8, set(), set())
    closed.close(int(WALK.start_ms[7]) + 15 * MINUTE_MS)
    frames.close(int(WALK.start_ms[7]))
    frames.peek(ROW, *block([WALK], 7))
    for minutes, frame in frames.frames.items():
        np.testing.assert_array_equal(frame.peeked[:3, 1], closed.frames[minutes].out[:3, 1])


@pytest.mark.parametrize(("text", "minutes"), [("1m", 1), ("5m", 5), ("1h", 60)])
def test_timeframes_are_written_in_minutes_or_hours(text: str, minutes: int) -> None:
    assert parse(text) == minutes


@pytest.mark.parametrize("text", ["", "5", "0m", "7h", "1d", "5 m"])
def test_another_timeframe_is_refused_for_people(text: str) -> None:
    with pytest.raises(ArgumentError, match="such as 5m or 1h"):
        parse(text)


ROWS = [1, 0, 513, 1100]
"""Rows of the market, whose copies are taken at different bars."""


def walk(seed: int) -> Bars:
    random = np.random.default_rng(seed)
    close = 50 + np.cumsum(random.normal(0, 0.05, SIZE))
    return make_bars(close, random.uniform(0, 0.1, SIZE), random.random(SIZE) * 1000)


MARKET = {row: walk(seed) for seed, row in enumerate(ROWS)}


def wide(capacity: int = 1200) -> Timeframes:
    return Timeframes({1: SPECS, 2: SPECS, 5: SPECS, 15: SPECS}, capacity)


def bars_of(minutes: list[tuple[int, int]], factor: float = 1.0) -> tuple[NDArray[np.int64], Block]:
    """Rows and bars t of these symbols, in this order."""
    blocks = [block([MARKET[row]], t) for row, t in minutes]
    whole = Block(*(np.concatenate(columns, axis=-1) for columns in zip(*blocks, strict=True)))
    return np.array([row for row, _ in minutes]), whole._replace(bars=whole.bars * factor)


def step(frames: Timeframes, t: int, batches: list[list[int]], wrong: set[tuple[int, int]]) -> None:
    """The minute of all symbols, some of them wrong, in these batches; then the market's minute closes."""
    for batch in batches:
        for off in (False, True):
            if chosen := [(row, t) for row in batch if ((row, t) in wrong) == off]:
                rows, now = bars_of(chosen, 1.5 if off else 1.0)
                frames.update(rows, *now)
    close_after(frames, t)


def close_after(frames: Timeframes, t: int) -> None:
    frames.close(int(WALK.start_ms[t]) + MINUTE_MS, int(WALK.session[t]))


def again(frames: Timeframes, capacity: int = 1200) -> Timeframes:
    """What goes on from the saved state of `frames`."""
    other = wide(capacity)
    assert other.load_arrays({name: array.copy() for name, array in frames.to_arrays().items()}) == ()
    return other


def clean_run(size: int, rows: Iterable[int] = ROWS) -> Timeframes:
    frames = wide()
    for t in range(size):
        step(frames, t, [[row] for row in rows], set())
    return frames


def assert_same(frames: Timeframes, clean: Timeframes) -> None:
    """What each frame knows of the rows of the market, whatever its capacity."""
    assert frames.closed_ms == clean.closed_ms
    for minutes, frame in frames.frames.items():
        expected = clean.frames[minutes]
        arrays, right = frame.to_arrays(), expected.to_arrays()
        np.testing.assert_array_equal(frame.out[:, ROWS], expected.out[:, ROWS], err_msg=f"{minutes}m")
        for name in ("count", "last_start", *(name for name in arrays if name.startswith("state/"))):
            np.testing.assert_array_equal(arrays[name][ROWS], right[name][ROWS], err_msg=f"{minutes}m {name}")
        for field in ("open", "high", "low", "close", "volume", "vwap"):
            held = frame.bar(field, np.array(ROWS)), expected.bar(field, np.array(ROWS))
            np.testing.assert_array_equal(*held, err_msg=f"{minutes}m {field}")


def batched(data: st.DataObject, items: list[Item]) -> list[list[Item]]:
    """In any order, cut into batches."""
    order, batches = list(data.draw(st.permutations(items))), []
    while order:
        n = data.draw(st.integers(1, len(order)))
        batches.append(order[:n])
        order = order[n:]
    return batches


@fewer
@given(data=st.data(), size=st.integers(2, SIZE - 5))
def test_rows_in_any_batches_saved_at_any_bar_and_corrected_end_as_if_all_had_been_right(
    data: st.DataObject, size: int
) -> None:
    recent = [t for t in range(size) if WALK.start_ms[t] > WALK.start_ms[size - 1] - 15 * MINUTE_MS]
    pairs = st.tuples(st.sampled_from(ROWS), st.sampled_from(recent))
    bad = data.draw(st.sets(pairs, min_size=1, max_size=10))
    missing = data.draw(st.sets(st.sampled_from(sorted(bad)), max_size=5))
    stops = data.draw(st.sets(st.integers(0, size - 1), max_size=3))
    frames = wide()
    for t in range(size):
        rows = [row for row in ROWS if (row, t) not in missing]
        step(frames, t, batched(data, rows) if t in stops or t in recent else [rows], bad)
        if t in stops:
            frames = again(frames, data.draw(st.sampled_from([1, 1200, 1300])))
    for batch in batched(data, [*bad, *data.draw(st.lists(st.sampled_from(sorted(bad)), max_size=3))]):
        rows, now = bars_of(batch)
        assert frames.revise(rows, *now).all()
        if data.draw(st.booleans()):
            frames = again(frames)
    clean = clean_run(size)
    assert_same(frames, clean)
    for t in range(size, SIZE):
        step(frames, t, [ROWS], set())
        step(clean, t, [ROWS], set())
    assert_same(frames, clean)


@fewer
@given(data=st.data(), size=st.integers(2, SIZE - 10), row=st.sampled_from(ROWS))
def test_a_row_that_is_forgotten_is_in_all_timeframes_as_if_it_had_never_been(
    data: st.DataObject, size: int, row: int
) -> None:
    """At any bar, saved or not, then taken by another symbol, and corrected; the other rows do not notice."""
    frames, fresh = clean_run(size), clean_run(size, [other for other in ROWS if other != row])
    frames.zero(row)
    frames = again(frames) if data.draw(st.booleans()) else frames
    assert_same(frames, fresh)
    begins = data.draw(st.integers(size, SIZE - 2))
    late = {(row, t) for t in range(begins, SIZE) if WALK.start_ms[t] > WALK.start_ms[SIZE - 1] - 15 * MINUTE_MS}
    wrong = data.draw(st.sets(st.sampled_from(sorted(late))))
    for t in range(size, SIZE):
        rows = [other for other in ROWS if other != row or t >= begins]
        step(frames, t, batched(data, rows), wrong)
        step(fresh, t, [rows], set())
    for batch in batched(data, sorted(wrong)):
        rows, now = bars_of(batch)
        assert frames.revise(rows, *now).all()
    assert_same(frames, fresh)


@fewer
@given(data=st.data())
def test_a_copy_made_in_pieces_while_bars_come_are_corrected_and_rows_forgotten_is_that_of_one_moment(
    data: st.DataObject,
) -> None:
    frames = wide()
    copy = {name: np.full_like(array, -7) for name, array in frames.to_arrays().items()}
    acts = st.sampled_from(["bars", "correct", "forget", "copy", "copy", "copy all"])
    for t in range(20):
        act = data.draw(acts)
        if act == "correct" and t:
            rows, now = bars_of([(row, t - 1) for row in ROWS if frames.frames[1].last_start[row]], 1.5)
            frames.revise(rows, *now)
        elif act == "forget":
            frames.zero(data.draw(st.sampled_from(ROWS)))
        elif act == "copy":
            left = frames.copy_some(copy, data.draw(st.integers(1, 1200)))
            assert left == sum(int(frame.changed.sum()) for frame in frames.frames.values())
        elif act == "copy all":
            while frames.copy_some(copy, 500):
                pass
        step(frames, t, [data.draw(st.lists(st.sampled_from(ROWS), unique=True))], set())
    frames.copy_rest(copy)
    for name, array in frames.to_arrays().items():
        np.testing.assert_array_equal(copy[name], array, err_msg=name)
    assert frames.copy_some(copy, 1) == 0


def test_a_corrected_bar_of_a_session_that_the_market_has_not_reached_stays_open() -> None:
    frames = made()
    play(frames, 20, set(), set())
    frames.close(int(WALK.start_ms[19]) + MINUTE_MS, int(WALK.session[19]))
    frames.update(ROW, *block([WALK], 20))
    before = {minutes: frame.count.tolist() for minutes, frame in frames.frames.items()}
    assert frames.revise(ROW, *block([WALK], 20)).all()
    assert {minutes: frame.count.tolist() for minutes, frame in frames.frames.items()} == before

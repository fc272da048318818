"""A corrected frame equals, bit for bit, one that saw the right bars the first time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indicators import CATALOGUE, Frame
from indicators.errors import RowError
from indicators.frame import CORRECTIONS
from tests.indicators.feeds import block, feed, make_bars, varied_specs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from indicators.naive import Bars
    from tests.indicators.feeds import Block

SIZE, ROWS = 100, 3
SMA = CATALOGUE.spec("sma", [3])
BARS = st.integers(0, CORRECTIONS - 1)
few = settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))


def walk(seed: int) -> Bars:
    rng = np.random.default_rng(seed)
    close = 50 + np.cumsum(np.round(rng.normal(0, 0.05, SIZE), 2))
    return make_bars(close, np.round(rng.uniform(0, 0.1, SIZE), 2), rng.integers(1, 100_000, SIZE))


MARKET = [walk(seed) for seed in range(ROWS)]


def frame_of(capacity: int = 1200, corrections: int = CORRECTIONS) -> Frame:
    return Frame(varied_specs(), capacity, corrections=corrections)


def wrong(now: Block, factor: float = 1.5) -> Block:
    return now._replace(bars=now.bars * factor, session=now.session - 60_000, outside=now.outside * factor)


def bars_of(row: int, *numbers: int) -> Block:
    blocks = [block([MARKET[row]], t) for t in numbers]
    return type(blocks[0])(*(np.concatenate(columns, axis=-1) for columns in zip(*blocks, strict=True)))


def assert_same(frame: Frame, clean: Frame) -> None:
    expected = clean.to_arrays()
    for name, array in frame.to_arrays().items():
        held = marked(clean) if name.startswith("copies/") else True  # nobody reads a copy that is void
        np.testing.assert_array_equal(np.where(held, array, 0), np.where(held, expected[name], 0), err_msg=name)


def marked(frame: Frame) -> NDArray[np.bool_]:
    """Where copies are not void."""
    marks: NDArray[np.bool_] = frame.to_arrays()["marks"].T[:, :, np.newaxis] >= 0
    return marks


def where(rows: list[int]) -> NDArray[np.int64]:
    return np.array(rows, np.int64)


PLACES = [0, 513, 1100]
"""Rows of the market's symbols, whose copies are taken at different bars."""


@pytest.mark.timeout(180)  # examples of up to some seconds each
@few
@given(data=st.data(), size=st.integers(1, SIZE - 20))
def test_any_corrections_in_any_order_end_as_if_all_had_been_right(data: st.DataObject, size: int) -> None:
    """Bars that came wrong are sent again, missing ones come late, some more than once, several rows at once."""
    pairs = st.tuples(st.integers(0, ROWS - 1), BARS)
    bad = data.draw(st.sets(pairs, min_size=1, max_size=12))
    missing = data.draw(st.sets(st.sampled_from(sorted(bad)), max_size=6))
    frame = frame_of()
    for t in range(size):
        for row in range(ROWS):
            state = (row, size - 1 - t)
            if state not in missing:
                now = bars_of(row, t)
                frame.update(where([PLACES[row]]), *(wrong(now) if state in bad else now))
    sent = [(row, size - 1 - back) for row, back in bad if back < size]
    order = data.draw(st.permutations(sent + data.draw(st.lists(st.sampled_from(sent), max_size=3)) if sent else []))
    while order:
        n = data.draw(st.integers(1, len(order)))
        batch, order = order[:n], order[n:]
        if data.draw(st.booleans()):
            saved = {name: array.copy() for name, array in frame.to_arrays().items()}
            frame = frame_of(capacity=data.draw(st.sampled_from([1, 1300])))
            assert frame.load_arrays(saved) == ()
        blocks = [bars_of(row, t) for row, t in batch]
        columns = [np.concatenate(parts, axis=-1) for parts in zip(*blocks, strict=True)]
        assert frame.revise(where([PLACES[row] for row, _ in batch]), *columns).all()
    clean = frame_of(frame.capacity)
    feed(clean, MARKET, PLACES, 0, size)
    assert_same(frame, clean)
    feed(frame, MARKET, PLACES, size, size + 20)
    feed(clean, MARKET, PLACES, size, size + 20)
    assert_same(frame, clean)


@few
@given(size=st.integers(1, 60), back=BARS)
def test_a_frame_taken_back_and_fed_again_is_at_every_step_as_it_was(size: int, back: int) -> None:
    frame, clean = frame_of(), frame_of()
    feed(frame, MARKET, PLACES, 0, size)
    number = max(size - 1 - back, 0)
    if number:
        feed(clean, MARKET, PLACES, 0, number)
    known, taken = frame.rewind(where(PLACES), np.array([bars.start_ms[number] for bars in MARKET]))
    assert known.all()
    assert taken.rows.tolist() == sorted(PLACES * (size - number))
    for turn in range(size - number):
        now = taken.take(np.arange(turn, len(taken.rows), size - number))
        frame.update(*now)
        values = feed(clean, MARKET, PLACES, number + turn, number + turn + 1)
        np.testing.assert_array_equal(frame.out[:, PLACES].T, values[:, :, 0])
    assert_same(frame, clean)


def test_what_is_not_known_of_the_outside_stays_as_it_came() -> None:
    frame, clean = frame_of(1), frame_of(1)
    feed(frame, MARKET[:1], [0], 0, 40)
    feed(clean, MARKET[:1], [0], 0, 40)
    start_ms, bars, session, _ = bars_of(0, 35)
    assert frame.revise(where([0]), start_ms, bars, session).all()
    assert_same(frame, clean)


def test_a_bar_that_is_too_old_is_refused_and_changes_nothing() -> None:
    frame, clean = frame_of(1), frame_of(1)
    feed(frame, MARKET[:1], [0], 0, 90)
    feed(clean, MARKET[:1], [0], 0, 90)
    old = wrong(bars_of(0, 90 - 2 * CORRECTIONS, 1))
    assert not frame.revise(where([0, 0]), *old).any()
    assert_same(frame, clean)


def test_the_newest_bars_can_be_corrected_whatever_their_number() -> None:
    for corrections in (1, 2, 5):
        frame = Frame([SMA], 1, corrections=corrections)
        for t in range(40):
            frame.update(where([0]), *bars_of(0, t))
            back = min(corrections - 1, t)
            assert frame.revise(where([0]), *bars_of(0, t - back)).all()


def test_without_corrections_every_bar_is_refused() -> None:
    frame = Frame([SMA], 1)
    feed(frame, MARKET[:1], [0], 0, 5)
    assert frame.revise(where([0]), *wrong(bars_of(0, 4))).tolist() == [False]
    assert frame.bar("close", where([0]))[0] == MARKET[0].close[4]


@pytest.mark.parametrize("row", [-1, 1])
def test_a_correction_outside_of_the_frame_is_refused(row: int) -> None:
    frame = Frame([SMA], 1, corrections=4)
    with pytest.raises(RowError, match="in a frame of 1"):
        frame.revise(where([row]), *bars_of(0, 0))


def test_state_saved_without_copies_can_be_corrected_from_its_next_bar_on() -> None:
    before, frame, clean = Frame([SMA], 1), Frame([SMA], 1, corrections=4), Frame([SMA], 1)
    feed(before, MARKET[:1], [0], 0, 20)
    feed(clean, MARKET[:1], [0], 0, 23)
    assert frame.load_arrays(before.to_arrays()) == ()
    assert not frame.revise(where([0, 0]), *wrong(bars_of(0, 19, 18))).any()
    frame.update(where([0]), *wrong(bars_of(0, 20)))
    frame.update(where([0]), *bars_of(0, 22))
    assert frame.revise(where([0, 0]), *bars_of(0, 21, 20)).all()
    np.testing.assert_array_equal(frame.out, clean.out)


def test_a_row_for_another_symbol_starts_without_bars_to_correct() -> None:
    frame, clean = frame_of(1), frame_of(1)
    feed(frame, MARKET[:1], [0], 0, 40)
    frame.zero(0)
    assert_same(frame, clean)
    feed(frame, MARKET[1:2], [0], 0, 3)
    assert frame.revise(where([0]), *wrong(bars_of(1, 0))).all()

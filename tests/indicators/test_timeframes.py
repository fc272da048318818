"""Longer bars against minutes taken together by hand, and corrected ones against those that were right at first."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indicators import CATALOGUE
from indicators.errors import ArgumentError
from indicators.timeframes import Timeframes, parse
from tests.indicators.feeds import MINUTE_MS, block, make_bars

SIZE = 70
SPECS = [CATALOGUE.spec(name) for name in ("true_range", "obv", "vwap")]
rng = np.random.default_rng(3)
WALK = make_bars(50 + np.cumsum(rng.normal(0, 0.05, SIZE)), rng.uniform(0, 0.1, SIZE), rng.random(SIZE) * 1000)
ROW = np.array([1])
few = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


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

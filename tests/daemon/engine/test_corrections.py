"""Bars that come again, late or several times within 15 minutes: all is as if they had been right the first time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.engine.sessions import SessionTable
from indicators.frame import CORRECTIONS
from streams.bars import MINUTE_MS, concat, empty
from tests.daemon.engine.test_engine import DAY, OPEN
from tests.daemon.engine.test_longer import engine_of

if TYPE_CHECKING:
    from daemon.engine.engine import Engine
    from streams.bars import BarBatch

RULES = """
[[rule]]
name = "all"
where = '''sma(2, "1d") > 0 and session_high("1d") > 0 and true_range("1d") > 0 and sma(1, "5m") > 0
    and sma(3)[2] > 0 and gap() > -100 and change() > -100 and gap("5m") > -100'''
"""
SHORT = 40
"""Minutes of a regular session of this calendar: half a day is over sooner than the sessions that rules know."""

OPENS = np.array([OPEN + day * DAY for day in range(4)])
CALENDAR = SessionTable(OPENS, OPENS + SHORT * MINUTE_MS)
few = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
random = np.random.default_rng(5)
WALK = 50 + np.cumsum(random.normal(0, 0.5, 200))
SPREAD, VOLUME = random.uniform(0, 1, (2, 200)), random.uniform(0, 1000, 200)


def bar(day: int, minute: int, shift: float = 0.0) -> BarBatch:
    """Its price is off by `shift`."""
    one = empty(1)
    at, close = OPENS[day] + minute * MINUTE_MS, WALK[minute] + shift
    one.symbol[0], one.start_ms[0], one.length_ms[0], one.arrival_ms[0] = b"A", at, MINUTE_MS, at + MINUTE_MS
    (up, down), before = SPREAD[:, minute], WALK[minute - 1] + shift
    one.values[:6, 0] = [before, max(before, close) + up, min(before, close) - down, close, VOLUME[minute], np.nan]
    return one


def play(day: int, minutes: list[int], engine: Engine, wrong: dict[int, float | None]) -> None:
    """Bars in order; those in `wrong` are off, or missing."""
    for minute in minutes:
        shift = wrong.get(minute, 0.0)
        if shift is not None:
            engine.step(bar(day, minute, shift))


def assert_same(engine: Engine, clean: Engine) -> None:
    for minutes, frame in engine.watch.frames.items():
        expected = clean.watch.frames[minutes]
        assert (frame.count[0], frame.last_start[0]) == (expected.count[0], expected.last_start[0])
        for column, output in enumerate(frame.outputs):
            if output[1] != "market":  # its level is frozen, minute by minute
                np.testing.assert_array_equal(frame.out[column], expected.out[column], err_msg=f"{minutes}m {output}")
    frozen = clean.watch.evaluator.to_arrays()
    for name, array in engine.watch.evaluator.to_arrays().items():
        np.testing.assert_array_equal(array, frozen[name], err_msg=name)


@few
@given(data=st.data())
def test_corrected_bars_leave_days_and_all_timeframes_as_if_they_had_been_right(data: st.DataObject) -> None:
    traded = sorted(data.draw(st.sets(st.integers(-3, SHORT + 4), min_size=1)))
    newest = traded[data.draw(st.integers(0, len(traded) - 1))]
    before = [minute for minute in traded if minute <= newest]
    bad = [minute for minute in before if minute > newest - CORRECTIONS]
    shifts = st.one_of(st.none(), st.floats(-40, 40))
    wrong = {minute: data.draw(shifts if minute < newest else st.floats(-40, 40)) for minute in bad}
    engine, clean = engine_of(RULES, CALENDAR), engine_of(RULES, CALENDAR)
    for one in (engine, clean):
        play(0, [0, 3, 30, 39, 40], one, {})
    play(1, before, engine, wrong)
    for minute in data.draw(st.permutations([*wrong, *data.draw(st.lists(st.sampled_from(bad), max_size=3))])):
        engine.step(bar(1, minute, data.draw(st.sampled_from([0.0, 30.0]))))
        saved = {name: array.copy() for name, array in engine.to_arrays().items()}
        engine = engine_of(RULES, CALENDAR)
        engine.load_arrays(saved)
    for minute in data.draw(st.permutations(bad)):
        engine.step(bar(1, minute))
    play(1, before, clean, {})
    assert_same(engine, clean)
    for one in (engine, clean):
        play(1, [minute for minute in traded if minute > newest], one, {})
        play(2, [-2, 0, 1, 2], one, {})
    assert_same(engine, clean)
    np.testing.assert_array_equal(engine.watch._days.previous, clean.watch._days.previous)


@pytest.mark.parametrize("missing", [4, 5])
def test_a_late_bar_and_the_one_after_it_know_the_level_of_the_market(missing: int) -> None:
    engine = engine_of(RULES, CALENDAR)
    for minute in range(7):
        other = bar(1, minute)
        other.symbol[0] = b"B"
        engine.step(other if minute == missing else concat([bar(1, minute), other]))
    engine.step(bar(1, missing))
    level = engine.watch.minutes.column("bar(5)", "market")
    known = engine.watch.market.level_at(OPENS[1] + np.array([3, 4]) * MINUTE_MS)
    assert known[0] != known[1]
    assert engine.watch.minutes.out[level, 0] == known[1]

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pytest

from daemon.assembly import Untaught
from daemon.engine import rules
from daemon.engine.alerts import digest
from daemon.engine.engine import Engine, Settings
from daemon.engine.plan import Plan
from daemon.engine.sessions import SessionTable
from daemon.scoring.scaling import Moments
from daemon.scoring.trees import LEAF, Forest
from daemon.scoring.view import level, untaught
from streams.bars import MINUTE_MS, SECOND_MS, concat, empty

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from daemon.engine.alerts import Alert
    from daemon.scoring.questions import Lesson
    from daemon.scoring.view import View
    from streams.bars import BarBatch

OPEN = 1_736_173_800_000  # 2025-01-06 09:30 in New York
DAY = 86_400_000

RULES = """
[[rule]]
name = "turn-up"
where = "close > sma(3) and close > close[1]"
cooldown = "5m"

[[rule]]
name = "likely"
on = ["crosses_above(close, ema(5))"]
where = "score > 0.2"

[[rule]]
name = "odd"
where = "became(unusual > 0.5) and unusual[1] < 0.5"
evaluate = "tick"

[[rule]]
name = "spurt"
where = "close > 1.01 * close[1]"
evaluate = "tick"
"""
FEATURES = ("(high - low) / atr(14)", "rsi(14) / 100")


MOMENTS = Moments(np.full(2, 9.0), np.array([1.0, 0.5]), np.array([1.0, 0.04]))
HIGH = Forest(
    *np.array([[1, LEAF, LEAF], [1, 1, 2], [2, 1, 2]], np.int32),
    *np.array([[0.5, 0.0, 0.0], [0.0, 0.9, 0.1], [0.0, 0.0, 0.0]]),
    np.zeros(1, np.int32),
    np.ones(1),
    shared=0,
)
"""Unusual is an RSI above 60."""


class Moody:
    """A teacher whose view depends on how many lessons it has heard, in order."""

    def __init__(self) -> None:
        self.heard: list[Lesson] = []

    def teach(self, lesson: Lesson) -> None:
        assert not self.heard or lesson.minute_ms > self.heard[-1].minute_ms
        self.heard.append(lesson)

    def view(self, minute_ms: int) -> View | None:
        known = [lesson for lesson in self.heard if lesson.minute_ms <= minute_ms]
        yes = sum(int(lesson.answer.sum()) for lesson in known)
        view = untaught(2)._replace(moments=MOMENTS, unusual=HIGH, minute_ms=minute_ms)
        return view._replace(additive=level(2, yes % 7 - 3.0)) if known else None


@pytest.fixture(scope="module")
def sessions() -> SessionTable:
    opens = np.array([OPEN + day * DAY for day in range(5)])
    return SessionTable(opens, opens + 390 * MINUTE_MS)


@pytest.fixture(scope="module")
def plan() -> Plan:
    features = rules.features(FEATURES)
    return Plan(rules.load(RULES, "test.toml"), features)


def engine_of(plan: Plan, sessions: SessionTable, **settings: int | bool) -> Engine:
    return Engine(plan, sessions, Moody(), Settings(**settings))  # type: ignore[arg-type]


def bar(symbol: str, start_ms: int, close: float, *, length_ms: int = MINUTE_MS, volume: float = 100.0) -> BarBatch:
    batch = empty(1)
    batch.symbol[0] = symbol.encode()
    batch.start_ms[0], batch.length_ms[0], batch.arrival_ms[0] = start_ms, length_ms, start_ms + length_ms
    batch.values[:6, 0] = [close, close + 0.1, close - 0.1, close, volume, np.nan]
    return batch


def wander(symbols: int, minutes: int, seed: int = 1) -> BarBatch:
    """Random walks with silent minutes, in order of time then symbol."""
    random = np.random.default_rng(seed)
    closes = 50 * np.exp(np.cumsum(random.normal(0, 0.003, (minutes, symbols)), axis=0))
    traded = random.random((minutes, symbols)) < 0.8
    return concat(
        [
            bar(f"S{s}", OPEN + m * MINUTE_MS, closes[m, s], volume=float(random.integers(1, 1000)))
            for m in range(minutes)
            for s in range(symbols)
            if traded[m, s]
        ]
    )


def run(engine: Engine, bars: BarBatch, size: int) -> list[Alert]:
    alerts = [alert for at in range(0, bars.size, size) for alert in engine.step(bars.take(slice(at, at + size)))]
    return alerts + engine.advance(2**60)


@pytest.mark.parametrize("size", [1, 7, 64])
def test_however_bars_are_grouped_the_alerts_are_the_same(plan: Plan, sessions: SessionTable, size: int) -> None:
    bars = wander(9, 120)
    whole = run(engine_of(plan, sessions), bars, bars.size)
    assert len(whole) > 50
    assert {alert.rule for alert in whole} == {"turn-up", "likely", "odd", "spurt"}
    assert digest(run(engine_of(plan, sessions), bars, size)) == digest(whole)


def seconds_and_minutes(symbols: int, minutes: int, seed: int) -> BarBatch:
    """Second bars as they come, and the minute bars some seconds into the next minute, one here and one there."""
    random = np.random.default_rng(seed)
    parts: list[tuple[float, BarBatch]] = []
    for s in range(symbols):
        price = 50.0
        for m in range(minutes):
            start_ms = OPEN + m * MINUTE_MS
            for second in np.flatnonzero(random.random(60) < 0.2).tolist():
                price *= float(np.exp(random.normal(0, 0.003)))
                came_ms = start_ms + (second + 2) * SECOND_MS
                parts.append((came_ms, bar(f"S{s}", start_ms + second * SECOND_MS, price, length_ms=SECOND_MS)))
            if random.random() < 0.9:
                came_ms = start_ms + MINUTE_MS + int(random.integers(1_000, 9_000))
                parts.append((came_ms, bar(f"S{s}", start_ms, price)))
    parts.sort(key=lambda part: part[0])
    return concat([batch._replace(arrival_ms=np.array([int(came_ms)])) for came_ms, batch in parts])


@pytest.mark.parametrize("size", [1, 5, 70, 2000])
@pytest.mark.parametrize("seed", [1, 2])
def test_rules_on_forming_bars_do_not_depend_on_what_waited_together(
    plan: Plan, sessions: SessionTable, size: int, seed: int
) -> None:
    bars = seconds_and_minutes(8, 25, seed)
    whole, divided = engine_of(plan, sessions), engine_of(plan, sessions)
    alerts = run(whole, bars, bars.size)
    assert sum(alert.rule == "spurt" for alert in alerts) > 20
    assert digest(run(divided, bars, size)) == digest(alerts)
    assert divided.counts == whole.counts


@pytest.mark.parametrize("cut", [1, 100, 101, 500, 700])
def test_a_stop_and_start_between_any_two_bars_changes_nothing(plan: Plan, sessions: SessionTable, cut: int) -> None:
    bars = wander(9, 120)
    whole = run(engine_of(plan, sessions), bars, bars.size)
    first = engine_of(plan, sessions)
    before = first.step(bars.take(slice(0, cut)))
    second = Engine(plan, sessions, first.learning._teacher, Settings())
    second.load_arrays({name: array.copy() for name, array in first.to_arrays().items()})
    after = run(second, bars.take(slice(cut, None)), 50)
    assert digest(before + after) == digest(whole)
    assert second.counts.bars == bars.size


def test_on_real_bars_a_stop_and_start_changes_nothing(
    plan: Plan, sessions: SessionTable, data_file: Callable[[str], Path]
) -> None:
    bars = real_hour(data_file("minute_2025_01.parquet"))
    whole = run(engine_of(plan, sessions), bars, bars.size)
    first = engine_of(plan, sessions)
    before = first.step(bars.take(slice(0, bars.size // 2)))
    second = Engine(plan, sessions, first.learning._teacher, Settings())
    second.load_arrays({name: array.copy() for name, array in first.to_arrays().items()})
    assert digest(before + run(second, bars.take(slice(bars.size // 2, None)), 1000)) == digest(whole)
    assert whole


def real_hour(path: Path) -> BarBatch:
    query = "SELECT * FROM read_parquet(?) WHERE ts BETWEEN ? AND ? ORDER BY ts, symbol"
    columns = duckdb.execute(query, [str(path), OPEN, OPEN + 90 * MINUTE_MS - 1]).fetchnumpy()
    bars = empty(len(columns["ts"]))
    bars.symbol[:] = columns["symbol"].astype("S16")
    bars.start_ms[:], bars.length_ms[:] = columns["ts"], MINUTE_MS
    bars.arrival_ms[:] = bars.start_ms + MINUTE_MS
    for row, name in enumerate(("open", "high", "low", "close", "volume")):
        bars.values[row] = columns[name]
    return bars


def test_nothing_issued_until_a_minute_depends_on_what_comes_after_it(plan: Plan, sessions: SessionTable) -> None:
    bars = wander(9, 120)
    cut_ms = OPEN + 80 * MINUTE_MS
    past, future = bars.take(bars.start_ms < cut_ms), bars.take(bars.start_ms >= cut_ms)
    future.values[:4] *= 3.0
    told = [alert for alert in run(engine_of(plan, sessions), bars, 50) if alert.bar_start_ms < cut_ms]
    otherwise = run(engine_of(plan, sessions), concat([past, future]), 50)
    assert digest(told) == digest(alert for alert in otherwise if alert.bar_start_ms < cut_ms)
    assert digest(told) == digest(run(engine_of(plan, sessions), past, 50))


def test_a_condition_that_stays_true_gives_one_alert(plan: Plan, sessions: SessionTable) -> None:
    bars = concat([bar("UP", OPEN + m * MINUTE_MS, 50 + m) for m in range(30)])
    told = [alert for alert in run(engine_of(plan, sessions), bars, 5) if alert.rule == "turn-up"]
    assert [alert.bar_start_ms for alert in told] == [OPEN + 2 * MINUTE_MS]
    assert told[0].values == {"close": 52.0, "sma(3)": 51.0, "close[1]": 51.0}


def test_second_bars_stand_in_for_a_minute_bar_that_does_not_come(plan: Plan, sessions: SessionTable) -> None:
    engine = engine_of(plan, sessions)
    for second, close in enumerate((50.0, 52.0, 51.0)):
        engine.step(bar("A", OPEN + second * SECOND_MS, close, length_ms=SECOND_MS))
    engine.advance(OPEN + MINUTE_MS + 5000)
    assert engine.counts.stood_in == 1
    minutes, row = engine.watch.minutes, np.array([0])
    assert minutes.count[0] == 1
    built = [minutes.bar(name, row)[0] for name in ("open", "high", "low", "close", "volume")]
    assert built == [50.0, 52.1, 49.9, 51.0, 300.0]


def test_a_minute_bar_settles_the_minute_whatever_seconds_built(plan: Plan, sessions: SessionTable) -> None:
    engine = engine_of(plan, sessions)
    engine.step(bar("A", OPEN, 50.0, length_ms=SECOND_MS))
    engine.step(bar("A", OPEN, 60.0))
    engine.advance(OPEN + MINUTE_MS + 5000)
    assert engine.counts.stood_in == 0
    assert engine.watch.minutes.bar("close", np.array([0]))[0] == 60.0
    assert engine.disagreed.tolist() == [1, 1, 1, 1, 0, 0]


def test_a_tick_rule_fires_on_the_forming_bar_and_once_a_bar(plan: Plan, sessions: SessionTable) -> None:
    engine = engine_of(plan, sessions)
    alerts = engine.step(concat([bar("A", OPEN + m * MINUTE_MS, 50.0) for m in range(3)]))
    forming = OPEN + 3 * MINUTE_MS
    for second, close in enumerate((50.1, 51.0, 50.0, 51.0)):
        alerts += engine.step(bar("A", forming + (10 + second) * SECOND_MS, close, length_ms=SECOND_MS))
    alerts += engine.step(bar("A", forming, 51.0))
    spurts = [alert for alert in alerts if alert.rule == "spurt"]
    assert [(alert.bar_start_ms, alert.price) for alert in spurts] == [(forming, 51.0)]


def test_a_forming_minute_is_not_looked_at_while_the_one_before_is_open(plan: Plan, sessions: SessionTable) -> None:
    engine = engine_of(plan, sessions)
    engine.step(bar("A", OPEN, 50.0))
    engine.step(bar("A", OPEN + MINUTE_MS + 59 * SECOND_MS, 50.0, length_ms=SECOND_MS))
    early = bar("A", OPEN + 2 * MINUTE_MS, 60.0, length_ms=SECOND_MS)
    assert engine.step(early) == []
    engine.step(bar("A", OPEN + MINUTE_MS, 50.0))
    late = engine.step(bar("A", OPEN + 2 * MINUTE_MS + SECOND_MS, 60.0, length_ms=SECOND_MS))
    assert [alert.rule for alert in late] == ["spurt"]


def test_bars_that_are_left_out_are_counted_with_their_reason(plan: Plan, sessions: SessionTable) -> None:
    engine = engine_of(plan, sessions, max_symbols=2)
    first, second = bar("A", OPEN, 50.0), bar("A", OPEN + MINUTE_MS, 51.0)
    engine.step(concat([first, second, second, bar("A", OPEN + MINUTE_MS, 52.0), first]))
    engine.step(concat([bar("B", OPEN, 1.0), bar("C", OPEN, 1.0)]))
    counts = engine.counts
    assert (counts.bars, counts.repeated, counts.revised, counts.outdated, counts.excess) == (3, 2, 1, 0, 1)
    engine.step(bar("A", OPEN + MINUTE_MS, 53.0))
    engine.step(bar("A", OPEN - 30 * MINUTE_MS, 53.0))
    assert (counts.bars, counts.revised, counts.outdated) == (3, 2, 1)


def test_a_bar_after_its_minute_has_closed_is_taken_and_its_alert_is_marked_late(
    plan: Plan, sessions: SessionTable
) -> None:
    engine = engine_of(plan, sessions)
    engine.step(concat([bar("A", OPEN + m * MINUTE_MS, 50.0) for m in range(3)]))
    engine.advance(OPEN + 4 * MINUTE_MS + 10_000)
    (alert,) = [alert for alert in engine.step(bar("A", OPEN + 3 * MINUTE_MS, 51.0)) if alert.rule == "turn-up"]
    assert alert.late
    assert engine.counts.late == 1


def test_off_hours_are_watched_only_if_wanted(plan: Plan, sessions: SessionTable) -> None:
    engine = engine_of(plan, sessions, extended_hours=False)
    engine.step(concat([bar("A", OPEN - MINUTE_MS, 50.0), bar("A", OPEN, 50.0)]))
    assert (engine.counts.bars, engine.counts.off_hours) == (1, 1)


def test_a_rule_can_ask_how_unusual_a_bar_is(plan: Plan, sessions: SessionTable) -> None:
    alerts = [alert for alert in run(engine_of(plan, sessions), wander(9, 120), 50) if alert.rule == "odd"]
    assert len(alerts) > 10
    assert all(alert.values["unusual"] == pytest.approx(0.9) for alert in alerts)
    assert all(alert.values["unusual[1]"] == pytest.approx(0.1) for alert in alerts)


def test_a_view_comes_into_use_two_minutes_after_its_answers(plan: Plan, sessions: SessionTable) -> None:
    engine = engine_of(plan, sessions)
    bars = wander(9, 60)
    seen = []
    for m in range(60):
        engine.step(bars.take(bars.start_ms == OPEN + m * MINUTE_MS))
        seen.append(engine.view)
    first = next(m for m, view in enumerate(seen) if view is not None)
    lesson = engine.learning._teacher.heard[0]
    assert seen[first] is not None
    assert OPEN + first * MINUTE_MS == lesson.minute_ms + 3 * MINUTE_MS  # bars of m + 3 close minute m + 2


def test_questions_are_asked_only_where_their_answer_falls_into_regular_hours(
    plan: Plan, sessions: SessionTable
) -> None:
    engine = engine_of(plan, sessions)
    run(engine, concat([bar("A", OPEN + m * MINUTE_MS, 50 + (m % 3)) for m in range(-30, 420)]), 1000)
    asked = [lesson.asked_ms for lesson in engine.learning._teacher.heard]
    assert asked[0] == OPEN
    assert asked[-1] == OPEN + (390 - 16) * MINUTE_MS
    assert all(late - early == MINUTE_MS for early, late in pairwise(asked))


def test_a_reload_keeps_what_both_rule_files_name(plan: Plan, sessions: SessionTable) -> None:
    bars = concat([bar("UP", OPEN + m * MINUTE_MS, 50 + m) for m in range(30)])
    engine = engine_of(plan, sessions)
    engine.step(bars.take(slice(0, 15)))
    changed = rules.load(RULES.replace("close > 1.01", "close > 1.50"), "test.toml")
    engine.reload(Plan(changed, plan.features))
    assert [alert for alert in engine.step(bars.take(slice(15, None))) if alert.rule == "turn-up"] == []


def test_a_market_minute_without_a_bar_leaves_no_question_answered(plan: Plan, sessions: SessionTable) -> None:
    engine = engine_of(plan, sessions)
    engine.step(concat([bar("A", OPEN + m * MINUTE_MS, 50 + (m % 3)) for m in range(20)]))
    known = len(engine.learning._teacher.heard)
    engine.advance(OPEN + 90 * MINUTE_MS)
    assert len(engine.learning._teacher.heard) == known


@pytest.mark.parametrize("seed", range(4))
def test_bars_that_come_again_leave_all_as_if_they_had_been_right_the_first_time(
    plan: Plan, sessions: SessionTable, seed: int
) -> None:
    """Wrong ones, missing ones, out of order, several times; what was said meanwhile stands."""
    right, random = wander(5, 60, seed), np.random.default_rng(seed)
    recent = np.flatnonzero(right.start_ms > right.start_ms[-1] - 14 * MINUTE_MS)
    bad = random.choice(recent, 12, replace=False)
    wrong = right.values.copy()
    wrong[:4, bad] *= 1.1
    held_back = np.zeros(right.size, np.bool_)
    held_back[bad[:4]] = True
    clean, mended = engine_of(plan, sessions), engine_of(plan, sessions)
    mended.learning._teacher = clean.learning._teacher = Untaught()
    clean.step(right)
    mended.step(right._replace(values=wrong).take(~held_back))
    for at in random.permutation(np.concatenate([bad, bad])).tolist():
        mended.step(right.take(slice(at, at + 1)))
    rows = mended.symbols.rows(clean.symbols.symbols)
    np.testing.assert_array_equal(mended.watch.minutes.out[:, rows], clean.watch.minutes.out[:, : len(rows)])
    np.testing.assert_array_equal(mended.learning.features[rows], clean.learning.features[: len(rows)])
    later = [bar(f"S{s}", OPEN + 60 * MINUTE_MS, 70.0) for s in range(5)]
    for engine in (clean, mended):
        engine.step(concat(later))
    np.testing.assert_array_equal(mended.learning.features[rows], clean.learning.features[: len(rows)])
    assert mended.counts.outdated == 0


def test_of_two_versions_of_a_bar_the_last_counts_however_they_come(plan: Plan, sessions: SessionTable) -> None:
    together, apart = engine_of(plan, sessions), engine_of(plan, sessions)
    first, second = bar("A", OPEN, 50.0), bar("A", OPEN, 40.0)
    together.step(concat([first, second]))
    apart.step(first)
    apart.step(second)
    for engine in (together, apart):
        assert engine.watch.minutes.bar("close", np.array([0]))[0] == 40.0
        assert engine.counts.revised == 1

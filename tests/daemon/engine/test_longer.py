"""Longer timeframes and days in rules: what the engine makes of them, against what the bars say."""

from __future__ import annotations

import numpy as np
import pytest

from daemon.assembly import Untaught
from daemon.engine import rules
from daemon.engine.alerts import digest
from daemon.engine.days import DailyTable
from daemon.engine.engine import Engine, Settings
from daemon.engine.plan import Plan
from daemon.engine.sessions import SessionTable
from streams.bars import MINUTE_MS, concat
from tests.daemon.engine.test_engine import DAY, OPEN, bar, run, wander

RULES = """
[[rule]]
name = "five"
where = 'close > sma(2, "5m") and close > sma(2)'
cooldown = "5m"

[[rule]]
name = "crossing"
on = ['crosses_above(sma(1, "5m"), 50)']
where = "close > 0"

[[rule]]
name = "gap"
where = 'gap() > 3 and sma(2, "1d") > 0'
"""


@pytest.fixture(scope="module")
def sessions() -> SessionTable:
    opens = np.array([OPEN + day * DAY for day in range(5)])
    return SessionTable(opens, opens + 390 * MINUTE_MS)


def daily(**closes: list[float]) -> DailyTable:
    """Closes of the days before the first session, the newest last."""
    rows = [(s, OPEN // DAY - len(c) + n, x) for s, c in sorted(closes.items()) for n, x in enumerate(c)]
    values = np.full((5, len(rows)), np.nan)
    values[3] = [x for *_, x in rows]
    return DailyTable(np.array([s for s, *_ in rows], "S16"), np.array([d for _, d, _ in rows], np.int64), values)


def engine_of(text: str, sessions: SessionTable, table: DailyTable | None = None) -> Engine:
    settings = Settings() if table is None else Settings(daily=table)
    return Engine(Plan(rules.load(text, "test.toml")), sessions, Untaught(), settings)


def minutes(*closes: float, symbol: str = "A", first: int = 0) -> list[object]:
    return [bar(symbol, OPEN + (first + m) * MINUTE_MS, close) for m, close in enumerate(closes)]


@pytest.mark.parametrize("size", [1, 13, 400])
def test_however_bars_are_grouped_longer_timeframes_say_the_same(sessions: SessionTable, size: int) -> None:
    bars = wander(9, 120)
    whole = run(engine_of(RULES, sessions), bars, bars.size)
    assert {alert.rule for alert in whole} == {"five", "crossing"}
    assert digest(run(engine_of(RULES, sessions), bars, size)) == digest(whole)


def test_a_longer_value_is_that_of_the_last_bar_which_closed_with_the_market(sessions: SessionTable) -> None:
    engine = engine_of("[[rule]]\nname = 'r'\nwhere = 'sma(1, \"5m\") == 14'", sessions)
    said = [len(engine.step(one)) for one in minutes(10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21)]
    assert said == [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]


def test_a_stop_and_start_keeps_longer_bars_and_days(sessions: SessionTable) -> None:
    bars, table = wander(9, 120), daily(S1=[40.0, 45.0], S2=[70.0])
    whole = run(engine_of(RULES, sessions, table), bars, bars.size)
    first = engine_of(RULES, sessions, table)
    before = first.step(bars.take(slice(0, 333)))
    second = engine_of(RULES, sessions, table)
    second.load_arrays({name: array.copy() for name, array in first.to_arrays().items()})
    assert digest(before + run(second, bars.take(slice(333, None)), 50)) == digest(whole)


def test_a_gap_is_measured_from_the_official_close_and_days_come_from_the_file(sessions: SessionTable) -> None:
    engine = engine_of(RULES, sessions, daily(A=[40.0, 50.0], B=[52.9]))
    alerts = engine.step(concat([*minutes(52.0), *minutes(53.0, symbol="B"), *minutes(99.0, symbol="C")]))
    assert [(alert.rule, alert.symbol, alert.values['sma(2, "1d")']) for alert in alerts] == [("gap", "A", 45.0)]


def test_yesterdays_own_minutes_stand_in_where_no_file_knows_the_day(sessions: SessionTable) -> None:
    engine = engine_of(RULES, sessions, daily(A=[50.0]))
    engine.step(concat(minutes(50.0, 51.0)))
    engine.step(bar("A", OPEN + 390 * MINUTE_MS, 60.0))
    alerts = engine.step(bar("A", OPEN + DAY, 63.0))
    assert [(alert.rule, alert.values['sma(2, "1d")']) for alert in alerts if alert.rule == "gap"] == [("gap", 55.0)]


def test_a_corrected_minute_corrects_the_longer_bar(sessions: SessionTable) -> None:
    engine, clean = engine_of(RULES, sessions), engine_of(RULES, sessions)
    engine.step(concat(minutes(10, 11, 12, 13, 99, 15)))
    engine.step(concat(minutes(14, first=4)))
    clean.step(concat(minutes(10, 11, 12, 13, 14, 15)))
    frozen = [one.watch.evaluator.to_arrays() for one in (engine, clean)]
    for name, array in frozen[1].items():
        np.testing.assert_array_equal(frozen[0][name], array, err_msg=name)


def test_coverage_counts_what_each_timeframe_has_seen(sessions: SessionTable) -> None:
    text = "[[rule]]\nname = 'r'\nwhere = 'close > 0 or sma(2, \"5m\") > 0'\ncooldown = '1m'\ncoverage = 'any'"
    engine = engine_of(text, sessions)
    first = engine.step(concat(minutes(*[10.0] * 8)))
    assert [alert.coverage for alert in first] == ["warming"]
    engine.reload(Plan(rules.load(text.replace("sma(2", "sma(1"), "test.toml")))
    assert engine.watch.coverage.of(engine.plan.needs[0], 0) == "warming"
    engine.step(concat(minutes(*[10.0] * 6, first=8)))
    assert engine.watch.coverage.of(engine.plan.needs[0], 0) == "covered"

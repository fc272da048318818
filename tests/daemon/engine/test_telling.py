from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from daemon.engine import rules
from daemon.engine.alerts import digest
from daemon.engine.engine import Engine, Settings
from daemon.engine.plan import Plan
from daemon.engine.sectors import Sectors
from daemon.engine.sessions import SessionTable
from daemon.scoring.view import level, untaught
from streams.bars import MINUTE_MS, concat
from tests.daemon.engine.test_engine import DAY, OPEN, Moody, bar, run, wander

if TYPE_CHECKING:
    from daemon.engine.alerts import Alert
    from streams.bars import BarBatch

SECTORS = Sectors({"S0": "Energy", "S1": "Energy", "S2": "Energy", "S3": "Utilities", "S4": "Utilities"})

RULES = """
[limits]
per_symbol = "6/day"

[lists]
few = ["S1", "S3", "S5"]

[[rule]]
name = "held"
where = "close > sma(3)"
hold = "90s"
until = "close < 0.998 * sma(3)"

[[rule]]
name = "best"
where = "close > close[1]"
budget = "5/day"
by = "roc(3)"

[[rule]]
name = "steps"
where = "within('4m', falling(close, 2), became(close > sma(3))) and symbol in few"

[[rule]]
name = "together"
where = "became(close > sma(3)) and pct_rank(close) > 0.1"
group = "sector"
by = "volume"
cooldown = "3m"

[[rule]]
name = "likely"
where = "score > 0.2 and coverage == 'covered'"
cooldown = "10m"
"""
FEATURES = ("(high - low) / atr(14)", "rsi(14) / 100")


@pytest.fixture(scope="module")
def sessions() -> SessionTable:
    opens = np.array([OPEN + day * DAY for day in range(5)])
    return SessionTable(opens, opens + 390 * MINUTE_MS)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return planned(RULES)


def planned(text: str) -> Plan:
    return Plan(rules.load(text, "test.toml"), rules.features(FEATURES))


def engine_of(plan: Plan, sessions: SessionTable) -> Engine:
    return Engine(plan, sessions, Moody(), Settings(sectors=SECTORS))


@pytest.fixture(scope="module")
def bars() -> BarBatch:
    """Two days of seven symbols."""
    days = [wander(7, 90, seed) for seed in (1, 2)]
    return concat([days[0], days[1]._replace(start_ms=days[1].start_ms + DAY, arrival_ms=days[1].arrival_ms + DAY)])


def ids(alerts: list[Alert]) -> list[str]:
    return [alert.id for alert in alerts]


def test_every_kind_of_rule_tells_and_none_tells_twice(plan: Plan, sessions: SessionTable, bars: BarBatch) -> None:
    alerts = run(engine_of(plan, sessions), bars, 16)
    assert {alert.rule for alert in alerts} == {"held", "best", "steps", "together", "likely"}
    assert len(set(ids(alerts))) == len(alerts)


@pytest.mark.parametrize("size", [1, 64])
def test_however_bars_come_together_the_same_is_told(
    plan: Plan, sessions: SessionTable, bars: BarBatch, size: int
) -> None:
    assert digest(run(engine_of(plan, sessions), bars, size)) == digest(run(engine_of(plan, sessions), bars, 5))


@pytest.mark.parametrize("cut", [3, 200, 431, 700, 900])
def test_a_stop_and_start_between_any_two_bars_changes_nothing(
    plan: Plan, sessions: SessionTable, bars: BarBatch, cut: int
) -> None:
    whole = run(engine_of(plan, sessions), bars, 8)
    first = engine_of(plan, sessions)
    alerts = first.step(bars.take(slice(0, cut)))
    second = engine_of(plan, sessions)
    second.learning._teacher.heard = first.learning._teacher.heard  # type: ignore[attr-defined]
    second.load_arrays({name: array.copy() for name, array in first.to_arrays().items()})
    alerts += second.step(bars.take(slice(cut, None))) + second.advance(2**60)
    assert digest(alerts) == digest(whole)


@pytest.mark.parametrize("saved", range(40, 1000, 137))
def test_a_kill_and_a_start_from_an_older_state_tells_every_alert_once(
    plan: Plan, sessions: SessionTable, bars: BarBatch, saved: int
) -> None:
    killed = saved + saved % 90
    whole = run(engine_of(plan, sessions), bars, 8)
    first = engine_of(plan, sessions)
    told = first.step(bars.take(slice(0, saved)))
    arrays = {name: array.copy() for name, array in first.to_arrays().items()}
    heard = list(first.learning._teacher.heard)  # type: ignore[attr-defined]
    since = first.step(bars.take(slice(saved, killed)))
    second = engine_of(plan, sessions)
    second.load_arrays(arrays)
    assert second.remember(since) == len(since)
    third = engine_of(plan, sessions)
    third.learning._teacher.heard = heard  # type: ignore[attr-defined]
    third.load_arrays({name: array.copy() for name, array in second.to_arrays().items()})
    again = run(third, bars.take(slice(saved, None)), 8)
    assert sorted(ids(told + since + again)) == sorted(ids(whole))


def test_what_was_told_before_a_gap_stays_told(sessions: SessionTable) -> None:
    plan = planned("[[rule]]\nname = 'up'\nwhere = 'close > 10'\nbudget = '1/day'\nby = 'close'\ncooldown = '1d'")
    first = engine_of(plan, sessions)
    (alert,) = first.step(bar("S1", OPEN, 12.0))
    second = engine_of(plan, sessions)
    assert [second.remember([alert]) for _ in range(2)] == [1, 0]
    later = concat([bar("S1", OPEN + n * MINUTE_MS, 12.0 - 4 * (n == 3)) for n in range(2, 6)])
    assert run(second, later, 1) == []
    assert second.watch.telling.budgets.standing(0)["spent"] == 1
    assert second.remember([alert]) == 0


def test_symbols_of_a_sector_that_come_together_are_one_alert(sessions: SessionTable) -> None:
    plan = planned("[[rule]]\nname = 'up'\nwhere = 'close > 10'\ngroup = 'sector'\nby = 'volume'")
    at = [("S0", 5.0), ("S2", 9.0), ("S1", 7.0), ("S3", 1.0), ("S8", 1.0), ("S9", 1.0)]
    together = concat([bar(symbol, OPEN, 12.0, volume=volume) for symbol, volume in at])
    alerts = run(engine_of(plan, sessions), together, 6)
    said = {alert.symbol: [member.symbol for member in alert.members] for alert in alerts}
    assert said == {"S2": ["S1", "S0"], "S3": [], "S8": [], "S9": []}
    assert {alert.sector for alert in alerts} == {"Energy", "Utilities", ""}
    assert alerts[0].times.received_ms == OPEN + MINUTE_MS + 5_000


def test_a_symbol_has_so_many_alerts_a_day_and_no_more(sessions: SessionTable) -> None:
    plan = planned("[limits]\nper_symbol = '2/day'\n[[rule]]\nname = 'up'\nwhere = 'close > close[1]'")
    days = [
        bar(symbol, OPEN + day * DAY + n * MINUTE_MS, 10.0 + n % 2)
        for day in range(2)
        for n in range(12)
        for symbol in ("S1", "S2")
    ]
    engine = engine_of(plan, sessions)
    alerts = run(engine, concat(days), 3)
    assert [alert.symbol for alert in alerts] == ["S1", "S2"] * 4
    assert engine.watch.telling.counts["up", "per_symbol"] == 2 * 2 * 4
    held = engine.watch.telling.held[0]
    assert (held.rule, held.symbol, held.reason) == ("up", "S1", "per_symbol")


def test_what_is_held_back_is_counted_and_listed(plan: Plan, sessions: SessionTable, bars: BarBatch) -> None:
    engine = engine_of(plan, sessions)
    alerts = run(engine, bars, 8)
    best = engine.watch.telling.standing(1)
    told = sum(alert.rule == "best" for alert in alerts)
    assert 5 <= told <= 20
    assert best["held_budget"] == engine.watch.telling.counts["best", "budget"] > told
    assert any(held.rule == "best" and held.reason == "budget" for held in engine.watch.telling.held)
    assert engine.watch.telling.standing(3)["held_cooldown"] > 0


def test_the_shares_of_the_features_add_up_to_the_logit_of_the_score(sessions: SessionTable) -> None:
    plan = planned("[[rule]]\nname = 'up'\nwhere = 'close > close[1]'\n[[rule]]\nname = 'a'\nwhere='rank(close) < 9'")
    engine = engine_of(plan, sessions)
    view = untaught(2)
    moments = view.moments._replace(mean=np.array([1.0, 0.5]), variance=np.array([4.0, 0.01]))
    additive = level(2, -0.4)._replace(slopes=np.array([0.7, -1.3]))
    engine.view = view._replace(additive=additive, moments=moments, minute_ms=2**60)
    alerts = engine.step(wander(3, 40))
    assert {alert.rule for alert in alerts} == {"up", "a"}
    for alert in alerts:
        assert alert.score is not None
        assert list(alert.contributions) == ["intercept", *map(str, FEATURES)]
        logit = math.log(alert.score / (1.0 - alert.score))
        assert math.isclose(sum(alert.contributions.values()), logit, abs_tol=1e-9)


def test_an_alert_on_a_forming_bar_says_so(sessions: SessionTable) -> None:
    plan = planned("[[rule]]\nname = 'up'\nwhere = 'close > close[1]'\nevaluate = 'tick'\nhold = '2s'")
    engine = engine_of(plan, sessions)
    engine.step(bar("S1", OPEN, 10.0))
    engine.advance(OPEN + 2 * MINUTE_MS - 1)
    seconds = [bar("S1", OPEN + MINUTE_MS + n * 1_000, 11.0, length_ms=1_000) for n in range(6, 10)]
    told = [alert for second in seconds for alert in engine.step(second)]
    assert [(alert.forming, alert.price, alert.bar_start_ms) for alert in told] == [(True, 11.0, OPEN + MINUTE_MS)]

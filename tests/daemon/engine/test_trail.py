"""Bars that were first wrong, or came late: after it episodes and alerts are those of a run that saw them right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from daemon.assembly import Untaught
from daemon.engine import rules
from daemon.engine.engine import Engine, Settings
from daemon.engine.errors import StateError
from daemon.engine.plan import Plan
from daemon.engine.sessions import SessionTable
from streams.bars import MINUTE_MS, concat
from tests.daemon.engine.test_engine import OPEN, bar, wander

if TYPE_CHECKING:
    from daemon.engine.alerts import Alert
    from streams.bars import BarBatch

RULES = """
[[rule]]
name = "turn-up"
where = "close > sma(3) and close > close[1]"

[[rule]]
name = "calm"
where = "close > sma(3) and close > close[1]"
cooldown = "7m"

[[rule]]
name = "run"
where = "close > 1.002 * close[2]"
hold = "2m"

[[rule]]
name = "until"
on = ["crosses_above(close, ema(5))"]
until = ["close < ema(8)"]

[[rule]]
name = "tick"
where = "close > 1.004 * close[1]"
evaluate = "tick"
"""
MINUTES = 120
PLAIN = ("turn-up", "calm", "run", "until")


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan(rules.load(RULES, "test.toml"))


def engine_of(plan: Plan) -> Engine:
    sessions = SessionTable(np.array([OPEN]), np.array([OPEN + 390 * MINUTE_MS]))
    return Engine(plan, sessions, Untaught(), Settings())


def untidy(bars: BarBatch, seed: int) -> BarBatch:
    """The same bars as a feed sends them that gets a tenth wrong at first, and a tenth late, by up to 13 minutes."""
    random = np.random.default_rng(seed)
    parts = []
    for k in range(bars.size):
        one, lot = bars.take(np.array([k])), random.random()
        later_ms = int(random.integers(1, 14)) * MINUTE_MS
        came_ms = int(one.start_ms[0]) + MINUTE_MS
        if lot < 0.1:
            wrong = one._replace(values=one.values.copy())
            wrong.values[:4] *= random.uniform(0.99, 1.01)
            parts += [(came_ms, wrong), (came_ms + later_ms, one._replace(arrival_ms=one.arrival_ms + later_ms))]
        elif lot < 0.2:
            parts.append((came_ms + later_ms, one._replace(arrival_ms=one.arrival_ms + later_ms)))
        else:
            parts.append((came_ms, one))
    return concat([part for _, part in sorted(parts, key=lambda part: part[0])])


def run(engine: Engine, bars: BarBatch) -> tuple[list[Alert], list[tuple[str, str]]]:
    """Alerts, and what was said of them later: id, and whether they hold."""
    alerts: list[Alert] = []
    revised: list[tuple[str, str]] = []
    engine.symbols.rows(np.unique(bars.symbol))  # the same rows, whichever bar comes first
    came = bars.arrival_ms
    for at in np.unique(came):
        alerts += engine.step(bars.take(came == at))
        revised += [(one.fields["id"], one.fields["holds"]) for one in engine.notices if one.kind == "alert.revised"]
        engine.notices.clear()
    return alerts + engine.advance(2**60), revised


def standing(engine: Engine) -> dict[str, bytes]:
    """What decides about alerts to come; where an episode began matters while it goes on only."""
    names = ("telling/episodes/", "evaluator/", "timeframes/1/out/")
    arrays = engine.to_arrays()
    kept = {name: array for name, array in arrays.items() if name.startswith(names) and "tick@" not in name}
    for name in [name for name in kept if name.endswith(("/start_ms", "/since_ms"))]:
        state = arrays[f"{name.rpartition('/')[0]}/state"]
        kept[name] = np.where(state == 0, 0, kept[name])
    return {name: array.tobytes() for name, array in kept.items()}


@pytest.mark.parametrize("seed", range(6))
def test_after_corrections_alerts_are_those_of_a_run_that_saw_the_bars_right(plan: Plan, seed: int) -> None:
    bars = wander(7, MINUTES, seed=seed)
    clean, mended = engine_of(plan), engine_of(plan)
    expected, nothing = run(clean, bars)
    found, revised = run(mended, untidy(bars, seed))
    assert nothing == []
    ours = [alert.id for alert in found if alert.rule in PLAIN]
    theirs = {alert.id for alert in expected if alert.rule in PLAIN}
    assert len(ours) == len(set(ours))
    withdrawn = {one for one, holds in dict(revised).items() if holds == "false"}
    assert len(withdrawn) > 10
    assert set(ours) - withdrawn == theirs
    assert sum(alert.late for alert in found if alert.id in theirs) > 10
    assert standing(mended) == standing(clean)


def test_what_was_told_of_a_wrong_bar_is_revised_and_told_again_when_it_was_right_after_all(plan: Plan) -> None:
    engine = engine_of(plan)
    for minute, close in enumerate([50.0, 49.0, 48.0, 47.0]):
        engine.step(bar("A", OPEN + minute * MINUTE_MS, close))
    (first,) = [alert for alert in engine.step(bar("A", OPEN + 4 * MINUTE_MS, 50.0)) if alert.rule == "turn-up"]
    assert engine.step(bar("A", OPEN + 4 * MINUTE_MS, 46.0)) == []
    told = [notice for notice in engine.notices if notice.kind == "alert.revised"]
    assert first.id in {notice.fields["id"] for notice in told}
    assert {notice.fields["symbol"] for notice in told} == {"A"}
    engine.notices.clear()
    assert first.id not in {alert.id for alert in engine.step(bar("A", OPEN + 4 * MINUTE_MS, 51.0))}
    assert (first.id, "true") in {(one.fields["id"], one.fields["holds"]) for one in engine.notices}


def test_the_way_back_survives_a_restart(plan: Plan) -> None:
    bars = untidy(wander(7, MINUTES, seed=3), 3)
    whole, first, second = (engine_of(plan) for _ in range(3))
    half = bars.arrival_ms < OPEN + 60 * MINUTE_MS
    expected, revised = run(whole, bars)
    first.symbols.rows(np.unique(bars.symbol))
    for at in np.unique(bars.arrival_ms[half]):
        first.step(bars.take(bars.arrival_ms == at))
    second.load_arrays({name: array.copy() for name, array in first.to_arrays().items()})
    found, again = run(second, bars.take(~half))
    assert [alert.id for alert in found] == [one.id for one in expected if one.id in {alert.id for alert in found}]
    assert again == revised[-len(again) :]
    assert len(again) > 3
    assert standing(second) == standing(whole)


@pytest.mark.parametrize("name", ["first", "starts", "anchors"])
def test_a_way_back_that_does_not_fit_is_refused(plan: Plan, name: str) -> None:
    engine = engine_of(plan)
    run(engine, wander(3, 30))
    arrays = {key: array.copy() for key, array in engine.to_arrays().items()}
    with pytest.raises(StateError):
        engine_of(plan).load_arrays({**arrays, f"telling/trail/{name}": arrays[f"telling/trail/{name}"][..., 1:]})
    with pytest.raises(StateError):
        engine_of(plan).load_arrays({**arrays, "telling/trail/first": arrays["telling/trail/first"] + 30})

"""Rules are looked at where what they name can be trusted, or where they say so."""

from __future__ import annotations

import numpy as np
import pytest

from daemon.assembly import Untaught
from daemon.engine import rules
from daemon.engine.coverage import STATES
from daemon.engine.engine import Engine, Settings
from daemon.engine.errors import RuleErrors
from daemon.engine.plan import Plan
from daemon.engine.sessions import SessionTable
from streams.bars import MINUTE_MS, SECOND_MS, empty
from tests.daemon.engine.test_engine import OPEN, bar

A = np.array([b"A"], "S16")
EACH = """
[[rule]]
name = "plain"
where = "close > close[1] or sma(5) > 1000"

[[rule]]
name = "any"
where = "close > close[1] or sma(5) > 1000"
coverage = "any"

[[rule]]
name = "named"
where = "close > close[1] and coverage == 'STATE' and sma(5) > 0"
"""


def engine_of(state: str) -> Engine:
    sessions = SessionTable(np.array([OPEN]), np.array([OPEN + 390 * MINUTE_MS]))
    plan = Plan(rules.load(EACH.replace("STATE", state), "test.toml"))
    return Engine(plan, sessions, Untaught(), Settings())


def told(engine: Engine, first: int, count: int) -> dict[int, set[str]]:
    """Rules that were told, by minute; prices rise in every other one."""
    found: dict[int, set[str]] = {}
    for minute in range(first, first + count):
        for alert in engine.step(bar("A", OPEN + minute * MINUTE_MS, 50.0 + minute % 2)):
            found.setdefault(minute, set()).add(alert.rule)
    return found


def test_until_what_is_named_is_covered_only_rules_that_do_not_mind_are_told() -> None:
    found = told(engine_of("covered"), 0, 8)
    assert found == {1: {"any"}, 3: {"any"}, 5: {"plain", "any", "named"}, 7: {"plain", "any", "named"}}


def test_after_a_hole_windows_have_to_be_filled_anew() -> None:
    engine = engine_of("gap")
    told(engine, 0, 9)
    engine.suspend(OPEN + 12 * MINUTE_MS)
    engine.mend(A, empty(), OPEN + 13 * MINUTE_MS, hole=True)
    assert STATES[engine.watch.standing(np.zeros(1, np.int64), OPEN)[0]] == "covered"  # there are no features
    assert told(engine, 13, 5) == {13: {"any", "named"}, 15: {"any", "named"}, 17: {"any", "plain"}}
    again = engine_of("gap")
    told(engine, 18, 1)
    engine.watch.coverage.hole(np.zeros(1, np.int64))
    again.load_arrays({name: array.copy() for name, array in engine.to_arrays().items()})
    assert told(again, 19, 5) == {19: {"any", "named"}, 21: {"any", "named"}, 23: {"any", "plain"}}


def test_a_gap_that_was_mended_is_none() -> None:
    engine = engine_of("gap")
    told(engine, 0, 10)
    engine.suspend(OPEN + 10 * MINUTE_MS)
    engine.mend(A, bar("A", OPEN + 10 * MINUTE_MS, 50.0), OPEN + 12 * MINUTE_MS)
    assert told(engine, 11, 1) == {11: {"plain", "any"}}


def test_of_a_halted_symbol_nothing_is_told_until_it_is_traded_again() -> None:
    engine = engine_of("halted")
    told(engine, 0, 10)
    engine.halt(np.array([b"A", b"NONE"], "S16"), halted=True)
    assert told(engine, 10, 2) == {11: {"any", "named"}}
    engine.halt(A, halted=False)
    assert told(engine, 12, 2) == {13: {"plain", "any"}}


def test_a_bar_made_of_seconds_is_late_until_the_vendors_comes() -> None:
    engine = engine_of("late")
    told(engine, 0, 9)
    engine.step(bar("A", OPEN + 10 * MINUTE_MS + SECOND_MS, 60.0, length_ms=SECOND_MS))
    alerts = engine.advance(OPEN + 11 * MINUTE_MS + 10 * SECOND_MS)
    assert [(alert.rule, alert.coverage) for alert in alerts] == [("plain", "late"), ("any", "late"), ("named", "late")]
    row = np.zeros(1, np.int64)
    assert STATES[engine.watch.standing(row, OPEN + 10 * MINUTE_MS)[0]] == "late"
    engine.step(bar("A", OPEN + 10 * MINUTE_MS, 60.0, volume=7.0))
    assert STATES[engine.watch.standing(row, OPEN + 10 * MINUTE_MS)[0]] == "covered"
    assert STATES[engine.watch.standing(row, OPEN + 11 * MINUTE_MS)[0]] == "quiet"


def test_a_rule_keeps_its_version_where_it_says_nothing_of_coverage() -> None:
    plain, loose, _ = rules.load(EACH.replace("STATE", "gap"), "test.toml").rules
    assert plain.version != loose.version
    assert plain.trusting
    assert not loose.trusting
    with pytest.raises(RuleErrors, match="coverage cannot be 'all'"):
        rules.load(EACH.replace('coverage = "any"', 'coverage = "all"').replace("STATE", "gap"), "test.toml")

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from daemon.engine.sessions import SessionTable
from streams.bars import MINUTE_MS
from tests.daemon.engine.test_engine import DAY, OPEN, bar
from tests.daemon.engine.test_telling import engine_of, planned

if TYPE_CHECKING:
    from daemon.engine.why import Why


@pytest.fixture(scope="module")
def sessions() -> SessionTable:
    opens = np.array([OPEN + day * DAY for day in range(5)])
    return SessionTable(opens, opens + 390 * MINUTE_MS)


def asked(sessions: SessionTable, rule: str, closes: list[float], *, limits: str = "") -> Why:
    """What is said of the last of these bars."""
    engine = engine_of(planned(f"{limits}[[rule]]\nname = 'r'\n{rule}"), sessions)
    for minute, close in enumerate(closes):
        engine.step(bar("S1", OPEN + minute * MINUTE_MS, close))
    engine.advance(OPEN + len(closes) * MINUTE_MS + 6_000)
    found = engine.why("S1", "r")
    assert found is not None
    assert found.bar_start_ms == OPEN + (len(closes) - 1) * MINUTE_MS
    return found


UP = "where = 'close > 10 and close > close[1]'"


@pytest.mark.parametrize(
    ("rule", "closes", "verdict"),
    [
        (UP, [9.0, 11.0], "it fired at this bar"),
        (UP, [9.0, 8.0], "it did not fire: 2 of 2 comparisons do not hold"),
        (UP, [11.0], "it did not fire: 1 of 2 comparisons do not hold, 1 for want of a value that is known"),
        (UP, [9.0, 11.0, 12.0], "it did not fire: the condition came to hold at an earlier bar"),
        (UP + "\ncooldown = '1h'", [9.0, 11.0, 9.0, 11.0], "it did not fire: the last alert lies within the cooldown"),
        (UP + "\nhold = '2m'", [9.0, 11.0, 12.0], "it has not fired yet: the condition has to hold for 120 s"),
        (UP + "\nuntil = 'close > 12'", [9.0, 11.0, 13.0, 14.0], "it did not fire: the episode was ended by until"),
        (UP + "\nbudget = '1/day'", [9.0, 11.0] * 60, "it did not fire: held back by budget"),
        ("where = 'rank(close) < 2 and close > 10'", [9.0, 11.0], "it fired at this bar"),
    ],
)
def test_the_verdict_says_what_became_of_the_bar(
    sessions: SessionTable, rule: str, closes: list[float], verdict: str
) -> None:
    assert asked(sessions, rule, closes).verdict.startswith(verdict)


def test_a_limit_of_the_symbol_is_told(sessions: SessionTable) -> None:
    found = asked(sessions, UP, [9.0, 11.0, 9.0, 11.0], limits="[limits]\nper_symbol = '1/day'\n")
    assert found.verdict == "it did not fire: held back by per_symbol"
    assert found.held_back == [(OPEN + 3 * MINUTE_MS, "per_symbol")]


def test_every_comparison_has_its_values_at_that_bar(sessions: SessionTable) -> None:
    rule = "where = 'close > close[1] and sma(3) > 0 and (rsi(14) < 20 or volume > 5)'"
    found = asked(sessions, rule, [9.0, 11.0, 12.0])
    said = {condition.text: (condition.holds, condition.values) for condition in found.conditions}
    assert said == {
        "close > close[1]": (True, {"close": 12.0, "close[1]": 11.0}),
        "sma(3) > 0": (True, {"sma(3)": 32.0 / 3.0}),
        "rsi(14) < 20": (None, {"rsi(14)": None}),
        "volume > 5": (True, {"volume": 100.0}),
    }
    assert found.coverage == "warming"
    short = {need.name: (need.seen, need.needed) for need in found.warm_up}
    assert short["rsi(14)"] == (3, 15)
    assert (found.looked_at, found.state, found.last_alert_ms) == ("bar", "armed", None)
    assert found.verdict.startswith("it did not fire: warming, and the rule is looked at where")
    loose = asked(sessions, rule + "\ncoverage = 'any'", [9.0, 11.0, 12.0])
    assert (loose.state, loose.last_alert_ms) == ("active", OPEN + 2 * MINUTE_MS)
    assert loose.verdict == "it fired at this bar"


def test_lists_and_steps_are_conditions_too(sessions: SessionTable) -> None:
    found = asked(sessions, """where = "symbol in ['S1'] and within('5m', close > 12, close < 10)" """, [13.0, 9.0])
    assert [(condition.text, condition.holds) for condition in found.conditions] == [
        ('symbol in ["S1"]', True),
        ('within("5m", close > 12, close < 10)', True),
    ]


def test_of_a_symbol_without_a_bar_nothing_is_said(sessions: SessionTable) -> None:
    engine = engine_of(planned(f"[[rule]]\nname = 'r'\n{UP}"), sessions)
    assert engine.why("S1", "r") is None
    with pytest.raises(KeyError):
        engine.why("S1", "other")

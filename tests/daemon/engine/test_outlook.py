"""Conditions over the bars between a question and its answer."""

from __future__ import annotations

import numpy as np
import pytest

from daemon.engine import rules
from daemon.engine.errors import RuleErrors
from daemon.engine.outlook import Outlook, looks_ahead
from daemon.engine.syntax import write
from daemon.engine.vocabulary import Vocabulary

AHEAD = Vocabulary(future=True)
NAN = np.nan


def outlook(text: str) -> Outlook:
    (tree,) = rules.conditions([text], AHEAD)
    assert looks_ahead(tree)
    return Outlook(tree)


def test_what_is_known_when_asked_is_kept_once_and_as_a_whole() -> None:
    found = outlook(
        "future_high > close + 4 * atr(14) and future_low > low and "
        "(close > vwap() or future_close > close + 4 * atr(14))"
    )
    assert [write(tree) for tree in found.kept] == ["close + 4 * atr(14)", "low", "close > vwap()"]


def test_it_holds_where_window_and_what_was_kept_say_so() -> None:
    found = outlook("future_high - future_low > 2 * close and not rsi(14) > 50")
    future = np.array([[9.0, 9.0, 9.0, NAN, 9.0], [1.0, 1.0, 8.0, NAN, 1.0], [2.0] * 5, [100.0] * 5])
    kept = np.array([[7.0, 7.0, 7.0, 7.0, NAN], [1.0, 0.0, 1.0, 1.0, 1.0]])
    assert [write(tree) for tree in found.kept] == ["2 * close", "rsi(14) <= 50"]
    assert found.holds(future, kept).tolist() == [True, False, False, False, False]


def test_lists_and_sessions_are_kept_too() -> None:
    found = outlook("future_volume > 1000 and symbol not in ['A', 'B'] and session == 'regular'")
    kept = np.array([[0.0, 1.0, 0.0], [1.0, 1.0, 0.0]])
    assert found.holds(np.full((4, 3), 2000.0), kept).tolist() == [True, False, False]


@pytest.mark.parametrize(
    "text",
    [
        "future_close[1] > close",
        "crosses_above(future_close, close)",
        "highest(future_high, 3) > close",
        "rank(future_close) > 0.9",
        "within('5m', future_high > close, close > open)",
    ],
)
def test_the_future_is_neither_looked_back_at_nor_ranked(text: str) -> None:
    with pytest.raises(RuleErrors, match="neither looked back at nor ranked"):
        rules.conditions([text], AHEAD)


def test_rules_and_features_know_no_future() -> None:
    with pytest.raises(RuleErrors, match='unknown name "future_high"'):
        rules.conditions(["future_high > close"])
    with pytest.raises(RuleErrors, match='unknown name "future_high"'):
        rules.features(["future_high / close"])

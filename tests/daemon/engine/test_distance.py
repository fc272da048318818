from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.engine import checks
from daemon.engine.distance import NEAR, Distances
from daemon.engine.evaluate import Context, Evaluator
from daemon.engine.language import parse
from daemon.engine.plan import Plan
from daemon.engine.rules import Rule, RuleSet
from daemon.engine.vocabulary import Vocabulary
from indicators import Frame

if TYPE_CHECKING:
    from daemon.engine.syntax import Node

REGULAR, POST = 1, 2


def condition(text: str) -> Node:
    return checks.condition(parse(text), Vocabulary(), [])


def distances(*texts: str, close: float = 10.0, volume: float = 5.0, score: float = 0.5, phase: int = REGULAR) -> float:
    """To the nearest of these rules, of one symbol whose only bar is closed."""
    parsed = [condition(text) for text in texts]
    plan = Plan(RuleSet("test", tuple(Rule(f"r{i}", (), (tree,)) for i, tree in enumerate(parsed))))
    frame = Frame(plan.specs, 1)
    evaluator, row = Evaluator(plan, frame), np.zeros(1, np.int64)
    context = Context(np.array([[close], [close], [close], [close], [volume], [np.nan]]), 10.0, phase)
    frame.update(row, np.zeros(1, np.int64), context.bars, row)
    evaluator.commit(row, context, np.array([score]))
    (found,) = evaluator.distance(row, context, np.array([score])).tolist()
    return float(found)


def test_a_rule_that_holds_is_at_no_distance() -> None:
    assert distances("close >= 10 and volume < 6") == 0.0


def test_a_comparison_is_as_far_as_its_sides_differ() -> None:
    assert distances("close > 30") == pytest.approx(20 / 40)
    assert distances("close < 5") == pytest.approx(5 / 15)
    assert distances("close > 10") == NEAR


def test_all_of_a_condition_is_farther_than_its_parts_and_any_of_it_nearer() -> None:
    assert distances("close > 30 and volume > 15") == pytest.approx(1 - 0.5 * 0.5)
    assert distances("close > 30 or volume > 15") == pytest.approx(0.5 * 0.5)


def test_what_is_not_known_is_far() -> None:
    assert distances("sma(20) > 1") == 1.0
    assert distances("score > 0.9", score=np.nan) == 1.0
    assert distances("sma(20) > 1 or close > 30") == pytest.approx(0.5)


def test_another_session_is_far() -> None:
    assert distances("session == 'regular' and close > 1", phase=POST) == 1.0
    assert distances("session == 'regular' and close > 1") == 0.0


def test_the_nearest_rule_counts() -> None:
    assert distances("close > 1000", "close > 30") == pytest.approx(0.5)


def test_without_rules_everything_is_far() -> None:
    assert Distances([]).of(np.empty((3, 0))).tolist() == [1.0, 1.0, 1.0]


def test_a_crossing_is_as_near_as_the_line_that_is_to_be_crossed() -> None:
    assert distances("crosses_above(close, 11)") == pytest.approx(1 / 21)


@given(st.floats(0.01, 1e6), st.floats(0.01, 1e6))
def test_the_closer_a_price_the_nearer_its_rule(price: float, limit: float) -> None:
    tree = condition("close > open")
    found = Distances([tree])
    values = np.array([[float(price > limit), abs(price - limit) / (price + limit)]])
    (distance,) = found.of(values)
    assert (distance == 0.0) == (price > limit)
    assert 0.0 <= distance <= 1.0

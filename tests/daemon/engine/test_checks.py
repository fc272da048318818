from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings

from daemon.engine.checks import condition, number
from daemon.engine.language import parse
from daemon.engine.syntax import write
from daemon.engine.vocabulary import Vocabulary
from tests.daemon.engine.expressions import conditions, numbers, trees

if TYPE_CHECKING:
    from daemon.engine.errors import RuleError
    from daemon.engine.syntax import Node

VOCABULARY = Vocabulary()


def normal(text: str) -> str:
    errors: list[RuleError] = []
    tree = condition(parse(text), VOCABULARY, errors)
    assert not errors
    return write(tree)


def mistakes(text: str) -> list[str]:
    errors: list[RuleError] = []
    condition(parse(text), VOCABULARY, errors)
    return [str(error) for error in errors]


@settings(deadline=None)
@given(trees())
def test_any_tree_is_checked_without_an_exception(tree: Node) -> None:
    condition(tree, VOCABULARY, [])
    number(tree, VOCABULARY, [])


@settings(deadline=None)
@given(conditions())
def test_the_normal_form_of_a_normal_form_is_itself(tree: Node) -> None:
    errors: list[RuleError] = []
    once = condition(tree, VOCABULARY, errors)
    if not errors:
        assert condition(once, VOCABULARY, errors) == once
        assert condition(parse(write(once)), VOCABULARY, errors) == once


@settings(deadline=None)
@given(numbers())
def test_look_back_stands_at_leaves_only(tree: Node) -> None:
    errors: list[RuleError] = []
    once = number(tree, VOCABULARY, errors)
    assert not errors
    assert number(once, VOCABULARY, errors) == once


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("price > 5", "close > 5"),
        ("rsi() < 30", "rsi(14) < 30"),
        ("sma(price, 20) > 1", "sma(20) > 1"),
        ("sma(volume, 20) > 1", "sma(volume, 20) > 1"),
        ("macd() > 0", "macd(12, 26, 9).macd > 0"),
        ("close between 5 and 9", "close >= 5 and close <= 9"),
        ("not close between 5 and 9", "close < 5 or close > 9"),
        ("not (close < 5 or open != 2)", "close >= 5 and open == 2"),
        ("not not close < 5", "close < 5"),
        ("crosses_above(close, 5)", "close > 5 and close[1] <= 5"),
        ("crosses_below(close - open, 0)", "close - open < 0 and close[1] - open[1] >= 0"),
        ("not crosses_above(close, 5)", "close <= 5 or close[1] > 5"),
        ("(close - vwap())[2][1] > 0", "close[3] - vwap()[3] > 0"),
        ("'pre' != session", 'session != "pre"'),
        ("not session == 'regular'", 'session != "regular"'),
        ("close[0] > 5", "close > 5"),
    ],
)
def test_what_is_written_differently_has_one_normal_form(text: str, form: str) -> None:
    assert normal(text) == form


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clos > 5", '1:1: unknown name "clos"; did you mean "close"?'),
        ("rsy(14) > 5", '1:1: unknown indicator "rsy"; did you mean "rsi"?'),
        ("rsi > 5", '1:1: "rsi" is an indicator; call it: rsi()'),
        ("close(5) > 5", '1:1: "close" takes no arguments; write close alone'),
        ("rsi(14, 3, 5) > 5", "takes at most"),
        ("rsi(0) > 5", "1:5: rsi: n must be from"),
        ("rsi(1.5) > 5", "whole number"),
        ("sma(volum, 5) > 5", 'did you mean "volume"?'),
        ("rsi(14, '5m') > 5", "1:9: other timeframes"),
        ("sma(close + open, 5) > 5", "1:11: an indicator takes numbers"),
        ("bollinger(20, 2) > 5", "write bollinger(20,2).upper"),
        ("macd().sginal > 0", 'did you mean "signal"?'),
        ("rsi(14)", "1:1: rsi(14) is a number; a condition is needed"),
        ("not close", "close is a number"),
        ("(close > 5) + 1 > 2", "close > 5 is a condition; a number is needed"),
        ("abs(close > 5) > 2", "close > 5 is a condition; a number is needed"),
        ("(close > 5) == (open > 5)", "a number is needed"),
        ("session > 'pre'", "by == or !="),
        ("session == 1", "a string is compared to session alone"),
        ("close == 'pre'", "a string is compared to session alone"),
        ("session == 'regulr'", 'did you mean "regular"?'),
        ("'pre'[1] > 2", "a number is needed, not a string"),
        ("session + 1 > 2", "session is not a number"),
        ("1 < 2", "both sides of this comparison are constants"),
        ("log(2) between 1 and 3", "constants"),
        ("min(close) > 1", "min takes 2 to 8 arguments, not 1"),
        ("abs(close, open) > 1", "abs takes 1 argument, not 2"),
        ("crosses_above(close) and close > 1", "crosses_above takes 2 arguments"),
        ("rank(roc(15)) > 0.9", '"rank" is not yet available'),
        ("coverage > 1", '"coverage" is not yet available'),
        ("abs > 1", '"abs" is a function'),
        ("(close[100] - open)[100] > 1", "together 200"),
    ],
)
def test_a_mistake_is_told_with_place_and_remedy(text: str, message: str) -> None:
    assert any(message in mistake for mistake in mistakes(text)), mistakes(text)


def test_all_mistakes_of_an_expression_are_told_once() -> None:
    found = mistakes("clos > 5 and rsy(14) > 3 or opn < 2")
    assert [mistake[:5] for mistake in found] == ["1:1: ", "1:14:", "1:29:"]

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
        ("rank(price) > 5", "rank(close) > 5"),
        ("rank(roc(), by='market') > 5", "rank(roc(10)) > 5"),
        ("zscore(roc(5), by='market') > 5", 'zscore(roc(5), by="market") > 5'),
        ("zscore(volume, 20) > 5", "zscore(volume, 20) > 5"),
        ("zscore(volume, by='sector') > 5", 'zscore(volume, by="sector") > 5'),
        ("not sector_mean(close - open)[2] > 5", "sector_mean(close - open)[2] <= 5"),
        ("market_return(5) > 0.5", "market_mean(roc(5)) > 0.5"),
        ("rank(close[1])[2] > 5", "rank(close[1])[2] > 5"),
        ("breadth(not (close < 5 or price > 9)) > 0.5", "breadth(close >= 5 and close <= 9) > 0.5"),
        ("crosses_above(pct_rank(close), 0.95)", "pct_rank(close) > 0.95 and pct_rank(close)[1] <= 0.95"),
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
        ("rsi('5m', 14) > 5", "1:5: a timeframe is the last argument"),
        ("rsi(14, '9d') > 5", "1:9: "),
        ("sma(close + open, 5) > 5", "1:11: an indicator takes numbers"),
        ("bollinger(20, 2) > 5", "write bollinger(20,2).upper"),
        ("macd().sginal > 0", 'did you mean "signal"?'),
        ("rsi(14)", "1:1: rsi(14) is a number; a condition is needed"),
        ("not close", "close is a number"),
        ("(close > 5) + 1 > 2", "close > 5 is a condition; a number is needed"),
        ("abs(close > 5) > 2", "close > 5 is a condition; a number is needed"),
        ("(close > 5) == (open > 5)", "a number is needed"),
        ("session > 'pre'", "by == or !="),
        ("session == 1", "a text is compared to a string"),
        ("close == 'pre'", "a text is compared to a string"),
        ("became(close)", "close is a number; a condition is needed"),
        ("became(close > 5, 3)", "became takes 1 condition, not 2"),
        ("rising(close > 5, 3)", "is a condition; a number is needed"),
        ("rising(close, 31)", "a whole number of bars, from 1 to 30"),
        ("rising(5, 3)", "rising of a constant never holds"),
        ("highest(close, 0) > 5", "a whole number of bars, from 1 to 120"),
        ("highest(close, 100)[30] > 5", "together 130"),
        ("highest(close) > 5", "write highest(high, 20)"),
        ("highest > 5", '"highest" is a function'),
        ("within(5, close > 5, open > 5)", "within takes a duration, and 2 to 5 conditions"),
        ("within('5m', close > 5)", "within takes a duration, and 2 to 5 conditions"),
        ("within('2d', close > 5, open > 5)", "a window lasts up to 1d"),
        ("not within('5m', close > 5, open > 5)", "no opposite"),
        ("became(within('5m', close > 5, open > 5))", "no opposite and no look-back"),
        ("within('5m', close > 5, within('5m', close > 5, open > 5))", "nor stands inside another"),
        ("breadth(within('5m', close > 5, open > 5)) > 0.5", "nor stands inside another"),
        ("within('5m', close, open > 5)", "close is a number; a condition is needed"),
        ("symbol > 5", "a text is compared to a string"),
        ("symbol + 1 > 5", "symbol is not a number"),
        ("close in ['A']", "only symbol and sector can be in a list"),
        ("symbol in tech", 'there is no list "tech"'),
        ("coverage == 'hole'", 'there is no coverage "hole"'),
        ("coverage[1] == 'covered'", "coverage is that of now"),
        ("rank(symbol in ['A']) > 1", "is a condition; a number is needed"),
        ("session == 'regulr'", 'did you mean "regular"?'),
        ("'pre'[1] > 2", "a number is needed, not a string"),
        ("session + 1 > 2", "session is not a number"),
        ("1 < 2", "both sides of this comparison are constants"),
        ("log(2) between 1 and 3", "constants"),
        ("min(close) > 1", "min takes 2 to 8 arguments, not 1"),
        ("abs(close, open) > 1", "abs takes 1 argument, not 2"),
        ("crosses_above(close) and close > 1", "crosses_above takes 2 arguments"),
        ("rank(roc(15), by='sectr') > 5", '1:18: by cannot be "sectr"; did you mean "sector"?'),
        ("rank(roc(15), by=5) > 5", '1:18: by cannot be 5; write by="sector" or by="market"'),
        ("rank(roc(15), bye='sector') > 5", '1:15: rank has no argument "bye"; did you mean "by"?'),
        ("rank(roc(15), by='sector', by='market') > 5", '1:28: rank says "by" twice'),
        ("rank(roc(15), 'sector') > 5", '1:15: rank compares no strings; write by="sector"'),
        ("zscore(close, 'sector') > 5", '1:15: a cross-section names its group; write by="sector"'),
        ("zscore(roc(5)) > 5", "an indicator takes numbers"),
        ("zscore(close, 20, by='sector') > 5", "1:1: zscore takes 1 argument, not 2"),
        ("rank() > 5", "1:1: rank takes 1 argument, not 0; write rank(roc(15))"),
        ("rank(5) > 5", "1:6: rank of a constant"),
        ("rank(rank(close)) > 5", "1:6: rank cannot stand inside rank"),
        ("pct_rank(close - market_mean(close)) > 0.5", "market_mean cannot stand inside pct_rank"),
        ("breadth(rank(close) > 5) > 0.5", "1:9: rank cannot stand inside breadth"),
        ("breadth(close) > 0.5", "1:9: close is a number; a condition is needed"),
        ("rank(close > 5) > 5", "close > 5 is a condition; a number is needed"),
        ("rank(clos) > 5", '1:6: unknown name "clos"; did you mean "close"?'),
        ("rnk(close) > 5", '1:1: unknown indicator "rnk"; did you mean "rank"?'),
        ("rank > 5", '1:1: "rank" is a function; call it'),
        ("rank(close)", "rank(close) is a number; a condition is needed"),
        ("sector_mean(close, by='sector') > 5", 'sector_mean takes no argument "by"; its name says'),
        ("market_return(0) > 5", "n must be from"),
        ("rsi(n=14) > 5", '1:5: no argument "n" is taken here by name; write 14 alone, in its place'),
        ("abs(x=close) > 5", '1:5: no argument "x" is taken here by name'),
        ("crosses_above(a=close, 5)", '1:15: no argument "a" is taken here by name'),
        ("coverage > 1", "a text is compared to a string"),
        ("halted > 1", '"halted" is not yet available'),
        ("abs > 1", '"abs" is a function'),
        ("(close[100] - open)[100] > 1", "together 200"),
    ],
)
def test_a_mistake_is_told_with_place_and_remedy(text: str, message: str) -> None:
    assert any(message in mistake for mistake in mistakes(text)), mistakes(text)


def test_all_mistakes_of_an_expression_are_told_once() -> None:
    found = mistakes("clos > 5 and rsy(14) > 3 or opn < 2")
    assert [mistake[:5] for mistake in found] == ["1:1: ", "1:14:", "1:29:"]

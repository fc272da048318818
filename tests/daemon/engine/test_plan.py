from __future__ import annotations

from daemon.engine.graph import Graph
from daemon.engine.machine import Op
from daemon.engine.plan import BARS, Plan
from daemon.engine.rules import features, load


def plan(*where: str, model: tuple[str, ...] = (), evaluate: str = "close") -> Plan:
    tables = [
        f"[[rule]]\nname = 'r{number}'\nwhere = \"{text}\"\nevaluate = '{evaluate}'"
        for number, text in enumerate(where)
    ]
    return Plan(load("\n".join(tables), "r.toml"), features(model))


def test_every_indicator_is_computed_once() -> None:
    both = plan("rsi() < 30 and macd().signal > 0", "rsi(14)[2] > 70", model=("macd(12, 26, 9).histogram", "sma(5)"))
    assert sorted(spec.key for spec in both.specs) == ["macd(12,26,9)", "rsi(14)", "sma(5)"]


def test_equal_parts_of_expressions_are_computed_once() -> None:
    rules = plan("close - open > 2 and low - (close - open) > 3", "abs(close - open) > 1 or close - open > 2")
    code = Graph(lambda _: 0, {}).program(rules.conditions).code
    operations = [Op(row[0]) for row in code]
    assert operations.count(Op.SUBTRACT) == 2
    assert operations.count(Op.BAR) == 3
    assert operations.count(Op.LESS) == 3


def test_look_back_is_kept_as_deep_as_the_deepest_asks() -> None:
    lags = plan("close[3] > open[1]", "crosses_above(close, vwap())").lags
    assert lags == {"close": 3, "open": 1, "vwap()": 1}


def test_a_rule_needs_the_bars_of_what_it_names_itself() -> None:
    rules = plan("close[2] > 5", "sma(20)[4] > close and sma(20) > 1", "macd().signal > 0")
    assert rules.needs == ({BARS: 3}, {(1, "sma(20)"): 24, BARS: 1}, {(1, "macd(12,26,9)"): 34})


def test_a_rule_on_the_score_needs_what_the_model_needs() -> None:
    rules = plan("score > 0.5 and rsi(14) < 30", "close > 5", model=("macd(12, 26, 9).signal", "rsi(20)"))
    model = {"rsi(14)": 15, "macd(12,26,9)": 34, "rsi(20)": 21}
    assert rules.needs == ({BARS: 1} | {(1, key): bars for key, bars in model.items()}, {BARS: 1})


def test_terms_are_the_compared_numbers_by_their_text() -> None:
    rules = plan("not crosses_above(close, 5) and session == 'pre' and close / vwap() - 1 > 0.02 and close > score")
    assert list(rules.terms(0)) == ["close", "close[1]", "close / vwap() - 1", "score"]


def test_a_rule_tells_whether_it_needs_the_score() -> None:
    rules = plan("close > 5", "close > 5 and score[1] > 0.5")
    assert [rules.uses_score(0), rules.uses_score(1)] == [False, True]


def test_rules_for_forming_bars_are_told_apart() -> None:
    assert plan("close > 5", evaluate="tick").has_tick
    assert not plan("close > 5").has_tick
    assert not plan().has_tick

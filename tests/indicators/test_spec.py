"""Calls of indicators, right and wrong."""

from __future__ import annotations

import math

import pytest

from indicators import CATALOGUE
from indicators.errors import ArgumentError, UnknownIndicatorError


@pytest.mark.parametrize(
    ("name", "arguments", "key"),
    [
        ("rsi", [], "rsi(14)"),
        ("rsi", [14.0], "rsi(14)"),
        ("rsi", ["close", 9], "rsi(9)"),
        ("sma", ["volume", 20], "sma(volume,20)"),
        ("sma", ["volume"], "sma(volume,20)"),
        ("bollinger", [20, 2], "bollinger(20,2)"),
        ("bollinger", [20, 2.5], "bollinger(20,2.5)"),
        ("macd", [], "macd(12,26,9)"),
        ("vwap", [], "vwap()"),
    ],
)
def test_equal_calls_have_one_key(name: str, arguments: list[object], key: str) -> None:
    spec = CATALOGUE.spec(name, arguments)
    assert spec.key == str(spec) == key
    assert spec == CATALOGUE.spec(name, spec.arguments)


@pytest.mark.parametrize(
    ("name", "arguments", "position", "problem"),
    [
        ("rsi", [0], 0, "n must be from 1 to 5000, not 0"),
        ("rsi", [14.5], 0, "n must be a whole number"),
        ("rsi", [math.nan], 0, "n must be a whole number"),
        ("rsi", [True], 0, "n must be a number, not True"),
        ("rsi", ["close", "open"], 1, "n must be a number, not 'open'"),
        ("rsi", ["clsoe", 14], 0, 'did you mean "close"'),
        ("rsi", ["?", 14], 0, "one of open, high, low, close, volume, vwap"),
        ("bollinger", [20, math.nan], 1, "k must be from 0.01 to 100"),
        ("bollinger", [20, math.inf], 1, "k must be from 0.01 to 100"),
        ("atr", [14, 3], 1, r"at most 1 arguments \(n\), not 2"),
        ("vwap", [1], 0, r"at most 0 arguments \(none\), not 1"),
        ("macd", [26, 12, 9], None, r"fast \(26\) must be shorter than slow \(12\)"),
    ],
)
def test_a_wrong_argument_is_named_with_its_remedy(
    name: str, arguments: list[object], position: int | None, problem: str
) -> None:
    with pytest.raises(ArgumentError, match=problem) as caught:
        CATALOGUE.spec(name, arguments)
    assert caught.value.position == position
    assert str(caught.value).startswith(f"{name}: ")


def test_an_unknown_indicator_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownIndicatorError, match=r'unknown indicator "bolinger"; did you mean "bollinger"\?'):
        CATALOGUE.spec("bolinger")
    with pytest.raises(UnknownIndicatorError, match=r'unknown indicator "qqqqq"$'):
        CATALOGUE["qqqqq"]


def test_the_catalogue_lists_what_it_has() -> None:
    assert list(CATALOGUE.names) == sorted(indicator.name for indicator in CATALOGUE)
    assert len(CATALOGUE) == len(CATALOGUE.names) >= 16
    assert "rsi" in CATALOGUE
    assert "isr" not in CATALOGUE


def test_every_entry_says_what_it_is() -> None:
    for indicator in CATALOGUE:
        spec = CATALOGUE.spec(indicator.name)
        assert indicator.title
        assert indicator.formula
        assert indicator.inputs
        assert len(spec.warmups) == len(spec.outputs)
        assert spec.warmup == max(spec.warmups)

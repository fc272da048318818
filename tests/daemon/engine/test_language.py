from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.engine.errors import Position, RuleError
from daemon.engine.language import MAX_DEPTH, parse
from daemon.engine.syntax import Between, Binary, Call, Lag, Name, Number, write
from daemon.engine.tokens import MAX_CHARACTERS
from tests.daemon.engine.expressions import PIECES, trees

if TYPE_CHECKING:
    from daemon.engine.syntax import Node


@settings(deadline=None)
@given(st.text() | st.lists(st.sampled_from(PIECES)).map(" ".join) | st.lists(st.sampled_from(PIECES)).map("".join))
def test_any_text_gives_a_tree_or_an_error_of_the_rules(text: str) -> None:
    try:
        tree = parse(text)
    except RuleError as error:
        assert error.at.line >= 1  # noqa: PT017
        assert error.at.column >= 1  # noqa: PT017
    else:
        assert parse(write(tree)) == tree


@settings(deadline=None)
@given(trees())
def test_a_written_tree_parses_to_itself(tree: Node) -> None:
    assert parse(write(tree)) == tree


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("a + b * c", "a + (b * c)"),
        ("a - b - c", "(a - b) - c"),
        ("-a * b", "(-a) * b"),
        ("-a[1]", "-(a[1])"),
        ("not a < b and c < d", "(not (a < b)) and (c < d)"),
        ("a < b and c < d or e < f", "((a < b) and (c < d)) or (e < f)"),
        ("a < b or c < d and e < f", "(a < b) or ((c < d) and (e < f))"),
        ("x between a + 1 and b * 2 and c < d", "(x between (a + 1) and (b * 2)) and (c < d)"),
        ("f(a, b).out[2] + 1", "((f(a, b).out)[2]) + 1"),
    ],
)
def test_operators_bind_as_documented(text: str, means: str) -> None:
    assert parse(text) == parse(means)
    assert write(parse(means)) == text


def test_nodes_know_their_place() -> None:
    tree = parse("close >\n  rsi(14)[2]")
    assert isinstance(tree, Binary)
    assert isinstance(tree.right, Lag)
    assert (tree.left.at, tree.at, tree.right.at) == (Position(1, 1), Position(1, 7), Position(2, 3))


def test_numbers_may_have_points_exponents_and_underscores() -> None:
    assert [parse(text) for text in ("1_000", ".5", "2.", "1e3")] == [Number(x) for x in (1000.0, 0.5, 2.0, 1000.0)]


def test_both_ends_of_between_are_sums() -> None:
    assert parse("x between 1 and 2") == Between(Name("x"), Number(1.0), Number(2.0))


def test_a_call_may_have_no_arguments() -> None:
    assert parse("vwap()") == Call("vwap", ())


@pytest.mark.parametrize(
    ("text", "at", "message"),
    [
        ("", (1, 1), "expected a value, found the end of the expression"),
        ("close >", (1, 8), "found the end of the expression"),
        ("close = 5", (1, 7), 'write "=="'),
        ("close > 5 && low < 3", (1, 11), 'write "and"'),
        ("close > 5 AND low < 3", (1, 11), "write it in small letters"),
        ("1 < close < 5", (1, 11), 'write "a < b and b < c"'),
        ("1 < close between 2 and 3", (1, 11), "do not chain"),
        ("rsi(14", (1, 7), 'expected ","'),
        ("close[x]", (1, 7), "whole number of bars"),
        ("close[1.5]", (1, 7), "whole number of bars"),
        ("close[-1]", (1, 7), "whole number of bars"),
        ("close[121]", (1, 7), "reaches 120 bars"),
        ("close.signal", (1, 6), "only an indicator has outputs"),
        ("close > 1e999", (1, 9), "too large"),
        ("1__0 < close", (1, 1), "not a number"),
        ("close\n> 'regular", (2, 3), "close the string"),
        ("symbol in 5", (1, 11), 'write in ["AAPL", "MSFT"]'),
        ("symbol in []", (1, 12), "a list holds strings"),
        ("symbol in ['A' 'B']", (1, 16), 'expected ","'),
        ("symbol not close", (1, 8), "expected an operator"),
        ("x between 1", (1, 12), 'expected "and"'),
        ("close 5", (1, 7), "expected an operator"),
        ("close \x00 5", (1, 7), "U+0000"),
    ],
)
def test_an_error_names_place_and_remedy(text: str, at: tuple[int, int], message: str) -> None:
    with pytest.raises(RuleError) as caught:
        parse(text)
    assert caught.value.at == at
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 3_000,
        "-" * 3_000 + "1",
        "not " * 900 + "a",
        "1" + "+1" * 1_500,
        "a" + "[1]" * 1_000,
        "f(" * 1_500,
        "x" * (MAX_CHARACTERS + 1),
        "a between (" * 300,
    ],
)
def test_hostile_lengths_and_depths_are_refused(text: str) -> None:
    with pytest.raises(RuleError, match=r"nested deeper|longer than"):
        parse(text)


def test_what_is_deep_but_allowed_is_written_and_parsed() -> None:
    text = "(" * (MAX_DEPTH - 1) + "a" + ")" * (MAX_DEPTH - 1)
    assert parse(text) == Name("a")
    chain = "1" + " + 1" * (MAX_DEPTH - 1)
    assert write(parse(chain)) == chain

"""Random expressions for the tests of the rule language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from daemon.engine.syntax import (
    COMPARISONS,
    Attribute,
    Between,
    Binary,
    Call,
    In,
    Keyword,
    Lag,
    Name,
    Number,
    String,
    Unary,
)

if TYPE_CHECKING:
    from daemon.engine.syntax import (
        Node,
    )

WORDS = ["and", "or", "not", "between", "in", "close", "rsi", "score", "session", "crosses_above", "_x1"]
PIECES = [*WORDS, *"+-*/()[],.<>=!\"' \n#&", "<=", ">=", "==", "!=", "14", "0.5", ".5", "1e3", "1_0", "1e999"]

names = st.sampled_from(["close", "score", "_x1", "Rsi", "e5"])
constants = st.builds(Number, st.floats(0, 1e300) | st.integers(0, 2**60).map(float))
arithmetic = st.sampled_from("+-*/")


def trees() -> st.SearchStrategy[Node]:
    """Any tree that a text can mean, whether or not it means anything."""
    strings = st.builds(String, st.sampled_from(["", "pre", 'say "x"', "it's"]))
    calls = st.builds(Call, names, st.just(()))
    leaves = constants | strings | calls | st.builds(Name, names)
    return st.recursive(leaves, _compound, max_leaves=12)


def _compound(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    calls = st.builds(Call, names, st.lists(inner, max_size=3).map(tuple))
    members = st.lists(st.sampled_from(["A", "B.C"]), min_size=1).map(tuple)
    operators = st.sampled_from(["+", "-", "*", "/", "and", "or", *COMPARISONS])
    named = st.builds(lambda name, x, by: Call(name, (x, Keyword("by", by))), names, inner, inner)
    return st.one_of(
        calls,
        named,
        st.builds(Attribute, calls, names),
        st.builds(Lag, inner, st.integers(0, 120)),
        st.builds(Unary, st.sampled_from(["negative", "not"]), inner),
        st.builds(Binary, operators, inner, inner),
        st.builds(Between, inner, inner, inner),
        st.builds(In, inner, names, st.just(()), st.booleans()),
        st.builds(In, inner, st.just(""), members, st.booleans()),
    )


def numbers() -> st.SearchStrategy[Node]:
    """Numbers that can be checked and evaluated."""
    context = ["score", "minutes_since_open", "minutes_since_bar"]
    fields = st.sampled_from(["open", "high", "low", "close", "volume", "price", *context])
    texts = st.sampled_from([("sma", 3), ("roc", 2), ("ema", 4)])
    indicators = texts.map(lambda pair: Call(pair[0], (Number(float(pair[1])),)))
    outputs = st.sampled_from(["upper", "lower"]).map(lambda name: Attribute(Call("donchian", (Number(3.0),)), name))
    small = st.integers(-3, 3).map(lambda x: Number(float(x)) if x >= 0 else Unary("negative", Number(-float(x))))
    leaves = small | indicators | outputs | fields.map(Name)
    return st.recursive(leaves, _computed, max_leaves=6)


def _computed(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    one = st.sampled_from(["abs", "log", "log1p", "sqrt", "sign", "tanh"])
    two = st.sampled_from(["min", "max"])
    return st.one_of(
        st.builds(Binary, arithmetic, inner, inner),
        st.builds(Unary, st.just("negative"), inner),
        st.builds(Lag, inner, st.integers(0, 3)),
        st.builds(lambda name, x: Call(name, (x,)), one, inner),
        st.builds(lambda name, x, y: Call(name, (x, y)), two, inner, inner),
        st.builds(lambda x, low: Call("clip", (x, low, Number(2.0))), inner, inner),
        st.builds(_windowed, st.sampled_from(["highest", "lowest"]), inner, st.integers(1, 4)),
    )


def _windowed(name: str, x: Node, bars: int) -> Node:
    """Something over bars; a constant is refused there, so that it is none."""
    return Call(name, (Binary("+", x, Name("close")), Number(float(bars))))


def conditions() -> st.SearchStrategy[Node]:
    """Conditions that can be checked and evaluated."""
    value = numbers().map(lambda x: Binary("+", x, Name("close")))
    crossings = st.sampled_from(["crosses_above", "crosses_below"])
    session = st.builds(
        lambda operator, name: Binary(operator, Name("session"), String(name)),
        st.sampled_from(["==", "!="]),
        st.sampled_from(["closed", "pre", "regular", "post"]),
    )
    leaves = st.one_of(
        st.builds(Binary, st.sampled_from(COMPARISONS), value, value),
        st.builds(Between, value, value, value),
        st.builds(lambda name, x, y: Call(name, (x, y)), crossings, value, value),
        st.builds(_windowed, st.sampled_from(["rising", "falling"]), value, st.integers(1, 3)),
        session,
    )
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds(Binary, st.sampled_from(["and", "or"]), inner, inner),
            st.builds(Unary, st.just("not"), inner),
            st.builds(lambda of: Call("became", (of,)), inner),
        ),
        max_leaves=6,
    )


def sequences() -> st.SearchStrategy[Node]:
    """Conditions one after the other."""
    steps = st.lists(conditions(), min_size=2, max_size=5)
    return st.builds(
        lambda window, of: Call("within", (String(window), *of)), st.sampled_from(["1m", "2m", "3m", "150s"]), steps
    )

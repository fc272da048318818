from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.engine.errors import RuleErrors
from daemon.engine.rules import KEYS, SEVERITIES, features, load
from daemon.engine.syntax import write
from daemon.engine.vocabulary import (
    ALIASES,
    CONTEXT,
    COVERAGES,
    EVENTS,
    EXTREMES,
    FIELDS,
    FUNCTIONS,
    RESERVED,
    SESSIONS,
    TEXTS,
)
from tests.daemon.engine.expressions import PIECES

if TYPE_CHECKING:
    from daemon.engine.rules import Rule

GUIDE = Path(__file__).parents[3] / "docs" / "rules.md"
SHIPPED = Path(__file__).parents[3] / "daemon" / "rules" / "default.toml"

WHOLE = """\
[[rule]]
name = "vwap-reclaim"
on = ["crosses_above(close, vwap())", "rsi(14) < 20"]
where = "rvol(20) > 3 and price between 5 and 500"
cooldown = "10m"
severity = "high"
evaluate = "tick"
"""


def rule(text: str) -> Rule:
    return load(f'[[rule]]\nname = "r"\n{text}', "r.toml").rules[0]


def mistakes(text: str) -> list[str]:
    with pytest.raises(RuleErrors) as caught:
        load(text, "r.toml")
    return str(caught.value).splitlines()


def test_a_rule_is_any_of_on_and_all_of_where() -> None:
    (only,) = load(WHOLE, "r.toml").rules
    assert (only.name, only.cooldown_ms, only.severity, only.evaluate) == ("vwap-reclaim", 600_000, "high", "tick")
    assert write(only.condition) == (
        "(close > vwap() and close[1] <= vwap()[1] or rsi(14) < 20)"
        " and (rvol(20) > 3 and (close >= 5 and close <= 500))"
    )


def test_what_is_left_out_has_a_default() -> None:
    only = rule("where = 'close > 5'")
    assert (only.on, only.cooldown_ms, only.severity, only.evaluate) == ((), 0, "medium", "close")


def test_where_may_be_a_list() -> None:
    assert write(rule("where = ['close > 5', 'open > 4']").condition) == "close > 5 and open > 4"


@pytest.mark.parametrize(("text", "ms"), [("90s", 90_000), ("10m", 600_000), ("1h", 3_600_000), ("7d", 604_800_000)])
def test_durations_have_a_unit(text: str, ms: int) -> None:
    assert rule(f"where = 'close > 5'\ncooldown = '{text}'").cooldown_ms == ms


def test_an_empty_file_holds_no_rules() -> None:
    assert load("", "r.toml").rules == ()


def test_spelling_and_severity_leave_the_version_alone() -> None:
    plain = rule("where = 'price > 5 and rsi() < 3'\ncooldown = '60s'")
    assert rule("severity = 'low'\nwhere = '''close>5\n and (rsi(14)<3)'''\ncooldown = '1m'").version == plain.version


@pytest.mark.parametrize(
    "text",
    ["where = 'close > 6'", "where = 'close > 5'\ncooldown = '1s'", "where = 'close > 5'\nevaluate = 'tick'"],
)
def test_what_changes_the_meaning_changes_the_version(text: str) -> None:
    assert rule(text).version != rule("where = 'close > 5'").version


def test_all_mistakes_of_a_file_are_told_at_once_each_at_its_place() -> None:
    text = """\
title = "mine"

[[rule]]
name = "Bad Name"
on = [
  "crosses_above(clos, vwap())",
  "close = 5",
]
where = \"\"\"
  rvol(20) > 3
  and rsy(14) > 70
\"\"\"
cooldwn = "10m"
severity = "hgih"

[[rule]]
name = "two"
cooldown = "ten minutes"
hold = "20"
budget = "12/week"
by = "clos"

[[rule]]
name = "two"
where = 5
"""
    assert mistakes(text) == [
        'r.toml:1:1: unknown key "title"; rules are tables with the header [[rule]]',
        "r.toml:4:9: this cannot be a rule's name; 1 to 64 of a-z, 0-9, - and _, a letter or digit first",
        'r.toml:6:18: unknown name "clos"; did you mean "close"?',
        'r.toml:7:10: expected an operator, found "="; write "==" to compare',
        'r.toml:11:7: unknown indicator "rsy"; did you mean "rsi"?',
        'r.toml:13:1: unknown key "cooldwn"; did you mean "cooldown"?',
        "r.toml:14:13: severity cannot be 'hgih'; did you mean \"high\"?",
        "r.toml:16:1: a rule needs a condition; add on = [...] or where = ...",
        'r.toml:18:13: this is not a duration; write "90s", "10m" or "1h"',
        'r.toml:19:9: this is not a duration; write "90s", "10m" or "1h"',
        'r.toml:20:11: this is no number from 1 to 10,000 a day; write "12/day"',
        'r.toml:21:7: unknown name "clos"; did you mean "close"?',
        'r.toml:24:1: there is a rule "two" already, in line 17',
        "r.toml:25:9: one expression, or a list of 1 to 32, is needed",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[rule]\n", "r.toml:1:"),
        ("[[rule]]\nname = ", "r.toml:2:8: this is not TOML"),
        ("rule = 3", "r.toml:1:1: rules are tables"),
        ("[rule]\nname = 'x'", "write the header as [[rule]]"),
        ("[[rule]]\nwhere = 'close > 5'", "r.toml:1:1: a rule needs a name"),
        ("[[rule]]\nname = 'x'\nwhere = []", "a list of 1 to 32"),
        ("[[rule]]\nname = 'x'\non = ['close > 5', 3]", "r.toml:3:20: an expression is a string"),
        ("[[rule]]\nname = 'x'\nwhere = 'close > 5'\ncooldown = 5", "not a duration"),
        ("[[rule]]\nname = 'x'\nwhere = 'close > 5'\ncooldown = '8d'", "longer than the 7 days"),
        ("rule = [{name = 'x', where = 'clos > 5'}]", "r.toml:1:31: unknown name"),
        ("x = " + "[" * 5_000, "nested too deep"),
        ("#" * 1_000_001, "longer than 1,000,000 characters"),
        ("[[rule]]\n" * 501, "at most 500 rules"),
    ],
)
def test_what_is_no_rule_file_is_told(text: str, told: str) -> None:
    assert any(told in mistake for mistake in mistakes(text)), mistakes(text)


toml = st.lists(
    st.sampled_from(["[[rule]]", "name = 'a'", "on = ['", "where = '''", "'''", "']", "{", "]", "\n", " = ", *PIECES])
).map("".join)


@settings(deadline=None)
@given(toml | st.text())
def test_any_text_gives_rules_or_all_their_errors(text: str) -> None:
    try:
        load(text, "r.toml")
    except RuleErrors as error:
        assert error.errors  # noqa: PT017


def test_the_shipped_rules_are_in_order() -> None:
    text = SHIPPED.read_text()
    names = [only.name for only in load(text, SHIPPED.name).rules]
    assert names == [table["name"] for table in tomllib.loads(text)["rule"]]
    assert len(names) == 12


def test_features_are_numbers_without_the_score() -> None:
    assert [write(tree) for tree in features(["price / vwap()", "rsi()"])] == ["close / vwap()", "rsi(14)"]
    with pytest.raises(RuleErrors) as caught:
        features(["close", "clos", "close > 5", "score + 1", "1 +"])
    assert [error.at.line for error in caught.value.errors] == [2, 3, 4, 5]


@pytest.mark.parametrize("text", re.findall(r"```toml\n(.*?)```", GUIDE.read_text(), re.DOTALL))
def test_the_examples_of_the_guide_load(text: str) -> None:
    assert load(text, "rules.md").rules


def test_the_guide_names_everything_that_can_be_written() -> None:
    guide = GUIDE.read_text()
    names = [*FIELDS, *ALIASES, *CONTEXT, *SESSIONS, *TEXTS, *COVERAGES, *RESERVED]
    words = [*names, *FUNCTIONS, *EVENTS, *EXTREMES, *KEYS, *SEVERITIES]
    assert [word for word in words if not re.search(rf"[`\"]{word}\b", guide)] == []


def test_the_guide_shows_mistakes_as_they_are_told() -> None:
    wrong, told = re.findall(r"```toml wrong\n(.*?)```.*?```\n(.*?)```", GUIDE.read_text(), re.DOTALL)[0]
    with pytest.raises(RuleErrors) as caught:
        load(wrong, "rules.toml")
    assert str(caught.value) == told.strip()

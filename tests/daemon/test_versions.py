"""Two versions of rules side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.engine import rules
from daemon.versions import RUNNING, Change, pairs, together

if TYPE_CHECKING:
    from daemon.engine.rules import RuleSet

RUNS = """
[[rule]]
name = "kept"
where = "close > 5"

[[rule]]
name = "sharper"
where = "close > 5"

[[rule]]
name = "dropped"
where = "close > 7"
"""

TRIED = """
[[rule]]
name = "added"
where = "close > 7"

[[rule]]
name = "sharper"
where = "close > 6"

[[rule]]
name = "kept"
where = "(close) > 5.0"
severity = "high"
"""


def loaded(text: str) -> RuleSet:
    return rules.load(text, "rules.toml")


def test_a_rule_is_new_changed_gone_or_the_same_whatever_its_spelling() -> None:
    found = [(pair.name, pair.change) for pair in pairs(loaded(TRIED), loaded(RUNS))]
    assert found == [
        ("added", Change.NEW),
        ("sharper", Change.CHANGED),
        ("kept", Change.SAME),
        ("dropped", Change.GONE),
    ]


def test_both_versions_are_one_set_in_which_no_name_is_twice_and_nothing_is_evaluated_twice() -> None:
    tried, runs = loaded(TRIED), loaded(RUNS)
    both = together(tried, runs)
    names = [rule.name for rule in both.rules]
    assert names == ["added", "sharper", "kept", f"{RUNNING}sharper", f"{RUNNING}dropped"]
    assert [rule.version for rule in both.rules[3:]] == [rule.version for rule in runs.rules[1:]]
    assert together(tried, tried).rules == tried.rules


def test_a_pair_knows_under_which_name_the_running_version_tells_its_alerts() -> None:
    names = {pair.name: pair.running_as for pair in pairs(loaded(TRIED), loaded(RUNS))}
    assert (names["kept"], names["sharper"], names["dropped"]) == ("kept", f"{RUNNING}sharper", f"{RUNNING}dropped")

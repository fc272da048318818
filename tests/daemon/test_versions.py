"""Two versions of rules side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.engine import rules
from daemon.versions import Change, pairs, to_run

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


def test_both_versions_run_as_one_set_in_which_nothing_is_evaluated_twice() -> None:
    tried, runs = loaded(TRIED), loaded(RUNS)
    (both,) = to_run(tried, runs)
    assert [rule.name for rule in both.rules] == ["added", "sharper", "kept", "sharper", "dropped"]
    assert [rule.version for rule in both.rules[3:]] == [rule.version for rule in runs.rules[1:]]
    assert to_run(tried, tried) == (tried,)


def test_a_limit_for_all_rules_together_keeps_the_versions_apart() -> None:
    limited = loaded('[limits]\nper_symbol = "3/day"\n' + TRIED)
    assert to_run(limited, loaded(RUNS)) == (limited, loaded(RUNS))
    assert to_run(loaded(RUNS), limited) == (loaded(RUNS), limited)

"""Two versions of a set of rules, side by side: what changed, and both as one set for one pass over bars. Pure."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from daemon.engine.rules import Rule, RuleSet

RUNNING = "running/"
"""Begins the names of the running version's rules where both stand in one set; no rule is named so by itself."""


class Change(StrEnum):
    """What became of a rule on the way from the running version to the new one."""

    SAME = "same"
    CHANGED = "changed"
    NEW = "new"
    GONE = "gone"


class Pair(NamedTuple):
    """One name in both versions; None where it does not stand."""

    name: str
    new: Rule | None
    running: Rule | None

    @property
    def change(self) -> Change:
        """By the hash of what decides when a rule fires: spelling and severity change nothing."""
        if self.new is None or self.running is None:
            return Change.GONE if self.new is None else Change.NEW
        return Change.SAME if self.new.version == self.running.version else Change.CHANGED

    @property
    def running_as(self) -> str:
        """The name under which the running version's alerts are told by `together`."""
        return self.name if self.change == Change.SAME else RUNNING + self.name


def pairs(new: RuleSet, running: RuleSet) -> list[Pair]:
    """The rules of `new` in its order, then those that are gone in theirs."""
    before = {rule.name: rule for rule in running.rules}
    kept = [Pair(rule.name, rule, before.pop(rule.name, None)) for rule in new.rules]
    return kept + [Pair(rule.name, None, rule) for rule in before.values()]


def together(new: RuleSet, running: RuleSet) -> RuleSet:
    """Both in one set: all rules of `new`, and those of `running` that mean something else, named `RUNNING`."""
    others = [pair for pair in pairs(new, running) if pair.running is not None and pair.change != Change.SAME]
    renamed = [replace(pair.running, name=pair.running_as) for pair in others if pair.running]
    return replace(new, rules=(*new.rules, *renamed))

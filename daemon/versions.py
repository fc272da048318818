"""Two versions of a set of rules, side by side: what changed, and what has to run to see both. Pure."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from daemon.engine.rules import Rule, RuleSet


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


def pairs(new: RuleSet, running: RuleSet) -> list[Pair]:
    """The rules of `new` in its order, then those that are gone in theirs."""
    before = {rule.name: rule for rule in running.rules}
    kept = [Pair(rule.name, rule, before.pop(rule.name, None)) for rule in new.rules]
    return kept + [Pair(rule.name, None, rule) for rule in before.values()]


def to_run(new: RuleSet, running: RuleSet) -> tuple[RuleSet, ...]:
    """What engines have to run to see both versions: one set with both, or the new one and the running one.

    In one set names may stand twice, in two versions: all that is kept of a rule is kept by name and version. A limit
    for all rules together would let the two versions get in each other's way; then each needs an engine of its own.
    """
    if new.per_symbol or running.per_symbol:
        return (new, running)
    kept = {(rule.name, rule.version) for rule in new.rules}
    others = (rule for rule in running.rules if (rule.name, rule.version) not in kept)
    return (replace(new, rules=(*new.rules, *others)),)

"""From a rule file to checked rules; every mistake in the file is found in one go.

The file is TOML: one ``[[rule]]`` table a rule, see ``docs/rules.md``.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from hashlib import sha256
from typing import TYPE_CHECKING

from daemon.engine import checks
from daemon.engine.crosscalls import across
from daemon.engine.durations import duration_ms
from daemon.engine.errors import Position, RuleError, RuleErrors, nearest
from daemon.engine.language import parse
from daemon.engine.syntax import Binary, Name, Number, write
from daemon.engine.tokens import plain
from daemon.engine.tomlmap import TomlMap
from daemon.engine.vocabulary import SCORES, Vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from daemon.engine.syntax import Node
    from daemon.engine.tomlmap import Path

MAX_FILE_CHARACTERS = 1_000_000
MAX_RULES = 500
MAX_EXPRESSIONS = 32
"""Entries of one ``on`` or ``where`` list."""
MAX_COOLDOWN_MS = 7 * 86_400_000
MAX_BUDGET = 10_000
MAX_LISTS = 100
MAX_MEMBERS = 20_000
"""Symbols of a list."""

SEVERITIES = ("low", "medium", "high")
EVALUATIONS = ("close", "tick")
GROUPS = ("sector",)
SCORE = Name("score")

EVERYTHING = Vocabulary()

KEYS = ("name", "on", "where", "hold", "until", "cooldown", "budget", "by", "group", "severity", "evaluate", "coverage")
"""What a rule can say."""
TRUST = ("trusted", "any")
LIMITS = ("per_symbol",)
"""What the table [limits] can say."""
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_LIST = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_SYMBOL = re.compile(r"[A-Za-z0-9./-]{1,16}")
_BUDGET = re.compile(r"([0-9]{1,6})/day")


@dataclass(frozen=True)
class Rule:
    """One checked rule. It holds when any of `on` and all of `where` do; all expressions are in normal form.

    Attributes:
        hold_ms: how long it has to hold, in market time, before it is told.
        until: what ends an episode; None where it ends with the condition.
        cooldown_ms: between two alerts of a symbol.
        budget: alerts a trading day, about; 0 for all.
        by: what candidates are ordered by, the highest first.
        group: ``sector`` where symbols of one that come together are one alert; else empty.
        coverage: ``trusted`` where it is looked at only where that can be, ``any`` where it does not matter.
    """

    name: str
    on: tuple[Node, ...]
    where: tuple[Node, ...]
    cooldown_ms: int = 0
    severity: str = "medium"
    evaluate: str = "close"
    hold_ms: int = 0
    until: Node | None = None
    budget: int = 0
    by: Node = SCORE
    group: str = ""
    coverage: str = "trusted"

    @cached_property
    def trusting(self) -> bool:
        """Whether coverage is looked at for it: one that names it has said what it wants."""
        return self.coverage == "trusted" and "coverage" not in checks.names(self.condition)

    @cached_property
    def condition(self) -> Node:
        """`on` and `where` as one condition."""
        events = [reduce(_or, self.on)] if self.on else []
        return reduce(_and, (*events, *self.where))

    @cached_property
    def version(self) -> str:
        """Short hash of what decides when the rule fires.

        Spelling and severity take no part: a rule that was only reformatted goes on with its episodes, one that
        means something else starts anew. Nor does what is left out, so that new keys leave old rules as they are.
        """
        definition = ["1", write(self.condition), self.evaluate, str(self.cooldown_ms)]
        definition += [f"hold {self.hold_ms}"] if self.hold_ms else []
        definition += [f"until {write(self.until)}"] if self.until else []
        definition += [f"budget {self.budget} by {write(self.by)}"] if self.budget else []
        definition += [f"coverage {self.coverage}"] if self.coverage != "trusted" else []
        definition += [f"group {self.group} by {write(self.by)}"] if self.group else []
        return sha256("\n".join(definition).encode()).hexdigest()[:12]

    @cached_property
    def is_scored(self) -> bool:
        """Whether it goes by what a model says."""
        return not checks.names(self.condition).isdisjoint(SCORES)

    @cached_property
    def is_across(self) -> bool:
        """Whether anything that it says compares symbols with each other."""
        trees = (self.condition, *([self.until] if self.until else []), self.by)
        return any(True for tree in trees for _ in across(tree))


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules of one file, in its order.

    Attributes:
        lists: symbols by the name of their list.
        per_symbol: alerts of one symbol in a trading day, by all rules together; 0 for any number.
    """

    filename: str
    rules: tuple[Rule, ...]
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    per_symbol: int = 0


def load(
    text: str,
    filename: str,
    vocabulary: Vocabulary = EVERYTHING,
    read: Callable[[str], str] | None = None,
) -> RuleSet:
    """The checked rules of a file.

    Args:
        text: content of the file, TOML.
        filename: as errors shall name it.
        vocabulary: what expressions may name.
        read: content of a list's file, by the path as it is written; it raises OSError, or ValueError where that is
            no text. None where lists have to be written out.

    Raises:
        RuleErrors: all mistakes of the file, each with line, column and remedy. Nothing else is raised.
    """
    errors: list[RuleError] = []
    file = _File(text, vocabulary, errors, read)
    rules, per_symbol = file.rules(), file.per_symbol()
    if errors:
        raise RuleErrors(filename, errors)
    return RuleSet(filename, tuple(rules), file.lists, per_symbol)


def features(texts: Iterable[str], vocabulary: Vocabulary = EVERYTHING) -> tuple[Node, ...]:
    """Checked model features, in normal form and in the same order; all numbers, none depends on the score.

    Raises:
        RuleErrors: all mistakes; the line is the number of the feature, counted from 1.
    """
    errors: list[RuleError] = []
    found = [_feature(line, text, vocabulary, errors) for line, text in enumerate(texts, 1)]
    if errors:
        raise RuleErrors("features", errors)
    return tuple(found)


def conditions(texts: Iterable[str], vocabulary: Vocabulary = EVERYTHING) -> tuple[Node, ...]:
    """Checked conditions, in normal form and in the same order.

    Raises:
        RuleErrors: all mistakes; the line is the number of the condition, counted from 1.
    """
    errors: list[RuleError] = []
    found = [_condition(line, text, vocabulary, errors) for line, text in enumerate(texts, 1)]
    if errors:
        raise RuleErrors("conditions", errors)
    return tuple(found)


def _condition(line: int, text: str, vocabulary: Vocabulary, errors: list[RuleError]) -> Node:
    try:
        tree = parse(text, lambda offset: Position(line, offset + 1))
    except RuleError as error:
        errors.append(error)
        return Number(0.0)
    return checks.condition(tree, vocabulary, errors)


def _feature(line: int, text: str, vocabulary: Vocabulary, errors: list[RuleError]) -> Node:
    try:
        tree = parse(text, lambda offset: Position(line, offset + 1))
    except RuleError as error:
        errors.append(error)
        return Number(0.0)
    if {"score", "unusual"} & set(checks.names(tree)):
        errors.append(RuleError(Position(line, 1), "a feature of the score cannot depend on the score"))
    return checks.number(tree, vocabulary, errors)


class _File:
    """Reads one file; mistakes go to `errors`."""

    def __init__(
        self, text: str, vocabulary: Vocabulary, errors: list[RuleError], read: Callable[[str], str] | None
    ) -> None:
        self._vocabulary = vocabulary
        self._errors = errors
        self._read = read
        self._tables: dict[str, object] = {}
        self.lists: dict[str, tuple[str, ...]] = {}
        if len(text) > MAX_FILE_CHARACTERS:
            errors.append(RuleError(Position(1, 1), f"longer than {MAX_FILE_CHARACTERS:,} characters"))
            return
        try:
            self._tables = tomllib.loads(text)
            self._map = TomlMap(text)
        except tomllib.TOMLDecodeError as error:
            errors.append(_not_toml(error, text))
        except RecursionError:
            errors.append(RuleError(Position(1, 1), "values are nested too deep"))

    def rules(self) -> list[Rule]:
        """All rules; those with mistakes are left out."""
        for key in self._tables.keys() - {"rule", "lists", "limits"}:
            self._mistake((key,), f'unknown key "{key}"', "rules are tables with the header [[rule]]")
        self.lists = self._lists()
        self._vocabulary = replace(self._vocabulary, lists=self.lists)
        tables = self._tables.get("rule", [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            self._mistake(("rule",), "rules are tables", "write the header as [[rule]]")
            return []
        if len(tables) > MAX_RULES:
            self._mistake(("rule", MAX_RULES), f"a file has at most {MAX_RULES} rules")
            return []
        found = [rule for index, table in enumerate(tables) if (rule := self._rule(("rule", index), table))]
        self._refuse_twins(tables)
        return found

    def per_symbol(self) -> int:
        """Alerts that one symbol may give in a day, by the table [limits]; 0 for any number."""
        table = self._tables.get("limits", {})
        if not isinstance(table, dict):
            self._mistake(("limits",), "limits are a table", "write the header [limits]")
            return 0
        for key in table.keys() - set(LIMITS):
            self._mistake(("limits", key), f'unknown key "{key}"', nearest(key, LIMITS) or 'it has "per_symbol"')
        return self._a_day(("limits", "per_symbol"), table)

    def _lists(self) -> dict[str, tuple[str, ...]]:
        """All lists, none of those with mistakes left out: rules may name them."""
        table = self._tables.get("lists", {})
        if not isinstance(table, dict) or len(table) > MAX_LISTS:
            self._mistake(("lists",), f"lists are a table of up to {MAX_LISTS}", "write the header [lists]")
            return {}
        return {name: self._list(name, given) for name, given in table.items()}

    def _list(self, name: str, given: object) -> tuple[str, ...]:
        """Symbols of one list, written out or in a file."""
        path: Path = ("lists", name)
        if not _LIST.fullmatch(name):
            self._mistake(path, f'"{name}" cannot be a list\'s name', "letters, digits and _, a letter first")
        elif name in self._vocabulary.everything():
            self._mistake(path, f'"{name}" means something else in rules', "give the list another name")
        if isinstance(given, str):
            given = self._lines(path, given)
        if not isinstance(given, list) or not 0 < len(given) <= MAX_MEMBERS:
            remedy = 'write tech = ["AAPL", "MSFT"], or the path of a file with a symbol a line'
            self._mistake(path, f"a list has 1 to {MAX_MEMBERS:,} symbols", remedy, value=True)
            return ()
        wrong = [member for member in given if not isinstance(member, str) or not _SYMBOL.fullmatch(member)]
        if wrong:
            self._mistake(path, f"{wrong[0]!r:.40} is no symbol", "1 to 16 of A-Z, a-z, 0-9, . / and -", value=True)
        return tuple(str(member) for member in given)

    def _lines(self, path: Path, filename: str) -> list[object]:
        """Symbols of a file, one a line; what follows # is a comment."""
        try:
            text = self._read(filename) if self._read else ""
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            self._mistake(path, f"{filename} cannot be read: {reason}", "see the path", value=True)
            return ["unread"]
        return [word for line in text.splitlines() if (word := line.partition("#")[0].strip())]

    def _refuse_twins(self, tables: list[dict[str, object]]) -> None:
        seen: dict[object, int] = {}
        for index, table in enumerate(tables):
            name = table.get("name")
            if isinstance(name, str) and seen.setdefault(name, index) != index:
                first = self._map.key(("rule", seen[name], "name")).line
                self._mistake(("rule", index, "name"), f'there is a rule "{name}" already, in line {first}')

    def _rule(self, path: Path, table: dict[str, object]) -> Rule | None:
        before = len(self._errors)
        for key in table.keys() - set(KEYS):
            self._unknown_key((*path, key), key)
        name = self._name(path, table)
        on, where = self._conditions((*path, "on"), table), self._conditions((*path, "where"), table)
        if not {"on", "where"} & table.keys():
            self._mistake(path, "a rule needs a condition", "add on = [...] or where = ...")
        cooldown_ms, hold_ms = (self._duration((*path, key), table) for key in ("cooldown", "hold"))
        until = self._conditions((*path, "until"), table)
        budget = self._a_day((*path, "budget"), table)
        by = self._order((*path, "by"), table)
        group = self._choice((*path, "group"), table, GROUPS, "") if "group" in table else ""
        severity = self._choice((*path, "severity"), table, SEVERITIES, "medium")
        evaluate = self._choice((*path, "evaluate"), table, EVALUATIONS, "close")
        coverage = self._choice((*path, "coverage"), table, TRUST, "trusted")
        if len(self._errors) > before:
            return None
        ended = reduce(_or, until) if until else None
        rule = Rule(name, on, where, cooldown_ms, severity, evaluate, hold_ms, ended, budget, by, group, coverage)
        if evaluate == "tick" and (rule.is_across or group):
            what = "symbols of a sector are told together" if group else "a cross-section is taken"
            message = f"{what} when the market's minute closes, not while bars form"
            self._mistake((*path, "evaluate"), message, 'leave out evaluate = "tick"', value=True)
        return rule

    def _mistake(self, path: Path, message: str, remedy: str = "", *, value: bool = False) -> None:
        at = self._map.character(path, 0) if value else self._map.key(path)
        self._errors.append(RuleError(at, message, remedy))

    def _unknown_key(self, path: Path, key: str) -> None:
        self._mistake(path, f'unknown key "{key}"', nearest(key, KEYS) or f"a rule has {', '.join(KEYS)}")

    def _name(self, path: Path, table: dict[str, object]) -> str:
        if "name" not in table:
            self._mistake(path, "a rule needs a name", 'add name = "..."')
            return ""
        name = table["name"]
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            remedy = "1 to 64 of a-z, 0-9, - and _, a letter or digit first"
            self._mistake((*path, "name"), "this cannot be a rule's name", remedy, value=True)
            return ""
        return name

    def _conditions(self, path: Path, table: dict[str, object]) -> tuple[Node, ...]:
        """The conditions of `on` or `where`: one string, or a list of them."""
        texts = table.get(str(path[-1]), ...)
        if texts is ...:
            return ()
        if isinstance(texts, str):
            return self._condition(path, texts)
        if not isinstance(texts, list) or not 0 < len(texts) <= MAX_EXPRESSIONS:
            self._mistake(path, f"one expression, or a list of 1 to {MAX_EXPRESSIONS}, is needed", value=True)
            return ()
        return tuple(node for index, text in enumerate(texts) for node in self._condition((*path, index), text))

    def _condition(self, path: Path, text: object) -> tuple[Node, ...]:
        """One condition, or none after a mistake has been noted."""
        if not isinstance(text, str):
            self._mistake(path, "an expression is a string", "put it between quotes", value=True)
            return ()
        try:
            tree = parse(text, lambda offset: self._map.character(path, offset))
        except RuleError as error:
            self._errors.append(error)
            return ()
        return (checks.condition(tree, self._vocabulary, self._errors),)

    def _duration(self, path: Path, table: dict[str, object]) -> int:
        """Milliseconds of a text like "90s"."""
        text = table.get(str(path[-1]), "0s")
        length_ms = duration_ms(text) if isinstance(text, str) else None
        if length_ms is None:
            self._mistake(path, "this is not a duration", 'write "90s", "10m" or "1h"', value=True)
            return 0
        if length_ms > MAX_COOLDOWN_MS:
            self._mistake(path, "longer than the 7 days it may be", value=True)
        return length_ms

    def _a_day(self, path: Path, table: dict[str, object]) -> int:
        """The number of a text like "12/day", 0 where there is none."""
        text = table.get(str(path[-1]))
        if text is None:
            return 0
        match = _BUDGET.fullmatch(text) if isinstance(text, str) else None
        if match is None or not 0 < int(match[1]) <= MAX_BUDGET:
            self._mistake(path, f"this is no number from 1 to {MAX_BUDGET:,} a day", 'write "12/day"', value=True)
            return 0
        return int(match[1])

    def _order(self, path: Path, table: dict[str, object]) -> Node:
        """What candidates are ordered by."""
        text = table.get("by")
        if text is None:
            return SCORE
        if "budget" not in table and "group" not in table:
            self._mistake(path, "by orders the candidates of a budget or a group", 'add budget = "12/day"')
        if not isinstance(text, str):
            self._mistake(path, "an expression is a string", "put it between quotes", value=True)
            return SCORE
        try:
            tree = parse(text, lambda offset: self._map.character(path, offset))
        except RuleError as error:
            self._errors.append(error)
            return SCORE
        return checks.number(tree, self._vocabulary, self._errors)

    def _choice(self, path: Path, table: dict[str, object], choices: tuple[str, ...], default: str) -> str:
        chosen = table.get(str(path[-1]), default)
        if chosen not in choices:
            remedy = nearest(str(chosen), choices) or f"it is one of {', '.join(choices)}"
            self._mistake(path, f"{path[-1]} cannot be {chosen!r:.40}", remedy, value=True)
        return str(chosen)


def _not_toml(error: tomllib.TOMLDecodeError, text: str) -> RuleError:
    """Its place is in the words of the error only."""
    message = str(error)
    place = re.search(r" \(at line (\d+), column (\d+)\)$", message)
    if place:
        at = Position(int(place[1]), int(place[2]))
        return RuleError(at, f"this is not TOML: {message[: place.start()]}")
    end = plain(text)(len(text))
    return RuleError(end, f"this is not TOML: {message.removesuffix(' (at end of document)')}")


def _or(left: Node, right: Node) -> Node:
    return Binary("or", left, right)


def _and(left: Node, right: Node) -> Node:
    return Binary("and", left, right)

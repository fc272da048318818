"""From a rule file to checked rules; every mistake in the file is found in one go.

The file is TOML: one ``[[rule]]`` table a rule, see ``docs/rules.md``.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cached_property, reduce
from hashlib import sha256
from typing import TYPE_CHECKING

from daemon.engine import checks
from daemon.engine.crosscalls import across
from daemon.engine.errors import Position, RuleError, RuleErrors, nearest
from daemon.engine.language import parse
from daemon.engine.syntax import Binary, Number, write
from daemon.engine.tokens import plain
from daemon.engine.tomlmap import TomlMap
from daemon.engine.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable

    from daemon.engine.syntax import Node
    from daemon.engine.tomlmap import Path

MAX_FILE_CHARACTERS = 1_000_000
MAX_RULES = 500
MAX_EXPRESSIONS = 32
"""Entries of one ``on`` or ``where`` list."""
MAX_COOLDOWN_MS = 7 * 86_400_000

SEVERITIES = ("low", "medium", "high")
EVALUATIONS = ("close", "tick")

EVERYTHING = Vocabulary()

KEYS = ("name", "on", "where", "cooldown", "severity", "evaluate")
"""What a rule can say."""
LATER = ("hold", "until", "budget", "by")
"""What it will be able to say."""
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_DURATION = re.compile(r"([0-9]{1,9})(s|m|h|d)")
_UNIT_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


@dataclass(frozen=True)
class Rule:
    """One checked rule. It holds when any of `on` and all of `where` do; both are in normal form."""

    name: str
    on: tuple[Node, ...]
    where: tuple[Node, ...]
    cooldown_ms: int = 0
    severity: str = "medium"
    evaluate: str = "close"

    @cached_property
    def condition(self) -> Node:
        """`on` and `where` as one condition."""
        events = [reduce(_or, self.on)] if self.on else []
        return reduce(_and, (*events, *self.where))

    @cached_property
    def version(self) -> str:
        """Short hash of what decides when the rule fires.

        Spelling and severity take no part: a rule that was only reformatted goes on with its episodes, one that
        means something else starts anew.
        """
        definition = ("1", write(self.condition), self.evaluate, str(self.cooldown_ms))
        return sha256("\n".join(definition).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules of one file, in its order."""

    filename: str
    rules: tuple[Rule, ...]


def load(text: str, filename: str, vocabulary: Vocabulary = EVERYTHING) -> RuleSet:
    """The checked rules of a file.

    Args:
        text: content of the file, TOML.
        filename: as errors shall name it.
        vocabulary: what expressions may name.

    Raises:
        RuleErrors: all mistakes of the file, each with line, column and remedy. Nothing else is raised.
    """
    errors: list[RuleError] = []
    rules = _File(text, vocabulary, errors).rules()
    if errors:
        raise RuleErrors(filename, errors)
    return RuleSet(filename, tuple(rules))


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


def _feature(line: int, text: str, vocabulary: Vocabulary, errors: list[RuleError]) -> Node:
    try:
        tree = parse(text, lambda offset: Position(line, offset + 1))
    except RuleError as error:
        errors.append(error)
        return Number(0.0)
    if "score" in checks.names(tree):
        errors.append(RuleError(Position(line, 1), "a feature of the score cannot depend on the score"))
    return checks.number(tree, vocabulary, errors)


class _File:
    """Reads one file; mistakes go to `errors`."""

    def __init__(self, text: str, vocabulary: Vocabulary, errors: list[RuleError]) -> None:
        self._vocabulary = vocabulary
        self._errors = errors
        self._tables: dict[str, object] = {}
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
        for key in self._tables.keys() - {"rule"}:
            self._mistake((key,), f'unknown key "{key}"', "rules are tables with the header [[rule]]")
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
        cooldown_ms = self._duration((*path, "cooldown"), table)
        severity = self._choice((*path, "severity"), table, SEVERITIES, "medium")
        evaluate = self._choice((*path, "evaluate"), table, EVALUATIONS, "close")
        if evaluate == "tick" and any(True for tree in (*on, *where) for _ in across(tree)):
            message = "a cross-section is taken when the market's minute closes, not while bars form"
            self._mistake((*path, "evaluate"), message, 'leave out evaluate = "tick"', value=True)
        if len(self._errors) > before:
            return None
        return Rule(name, on, where, cooldown_ms, severity, evaluate)

    def _mistake(self, path: Path, message: str, remedy: str = "", *, value: bool = False) -> None:
        at = self._map.character(path, 0) if value else self._map.key(path)
        self._errors.append(RuleError(at, message, remedy))

    def _unknown_key(self, path: Path, key: str) -> None:
        if key in LATER:
            self._mistake(path, f'"{key}" is not yet available')
        else:
            remedy = nearest(key, KEYS) or f"a rule has {', '.join(KEYS)}"
            self._mistake(path, f'unknown key "{key}"', remedy)

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
        match = _DURATION.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            self._mistake(path, "this is not a duration", 'write "90s", "10m" or "1h"', value=True)
            return 0
        duration_ms = int(match[1]) * _UNIT_MS[match[2]]
        if duration_ms > MAX_COOLDOWN_MS:
            self._mistake(path, "longer than the 7 days it may be", value=True)
        return duration_ms

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

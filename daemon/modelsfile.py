"""From a file of features and models to what is learned; every mistake in the file is found in one go. Pure.

The file is TOML: ``features``, a list of expressions of the rule language, one ``[[model]]`` table a model, and one
``[[target]]`` table a question; see ``docs/learning.md``. What it leaves out is as it comes with technic.
"""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import msgspec

from daemon.engine import rules
from daemon.engine.errors import Position, RuleError, RuleErrors, nearest
from daemon.engine.syntax import write
from daemon.engine.tomlmap import TomlMap
from daemon.scoring.features import DEFAULT_FEATURES
from daemon.scoring.recipes import DEFAULT_LADDER, ENSEMBLE, Recipe
from daemon.scoring.targets import KINDS, Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from daemon.engine.tomlmap import Path
    from daemon.engine.vocabulary import Vocabulary

_Table = TypeVar("_Table", Recipe, Target)

MAX_CHARACTERS: Final = 1_000_000
MAX_FEATURES: Final = 128
MAX_MODELS: Final = 16
MAX_TARGETS: Final = 8
_TABLES: Final = ("features", "model", "target")


class Learned(NamedTuple):
    """What models learn from, and which there are.

    Attributes:
        features: expressions, as they are written in the file.
        recipes: of the ladder, the ensemble apart.
        targets: what is asked; none where the file says nothing.
    """

    features: tuple[str, ...] = tuple(DEFAULT_FEATURES)
    recipes: tuple[Recipe, ...] = tuple(DEFAULT_LADDER)
    targets: tuple[Target, ...] = ()


def load(text: str, filename: str, vocabulary: Vocabulary) -> Learned:
    """What a file says.

    Args:
        text: its content, TOML.
        filename: as errors shall name it.
        vocabulary: what features may name.

    Raises:
        RuleErrors: all mistakes, each with line, column and remedy.
    """
    errors: list[RuleError] = []
    learned = _File(text, errors).learned(vocabulary)
    if errors:
        raise RuleErrors(filename, errors)
    return learned


class _File:
    """Reads one file; mistakes go to `errors`."""

    def __init__(self, text: str, errors: list[RuleError]) -> None:
        self._errors, self._map = errors, TomlMap("")
        self._tables: dict[str, Any] = {}
        if len(text) > MAX_CHARACTERS:
            errors.append(RuleError(Position(1, 1), f"longer than {MAX_CHARACTERS:,} characters"))
            return
        try:
            self._tables = tomllib.loads(text)
            self._map = TomlMap(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            errors.append(RuleError(Position(1, 1), f"this is not TOML: {error}"))

    def learned(self, vocabulary: Vocabulary) -> Learned:
        """All of it; what has mistakes is left out."""
        for key in self._tables.keys() - set(_TABLES):
            known = nearest(key, _TABLES) or "it has features, [[model]] and [[target]] tables"
            self._mistake((key,), f'unknown key "{key}"', known)
        return Learned(self._features(vocabulary), self._recipes(), self._targets(vocabulary))

    def _features(self, vocabulary: Vocabulary) -> tuple[str, ...]:
        given = self._tables.get("features", list(DEFAULT_FEATURES))
        if not isinstance(given, list) or not 1 <= len(given) <= MAX_FEATURES:
            self._mistake(
                ("features",), f"features are a list of 1 to {MAX_FEATURES} expressions", "see docs/learning.md"
            )
            return ()
        seen: dict[str, int] = {}
        for number, text in enumerate(given):
            self._check(("features", number), text, vocabulary, seen)
        return tuple(str(text) for text in given)

    def _check(self, path: Path, text: object, vocabulary: Vocabulary, seen: dict[str, int]) -> None:
        if not isinstance(text, str):
            self._mistake(path, "a feature is an expression", "write it as a string")
            return
        try:
            (tree,) = rules.features([text], vocabulary)
        except RuleErrors as errors:
            for one in errors.errors:
                at = self._map.character(path, one.at.column - 1)
                self._errors.append(RuleError(at, one.message, one.remedy))
            return
        if seen.setdefault(write(tree), 1) > 1:
            self._mistake(path, "this feature is there already", "write each once")
        seen[write(tree)] += 1

    def _recipes(self) -> tuple[Recipe, ...]:
        if "model" not in self._tables:
            return tuple(DEFAULT_LADDER)
        return self._all("model", Recipe, MAX_MODELS, [ENSEMBLE])

    def _targets(self, vocabulary: Vocabulary) -> tuple[Target, ...]:
        if "target" not in self._tables:
            return ()
        found = self._all("target", Target, MAX_TARGETS, [])
        given = self._tables["target"]
        for number, table in enumerate(given if isinstance(given, list) else ()):
            for key in ("where", "question") if isinstance(table, dict) else ():
                if isinstance(text := table.get(key), str) and text not in KINDS:
                    known = replace(vocabulary, future=key == "question")
                    self._check_condition(("target", number, key), text, known)
        return found

    def _check_condition(self, path: Path, text: str, vocabulary: Vocabulary) -> None:
        try:
            rules.conditions([text], vocabulary)
        except RuleErrors as errors:
            for one in errors.errors:
                at = self._map.character(path, one.at.column - 1)
                self._errors.append(RuleError(at, one.message, one.remedy))

    def _all(self, kind: str, of: type[_Table], most: int, names: list[str]) -> tuple[_Table, ...]:
        """All tables of a kind; those with mistakes are left out."""
        given = self._tables[kind]
        if not isinstance(given, list) or not 1 <= len(given) <= most or not all(isinstance(t, dict) for t in given):
            self._mistake((kind,), f"there are 1 to {most} tables of that name", f"write the header as [[{kind}]]")
            return ()
        found = tuple(self._one((kind, number), table, of) for number, table in enumerate(given))
        for number, table in enumerate(given):
            name = table.get("name")
            if name is not None and name in names:
                self._mistake((kind, number, "name"), f'there is a {kind} "{name}" already', "name it otherwise")
            names.append(name)
        return tuple(one for one in found if one)

    def _one(self, path: Path, table: dict[str, Any], of: type[_Table]) -> _Table | None:
        keys = [field.name for field in msgspec.structs.fields(of)]
        unknown = table.keys() - set(keys)
        for key in unknown:
            self._mistake((*path, key), f'unknown key "{key}"', nearest(key, keys) or f"it has {', '.join(keys)}")
        wrong = list(_wrong({key: value for key, value in table.items() if key not in unknown}, of))
        for key, what in wrong:
            self._mistake((*path, key) if key in table else path, f"{key}: {what}", "see docs/learning.md")
        return None if wrong or unknown else msgspec.convert(table, of)

    def _mistake(self, path: Path, message: str, remedy: str) -> None:
        self._errors.append(RuleError(self._map.key(path), message, remedy))


def _wrong(table: dict[str, Any], of: type[Recipe | Target]) -> Iterator[tuple[str, str]]:
    """Each key whose value a table of that kind does not take, and why."""
    if "name" not in table:
        yield "name", "it needs one"
    for key, value in table.items():
        try:
            msgspec.convert({"name": "a", key: value}, of)
        except msgspec.ValidationError as error:
            yield key, _plain(str(error))


def _plain(error: str) -> str:
    """What is wrong, without the place that it names in words of its own."""
    return error.split(" - at ", 1)[0]

"""From a file of features and models to what is learned; every mistake in the file is found in one go. Pure.

The file is TOML: ``features``, a list of expressions of the rule language, and one ``[[model]]`` table a model; see
``docs/learning.md``. What it leaves out is as it comes with technic.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from daemon.engine import rules
from daemon.engine.errors import Position, RuleError, RuleErrors, nearest
from daemon.engine.syntax import write
from daemon.engine.tomlmap import TomlMap
from daemon.scoring.features import DEFAULT_FEATURES
from daemon.scoring.recipes import DEFAULT_LADDER, ENSEMBLE, Recipe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from daemon.engine.tomlmap import Path
    from daemon.engine.vocabulary import Vocabulary

MAX_CHARACTERS: Final = 1_000_000
MAX_FEATURES: Final = 128
MAX_MODELS: Final = 16
_KEYS: Final = tuple(field.name for field in msgspec.structs.fields(Recipe))


class Learned(NamedTuple):
    """What models learn from, and which there are.

    Attributes:
        features: expressions, as they are written in the file.
        recipes: of the ladder, the ensemble apart.
    """

    features: tuple[str, ...] = tuple(DEFAULT_FEATURES)
    recipes: tuple[Recipe, ...] = tuple(DEFAULT_LADDER)


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
        for key in self._tables.keys() - {"features", "model"}:
            known = nearest(key, ("features", "model")) or "a file of models has features and [[model]] tables"
            self._mistake((key,), f'unknown key "{key}"', known)
        return Learned(self._features(vocabulary), self._recipes())

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
        given = self._tables.get("model")
        if given is None:
            return tuple(DEFAULT_LADDER)
        if (
            not isinstance(given, list)
            or not 1 <= len(given) <= MAX_MODELS
            or not all(isinstance(t, dict) for t in given)
        ):
            self._mistake(("model",), f"models are 1 to {MAX_MODELS} tables", "write the header as [[model]]")
            return ()
        found = tuple(self._recipe(("model", number), table) for number, table in enumerate(given))
        names = [ENSEMBLE]
        for number, recipe in enumerate(found):
            if recipe and recipe.name in names:
                self._mistake(
                    ("model", number, "name"), f'there is a model "{recipe.name}" already', "name it otherwise"
                )
            names += [recipe.name] if recipe else []
        return tuple(recipe for recipe in found if recipe)

    def _recipe(self, path: Path, table: dict[str, Any]) -> Recipe | None:
        unknown = table.keys() - set(_KEYS)
        for key in unknown:
            self._mistake((*path, key), f'unknown key "{key}"', nearest(key, _KEYS) or f"it has {', '.join(_KEYS)}")
        wrong = list(_wrong({key: value for key, value in table.items() if key not in unknown}))
        for key, what in wrong:
            self._mistake((*path, key) if key in table else path, f"{key}: {what}", "see docs/learning.md")
        return None if wrong or unknown else msgspec.convert(table, Recipe)

    def _mistake(self, path: Path, message: str, remedy: str) -> None:
        self._errors.append(RuleError(self._map.key(path), message, remedy))


def _wrong(table: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Each key whose value a recipe does not take, and why."""
    if "name" not in table:
        yield "name", "a model needs one"
    for key, value in table.items():
        try:
            msgspec.convert({"name": "a", key: value}, Recipe)
        except msgspec.ValidationError as error:
            yield key, _plain(str(error))


def _plain(error: str) -> str:
    """What is wrong, without the place that it names in words of its own."""
    return error.split(" - at ", 1)[0]

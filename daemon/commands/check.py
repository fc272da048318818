"""`technic check-config`: every mistake in configuration and rules, in one go."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, NamedTuple

from daemon.commands.begin import unreadable_rules, unusable_days, unusable_sectors
from daemon.commands.folders import unusable_folders
from daemon.config import EngineSection
from daemon.configfile import ConfigError, load_config
from daemon.engine.errors import RuleErrors
from daemon.mistakes import Mistake

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.config import Config


class Findings(NamedTuple):
    """What was found: the file (None: defaults), mistakes, how many rules there are, and remarks."""

    file: str | None
    mistakes: tuple[Mistake, ...]
    rules: int = 0
    notes: tuple[str, ...] = ()


def check(path: Path | None, *, as_json: bool) -> None:
    """Tell what is wrong.

    Raises:
        ConfigError: something is; with ``as_json`` stdout has said it already.
    """
    _tell(find(path), as_json=as_json)


def check_rules(path: Path, *, as_json: bool) -> None:
    """Tell what is wrong with one file of rules, which need not be the configuration's; raises as `check`."""
    _tell(Findings(str(path), *_in_rules(path)), as_json=as_json)


def _tell(findings: Findings, *, as_json: bool) -> None:
    if as_json:
        mistakes = [mistake._asdict() for mistake in findings.mistakes]
        sys.stdout.write(json.dumps({"ok": not mistakes, **findings._asdict(), "mistakes": mistakes}) + "\n")
    if findings.mistakes:
        raise ConfigError(findings.mistakes)
    if not as_json:
        sys.stdout.write(f"{findings.file or 'no file, defaults'}: no mistakes, {_rules(findings.rules)}\n")
    for note in findings.notes:
        sys.stderr.write(f"note: {note}\n")


def find(path: Path | None) -> Findings:
    """Mistakes of the configuration first, then those of the rules it names."""
    try:
        loaded = load_config(path)
    except ConfigError as error:
        mistakes, _ = _in_rules(error.rules)
        return Findings(str(path) if path else None, (*error.mistakes, *mistakes))
    folders = unusable_folders(loaded, ("folder", "cache"))
    engine, sectors = loaded.config.engine, unusable_sectors(loaded.config.engine)
    known = engine.model_copy(update={"sectors": None}) if sectors else engine
    mistakes, count = _in_rules(known.rules, known)
    mistakes += _in_models(loaded.config.model_copy(update={"engine": known}))
    files = (mistake for mistake in (sectors, unusable_days(engine)) if mistake)
    found = (*folders, *files, *mistakes)
    return Findings(str(loaded.path) if loaded.path else None, found, count, loaded.notes)


def _in_models(config: Config) -> tuple[Mistake, ...]:
    """Mistakes in the file of features and models."""
    from daemon.assembly import learned_of  # noqa: PLC0415 (brings numba)

    try:
        learned_of(config)
    except RuleErrors as errors:
        return _placed(errors)
    except OSError as error:
        what = f"features and models cannot be read: {error.strerror}"
        return (Mistake(str(config.model.ladder), what, "see model.ladder"),)
    return ()


def _placed(errors: RuleErrors) -> tuple[Mistake, ...]:
    found = (Mistake(f"{errors.filename}:{e.at.line}:{e.at.column}", e.message, e.remedy) for e in errors.errors)
    return tuple(found)


def _rules(count: int) -> str:
    return f"{count} rule{'' if count == 1 else 's'}"


def _in_rules(path: Path | None, engine: EngineSection | None = None) -> tuple[tuple[Mistake, ...], int]:
    """Mistakes in the rules, and how many rules there are if there is none."""
    from daemon.assembly import ruleset_of  # noqa: PLC0415 (brings numba)

    unreadable = unreadable_rules(path)
    if unreadable:
        return (unreadable,), 0
    try:
        ruleset = ruleset_of(engine or EngineSection(rules=path))
    except RuleErrors as errors:
        return _placed(errors), 0
    return (), len(ruleset.rules)

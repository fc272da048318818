"""From configuration to an engine: what replay and live build alike."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from daemon import modelsfile, sectorfile
from daemon.engine import rules
from daemon.engine.days import DailyTable
from daemon.engine.engine import NO_DAYS, NO_SECTORS, Engine, Settings
from daemon.engine.errors import Position, RuleError, RuleErrors
from daemon.engine.plan import Plan
from daemon.engine.sectors import Sectors
from daemon.engine.vocabulary import Vocabulary
from daemon.modelsfile import Learned
from daemon.scoring.link import Link
from daemon.scoring.recipes import Course
from daemon.scoring.targets import Target, conditions

if TYPE_CHECKING:
    from collections.abc import Callable

    from daemon.config import Config, EngineSection
    from daemon.engine.learning import Teacher
    from daemon.engine.rules import RuleSet
    from daemon.engine.sessions import SessionTable
    from daemon.engine.syntax import Node
    from daemon.scoring.questions import Lesson
    from daemon.scoring.view import View
    from streams.types import Clock

log = structlog.get_logger()

SHIPPED = "default.toml"
MAX_LIST_CHARACTERS = 1_000_000
"""Of the file of a list of symbols; what follows is not read."""
QUICK_S = 0.25
LONGEST_GRACE_S = 55.0
"""Of a minute's bars; the next minute's come then."""

PATIENCE_S = 60.0
"""How long a learner is waited for where alerts have to be the same every time."""


class Untaught:
    """A teacher where the model is switched off: no view ever comes, no score is ever known."""

    def teach(self, lesson: Lesson) -> None:
        """Let it go."""

    def view(self, minute_ms: int) -> View | None:  # noqa: ARG002 (a teacher is asked for a minute)
        """None."""
        return None


def plan_of(config: Config, before: Plan | None = None) -> Plan:
    """The rules of the configuration and the features of the models, compiled together.

    Args:
        config: names the files of both.
        before: the one in force, whose features and targets stay, whatever their file says now.

    Raises:
        RuleErrors: every mistake in the file, with line, column and remedy.
        SectorFileError: the sectors that rules may name cannot be read.
        OSError: the file cannot be read.
    """
    ruleset = ruleset_of(config.engine)
    if before:
        return Plan(ruleset, before.features, asked=before.targets)
    vocabulary = replace(_vocabulary(config.engine), future=True)
    asked = rules.conditions(conditions(targets_of(config)), vocabulary) if config.model.enabled else ()
    return Plan(ruleset, features_of(config), asked=asked)


def ruleset_of(engine: EngineSection) -> RuleSet:
    """The checked rules of the configuration, or those that ship.

    Raises:
        RuleErrors, SectorFileError, OSError: as `plan_of`.
    """
    path = engine.rules
    name, content = str(path or SHIPPED), (path or files("daemon") / "rules" / SHIPPED).read_bytes()
    try:
        return rules.load(content.decode(), name, _vocabulary(engine), _reader(path.parent if path else None))
    except UnicodeDecodeError as error:
        raise _no_text(name, content, error) from error


def _vocabulary(engine: EngineSection) -> Vocabulary:
    """With the sectors that are configured."""
    return Vocabulary(sectors=tuple(sorted(set(sectorfile.configured(engine).values()))))


def _no_text(name: str, content: bytes, error: UnicodeDecodeError) -> RuleErrors:
    at = Position(content.count(b"\n", 0, error.start) + 1, 1)
    return RuleErrors(name, [RuleError(at, "this is not UTF-8", "save the file in that encoding")])


def features_of(config: Config) -> tuple[Node, ...]:
    """What models learn from; nothing where they are switched off."""
    return rules.features(learned_of(config).features, _vocabulary(config.engine)) if config.model.enabled else ()


def targets_of(config: Config) -> tuple[Target, ...]:
    """What is asked, the one that is the score first."""
    one = Target(horizon_minutes=config.model.horizon_minutes, threshold_atr=config.model.threshold_atr)
    return learned_of(config).targets or (one,)


def learned_of(config: Config) -> Learned:
    """Features and models of the configuration, or those that come.

    Raises:
        RuleErrors, SectorFileError, OSError: as `plan_of`.
    """
    path = config.model.ladder
    if path is None:
        return Learned()
    content = path.read_bytes()
    try:
        return modelsfile.load(content.decode(), str(path), _vocabulary(config.engine))
    except UnicodeDecodeError as error:
        raise _no_text(str(path), content, error) from error


def _reader(folder: Path | None) -> Callable[[str], str]:
    """Reads the file of a list, beside the rules; of a bounded size."""

    def read(name: str) -> str:
        with ((folder or Path()) / name).open(encoding="utf-8") as file:
            return file.read(MAX_LIST_CHARACTERS)

    return read


def settings_of(config: Config) -> Settings:
    """The engine's settings in its own units.

    Raises:
        SectorFileError: the file of the sectors cannot be used.
        DailyFileError: the file of the daily bars cannot be used.
    """
    return Settings(
        grace_ms=round(_grace_s(config) * 1000),
        max_symbols=config.engine.max_symbols,
        horizon_minutes=config.model.horizon_minutes,
        threshold_atr=config.model.threshold_atr,
        targets=targets_of(config),
        extended_hours=config.engine.extended_hours,
        sectors=Sectors(sectorfile.configured(config.engine)) if config.engine.sectors else NO_SECTORS,
        daily=daily_of(config.engine.daily) if config.engine.daily else NO_DAYS,
    )


def _grace_s(config: Config) -> float:
    """Market seconds; a simulated exchange that hurries needs the machine's own time for its bars, `QUICK_S` of it.

    In lossless mode the bars alone tell the time, as in a replay.
    """
    feed, grace_s = config.feed, config.engine.grace_s
    return grace_s if feed.lossless else max(grace_s, min(QUICK_S * feed.speed, LONGEST_GRACE_S))


def daily_of(path: Path) -> DailyTable:
    """Official daily bars of a file; about a second for a million.

    Raises:
        DailyFileError: the file cannot be used.
    """
    return _daily(path, path.stat().st_mtime_ns if path.exists() else 0)


@lru_cache(maxsize=1)
def _daily(path: Path, _changed_ns: int) -> DailyTable:
    """As the file was at that time: a start asks for it more than once."""
    from streams.dailyfile import read_daily  # noqa: PLC0415 (DuckDB, which a start without such a file need not load)

    days = read_daily(path)
    table = DailyTable(days.symbol, days.day, days.values)
    log.info("daily bars", path=str(path), bars=len(days.day), left_out=days.rejected, closes_only=table.closes_only)
    return table


def teacher_of(config: Config, clock: Clock, *, patient: bool, folder: Path | None = None) -> Link | None:
    """A link to a learner's process, None where the model is switched off; answers are remembered in `folder`."""
    if not config.model.enabled:
        return None
    learned = learned_of(config)
    courses = [
        Course(target.name, target.horizon_minutes, learned.recipes, unusual=number == 0)
        for number, target in enumerate(targets_of(config))
    ]
    patience_s, learns = PATIENCE_S if patient else 0.0, config.model.learn
    return Link(learned.features, clock, patience_s, courses=courses, folder=folder, learns=learns)


def engine_of(
    config: Config, plan: Plan, teacher: Teacher | None, sessions: SessionTable, *, live: bool = False
) -> Engine:
    """An engine with fresh state; a live one learns how long bars are to be waited for, others have all there is."""
    learns = live and not config.feed.lossless
    settings = settings_of(config)._replace(stragglers=config.engine.stragglers if learns else 0.0)
    return Engine(plan, sessions, teacher or Untaught(), settings)

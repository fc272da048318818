"""How commands begin: configuration, log, cache."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog

from daemon import kernelcache, logs, sectorfile
from daemon.clock import SystemClock
from daemon.commands.folders import unusable_folders
from daemon.config import LogSection
from daemon.configfile import ConfigError, load_config, usual_cache
from daemon.mistakes import Mistake

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from daemon.config import Config, EngineSection

log = structlog.get_logger()

ZONE = "America/New_York"


def begin(
    path: Path | None, overrides: Mapping[str, Any] | None = None, *, feed: bool = False, writes: Sequence[str] = ()
) -> Config:
    """The configuration; from here on the log is set up, and compiled kernels have their place.

    To be called before anything imports numba, which looks for its cache when it is imported.

    Args:
        path: the configuration's file; else it is looked for.
        overrides: sections with keys that win over everything.
        feed: an API key is needed.
        writes: keys of section ``state`` whose folders the command works in.

    Raises:
        ConfigError: all mistakes at once; a rules file that cannot be read is one, sectors that cannot be
            used and a folder that cannot be made are too.
    """
    loaded = load_config(path, overrides, feed=feed)
    config = loaded.config
    logs.configure(config.log, SystemClock(), config.secrets())
    kernelcache.use(config.state.cache)
    os.environ.setdefault("MPLCONFIGDIR", str(config.state.cache / "matplotlib"))  # a service has no home of its own
    for note in loaded.notes if feed else ():
        log.warning("configuration", note=note)
    unreadable = (
        unreadable_rules(config.engine.rules),
        unreadable_rules(config.model.ladder, "features and models", "model.ladder"),
    )
    files = (*unreadable, unusable_sectors(config.engine), unusable_days(config.engine))
    mistakes = [*unusable_folders(loaded, writes), *(mistake for mistake in (unknown_zone(), *files) if mistake)]
    if mistakes:
        raise ConfigError(mistakes)
    return config


def begin_without_configuration() -> None:
    """Log and place of compiled kernels for a command that has no configuration; before anything imports numba."""
    logs.configure(LogSection(), SystemClock())
    kernelcache.use(Path(usual_cache()).expanduser())


def unknown_zone() -> Mistake | None:
    """What is missing of the exchange's time zone, None if it is known."""
    try:
        ZoneInfo(ZONE)
    except ZoneInfoNotFoundError:
        remedy = "install the locked tzdata beside technic, or the system's package of that name"
        return Mistake(ZONE, "this machine does not know the time zone", remedy)
    return None


def unusable_sectors(engine: EngineSection) -> Mistake | None:
    """What is wrong with the file of the sectors, None if it can be used."""
    try:
        sectorfile.configured(engine)
    except sectorfile.SectorFileError as error:
        return Mistake(error.place, error.message, error.remedy)
    return None


def unusable_days(engine: EngineSection) -> Mistake | None:
    """What is wrong with the file of the daily bars, None if there is none or it looks like one."""
    if not engine.daily:
        return None
    from streams.dailyfile import DailyFileError, look_at  # noqa: PLC0415 (DuckDB: only where there is such a file)

    try:
        look_at(engine.daily)
    except DailyFileError as error:
        return Mistake(str(error.path), f"the daily bars cannot be used: {error.said}", "see engine.daily")
    return None


def unreadable_rules(path: Path | None, what: str = "the rules", key: str = "engine.rules") -> Mistake | None:
    """What is wrong with the file of the rules, or of `what`, as a file, None if it is text."""
    try:
        if path:
            path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        return Mistake(str(path), f"{what} cannot be read: {reason}", f"see {key}")
    return None

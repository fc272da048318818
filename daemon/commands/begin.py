"""How commands begin: configuration, log, cache."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import structlog

from daemon import logs
from daemon.clock import SystemClock
from daemon.configfile import ConfigError, Mistake, load_config

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from daemon.config import Config

log = structlog.get_logger()


def begin(path: Path | None, overrides: Mapping[str, Any] | None = None, *, feed: bool = False) -> Config:
    """The configuration; from here on the log is set up, and compiled kernels have their place.

    To be called before anything imports numba, which looks for its cache when it is imported.

    Raises:
        ConfigError: all mistakes at once; a rules file that cannot be read is one.
    """
    loaded = load_config(path, overrides, feed=feed)
    config = loaded.config
    logs.configure(config.log, SystemClock(), config.secrets())
    os.environ.setdefault("NUMBA_CACHE_DIR", str(config.state.cache / "numba"))
    for note in loaded.notes if feed else ():
        log.warning("configuration", note=note)
    mistake = unreadable_rules(config.engine.rules)
    if mistake:
        raise ConfigError([mistake])
    return config


def unreadable_rules(path: Path | None) -> Mistake | None:
    """What is wrong with the rules file as a file, None if it is text."""
    try:
        if path:
            path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        return Mistake(str(path), f"the rules cannot be read: {reason}", "see engine.rules")
    return None

"""Compiles what the first bar would have to wait for, before the service says that it is ready."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import structlog
from rich.console import Console

from daemon import assembly, calendar
from daemon.assembly import Untaught
from daemon.engine.engine import Engine
from daemon.scoring.view import untaught
from streams.bars import MINUTE_MS, SECOND_MS, empty
from streams.polygon.codec import Codec

if TYPE_CHECKING:
    from daemon.config import Config
    from daemon.engine.engine import Settings
    from daemon.engine.plan import Plan
    from daemon.engine.sessions import SessionTable
    from streams.bars import BarBatch
    from streams.types import Clock

log = structlog.get_logger()

WAIT = "compiling kernels: about half a minute, once for each version; then about a second"

_SAMPLE = (
    b'[{"ev":"A","sym":"A","v":1,"av":1,"op":1.0,"vw":1.0,"o":1.0,"c":1.0,"h":1.0,"l":1.0,"a":1.0,"z":1,'
    b'"s":1736173801000,"e":1736173802000,"dv":"1.0","dav":"1.0"}]'
)


def up(config: Config, clock: Clock) -> None:
    """Compile all that a first bar needs, before an event loop or a child is there, so that Ctrl-C ends it at once.

    Says on stderr what is waited for.

    Raises:
        RulesError, CalendarError, OSError: as a start does.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        log.info("kernels", what=WAIT)
    with console.status(WAIT):
        sessions = calendar.load(config.state.cache, clock.wall_ms()).sessions
        decoder(Codec())
        kernels(assembly.plan_of(config), sessions, assembly.settings_of(config))


def decoder(codec: Codec) -> None:
    """Decode an invented frame; about 5 s cold, well under 1 s from the cache."""
    codec.decode(_SAMPLE, 0)


def kernels(plan: Plan, sessions: SessionTable, settings: Settings) -> None:
    """Run a few invented bars through an engine that is thrown away; about 20 s cold, 1 s from the cache."""
    engine = Engine(plan, sessions, Untaught(), settings)
    engine.view = untaught(len(plan.features)) if plan.features else None
    start_ms = int(sessions.open_ms[-1])
    for length_ms in (SECOND_MS, MINUTE_MS):
        engine.step(_bar(start_ms, length_ms))
    engine.step(_bar(start_ms + MINUTE_MS, SECOND_MS))
    engine.advance(start_ms + 30 * MINUTE_MS)


def _bar(start_ms: int, length_ms: int) -> BarBatch:
    bar = empty(1)
    bar.symbol[:] = b"A"
    bar.start_ms[:], bar.length_ms[:], bar.arrival_ms[:] = start_ms, length_ms, start_ms + length_ms
    bar.values[:6] = np.array([[1.0], [1.0], [1.0], [1.0], [100.0], [1.0]])
    return bar

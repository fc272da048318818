"""Compiles what the first bar would have to wait for, before the service says that it is ready."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import structlog

from daemon import assembly, calendar, compiling, kernelcache
from daemon.assembly import Untaught
from daemon.engine import crosssection
from daemon.engine.engine import Engine
from daemon.progress import ProgressBar
from daemon.scoring import scorecard
from daemon.scoring.view import untaught
from daemon.scoring.view import warm as warm_scores
from streams.bars import MINUTE_MS, SECOND_MS, empty
from streams.polygon.codec import Codec

if TYPE_CHECKING:
    from collections.abc import Callable

    from daemon.calendar import Calendar
    from daemon.config import Config
    from daemon.engine.engine import Settings
    from daemon.engine.plan import Plan
    from daemon.engine.sessions import SessionTable
    from streams.bars import BarBatch
    from streams.types import Clock

log = structlog.get_logger()

WAIT = "kernels are compiled once for each version: some 20 seconds; then it takes a second"

_SAMPLE = (
    b'[{"ev":"A","sym":"A","v":1,"av":1,"op":1.0,"vw":1.0,"o":1.0,"c":1.0,"h":1.0,"l":1.0,"a":1.0,"z":1,'
    b'"s":1736173801000,"e":1736173802000,"dv":"1.0","dav":"1.0"}]'
)


class Warm(NamedTuple):
    """What was loaded and compiled, and is good for a start."""

    calendar: Calendar
    plan: Plan
    codec: Codec


def up(config: Config, clock: Clock) -> Warm:
    """As `parts`, before an event loop or a child is there, so that Ctrl-C ends it at once; shows how far it is."""
    cold = kernelcache.is_empty()
    if cold:
        log.info("kernels", what=WAIT)
    with ProgressBar("compiling kernels", clock) as progress:
        return parts(config, clock, progress if cold else None)


def parts(config: Config, clock: Clock, progress: Callable[[int, int], None] | None = None) -> Warm:
    """Load calendar and rules, and compile all that a first bar needs.

    Args:
        config: whose rules.
        clock: which calendar.
        progress: told kernels compiled and about how many there will be.

    Raises:
        RulesError, CalendarError, OSError: as a start does.
    """
    with compiling.decoder_beside() as ready:
        warm = Warm(calendar.configured(config, clock.wall_ms()), assembly.plan_of(config), Codec())
        names = {spec.indicator.name for specs in (warm.plan.specs, *warm.plan.longer.values()) for spec in specs}
        total = compiling.COMMON + len(names)
        with compiling.counted(lambda done: progress(min(done, total), total) if progress else None):
            kernels(warm.plan, warm.calendar.sessions, assembly.settings_of(config))
        ready()
        decoder(warm.codec)
    return warm


def decoder(codec: Codec) -> None:
    """Decode an invented frame; about 5 s cold, well under 1 s from the cache."""
    _compiled(lambda: codec.decode(_SAMPLE, 0))


def kernels(plan: Plan, sessions: SessionTable, settings: Settings) -> None:
    """Run a few invented bars through an engine that is thrown away; about 20 s cold, 1 s from the cache."""
    _compiled(lambda: _first_bars(plan, sessions, settings))


def _compiled(work: Callable[[], object]) -> None:
    """Do it, and keep what it compiled; where that fails once more without what was kept before.

    numba reads what it has kept of a kernel at its first call, and reads it again at the next one if that fails.
    """
    try:
        work()
    except Exception as error:
        if not kernelcache.wipe():
            raise RuntimeError("kernels cannot be compiled or loaded; is NUMBA_CACHE_DIR damaged?") from error
        log.warning("compiled kernels are removed, and compiled anew", what=repr(error), remedy="none needed")
        work()
    kernelcache.seal()


def _first_bars(plan: Plan, sessions: SessionTable, settings: Settings) -> None:
    crosssection.warm()
    scorecard.warm()
    engine = Engine(plan, sessions, Untaught(), settings)
    engine.view = untaught(len(plan.features)) if plan.features else None
    warm_scores(len(plan.features))
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

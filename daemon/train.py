"""Models taught from history: what `technic train` does. The same engine, questions and learner as live."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from daemon import assembly, calendar, lock, snapshot, warm
from daemon.replay import END_MS
from streams.barfile import open_bars
from streams.bars import MINUTE_MS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from daemon.config import Config
    from daemon.scoring.modelfigures import ModelFigures
    from streams.barfile import BarFile
    from streams.types import Clock

_DAY_MS: Final = 1_440 * MINUTE_MS


class Trained(NamedTuple):
    """What came of it.

    Attributes:
        path: the state that the next start of the daemon takes up.
        bars: that were learned from.
        days: with bars among them, by UTC.
        models: how good each model has been.
    """

    path: Path
    bars: int
    days: int
    models: list[ModelFigures]


def train(
    paths: Sequence[Path],
    length_ms: int,
    days: int | None,
    config: Config,
    clock: Clock,
    *,
    progress: Callable[[int, int], None],
) -> Trained:
    """Run the bars of files through an engine whose models know nothing, and keep what they have learned.

    Args:
        paths: of bars; they are taken in the order of their first bars.
        length_ms: of the bars.
        days: only the last so many days with bars, None for all.
        config: the daemon's, with its model and its state folder.
        clock: of the machine.
        progress: called with bars done and bars in all.

    Raises:
        streams.barfile.BarFileError: a file is unreadable or foreign.
        daemon.lock.FolderTakenError: a daemon works in the state folder.
        OSError: the state cannot be written.
    """
    folder = config.state.folder
    with ExitStack() as stack:
        stack.enter_context(lock.held(folder))
        files = sorted((open_bars(path, length_ms) for path in paths), key=lambda file: file.first_ms)
        for file in files:
            stack.callback(file.close)
        sessions = calendar.configured(config, clock.wall_ms()).sessions
        plan = assembly.plan_of(config)
        teacher = assembly.teacher_of(config, clock, patient=True, folder=folder / "learner")
        if teacher is None:
            raise ModelDisabledError
        stack.callback(teacher.close)
        teacher.start()
        warm.kernels(plan, sessions, assembly.settings_of(config))
        engine = assembly.engine_of(config, plan, teacher, sessions)
        first_ms, known = _first(files, days)
        total, done, taken = sum(file.count for file in files), 0, 0
        for file in files:
            for batch in file.batches():
                done += batch.size
                progress(done, total)
                kept = batch.take(batch.start_ms >= first_ms)
                taken += kept.size
                engine.step(kept)
        engine.advance(END_MS)
        models = [*engine.learning.figures(), *teacher.models(assembly.PATIENCE_S)]
        return Trained(snapshot.save_trained(folder, teacher), taken, known, models)


class ModelDisabledError(Exception):
    """There is nothing to train. Stop: a person changes the configuration."""

    def __str__(self) -> str:
        """What to do."""
        return "model.enabled is false: there is nothing to train"


def _first(files: Sequence[BarFile], days: int | None) -> tuple[int, int]:
    """Start of the first bar that counts, and how many days have bars from there on."""
    found: set[int] = set()
    for file in files:
        for batch in file.batches():
            found.update(np.unique(batch.start_ms // _DAY_MS).tolist())
    chosen = sorted(found)[-days:] if days else sorted(found)
    return (chosen[0] * _DAY_MS if chosen else 0), len(chosen)

"""`technic train`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import msgspec

from daemon.clock import SystemClock
from daemon.commands import models
from daemon.commands.begin import begin
from daemon.progress import ProgressBar

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def train(path: Path | None, bars: Sequence[Path], length_ms: int, days: int | None, *, as_json: bool) -> None:
    """Teach the models from files; how good they were goes to stdout.

    Raises:
        ModelDisabledError: the model is switched off.
    """
    config = begin(path, writes=("folder", "cache"))
    from daemon.train import train as from_history  # noqa: PLC0415 (numba's cache has its place only now)

    clock = SystemClock()
    with ProgressBar("train", clock) as progress:
        trained = from_history(bars, length_ms, days, config, clock, progress=progress)
    said = f"{trained.bars:,} bars of {trained.days:,} days; what was learned is in {trained.path}, for the next start"
    sys.stderr.write(f"technic: {said}\n")
    if as_json:
        sys.stdout.write(msgspec.json.encode(trained.models).decode() + "\n")
    elif trained.models:
        models.show(trained.models)

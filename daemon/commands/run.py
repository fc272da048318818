"""`technic run` and `technic demo`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import uvloop

from daemon.clock import SystemClock
from daemon.commands.begin import begin
from daemon.configfile import load_config

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from daemon.config import Config


def run(path: Path | None, duration_s: float | None) -> None:
    """The daemon, until it is stopped."""
    config = begin(path, feed=True)
    from daemon.app import App  # noqa: PLC0415 (numba's cache has its place only now)

    async def main() -> None:
        await App(config, SystemClock(), lambda: load_config(path, feed=True).config).run(duration_s=duration_s)

    uvloop.run(main())


def demo(path: Path | None, *, symbols: int, speed: float, seed: int, duration_s: float | None) -> None:
    """Exchange, daemon and server on this machine, and a live table."""

    def load(overrides: Mapping[str, Any]) -> Config:
        return begin(path, {**overrides, "log": {"level": "error"}})

    load({})
    from daemon.demo import demo as whole  # noqa: PLC0415 (as above)

    uvloop.run(whole(load, SystemClock(), symbols=symbols, speed=speed, seed=seed, duration_s=duration_s))

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
    config = begin(path, feed=True, writes=("folder", "cache"))
    from daemon import warm  # noqa: PLC0415 (numba's cache has its place only now)
    from daemon.app import App  # noqa: PLC0415 (as above)

    clock = SystemClock()
    warmed = warm.up(config, clock)

    async def main() -> None:
        await App(config, clock, lambda: load_config(path, feed=True).config, warmed).run(duration_s=duration_s)

    uvloop.run(main())


def demo(path: Path | None, *, symbols: int, speed: float, seed: int, duration_s: float | None) -> None:
    """Exchange, daemon and server on this machine, and a live table."""

    def load(overrides: Mapping[str, Any]) -> Config:
        return begin(path, {**overrides, "log": {"level": "error"}}, writes=("cache",))

    config = load({})
    from daemon import warm  # noqa: PLC0415 (as above)
    from daemon.demo import demo as whole  # noqa: PLC0415 (as above)

    clock = SystemClock()
    warmed = warm.up(config, clock)
    uvloop.run(whole(load, clock, warmed, symbols=symbols, speed=speed, seed=seed, duration_s=duration_s))

"""What the prefetcher has learned, across stop and start: looks, alerts of sectors, the learned model."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import structlog

from daemon import statefile
from daemon.prefetch.chances import FEATURES, prior_arrays
from daemon.scoring.link import Link

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

    from daemon.prefetch.demand import Demand
    from streams.types import Clock

log = structlog.get_logger()

FILE: Final = "prefetch.state"
EVERY_S: Final = 600.0
_DEMAND, _LINK = "demand/", "link/"


def learner(path: Path, demand: Demand, clock: Clock) -> Link:
    """A link to a learner that goes on where the saved one stopped, and `demand` with it.

    A file that cannot be used costs what was learned: it is set aside, and the prior holds.
    """
    try:
        arrays = statefile.read(path) or {}
        link = _linked(_part(arrays, _LINK), clock) if arrays else None
        if arrays:
            demand.load_arrays(_part(arrays, _DEMAND))
    except Exception as error:  # noqa: BLE001 - whatever a file can hold, the daemon starts
        log.warning("saved prefetch refused, it learns anew", error=str(error), kept_as=str(statefile.quarantine(path)))
        link = None
    return link or _linked(prior_arrays(), clock)


async def keep(path: Path, demand: Demand, link: Link) -> None:
    """Save it now and then, and when cancelled; some 100 kB. A disk that refuses costs what was learned since."""
    try:
        while True:
            await asyncio.sleep(EVERY_S)
            await asyncio.to_thread(_write, path, _arrays(demand, link))
    finally:
        _write(path, _arrays(demand, link))


def _arrays(demand: Demand, link: Link) -> dict[str, NDArray[Any]]:
    return {
        **{f"{_DEMAND}{name}": array for name, array in demand.to_arrays().items()},
        **{f"{_LINK}{name}": array for name, array in link.to_arrays().items()},
    }


def _write(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    with suppress(OSError):  # that of the engine's state, in the same folder, is told
        statefile.write(path, arrays)


def _linked(arrays: Mapping[str, NDArray[Any]], clock: Clock) -> Link:
    link = Link(FEATURES, clock)
    link.load_arrays(arrays)
    return link


def _part(arrays: Mapping[str, NDArray[Any]], name: str) -> dict[str, NDArray[Any]]:
    return {key.removeprefix(name): array for key, array in arrays.items() if key.startswith(name)}

"""The engine's and the learner's state across a clean stop and start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from daemon import statefile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from daemon.engine.engine import Engine
    from daemon.scoring.link import Link

log = structlog.get_logger()

_LINK = "link/"


def save(path: Path, engine: Engine, teacher: Link | None) -> None:
    """Write the state; a disk that refuses costs a warm start, not the stop."""
    arrays = engine.to_arrays()
    if teacher:
        arrays |= {f"{_LINK}{name}": array for name, array in teacher.to_arrays().items()}
    try:
        size = statefile.write(path, arrays)
    except OSError as error:
        log.warning("state not saved", path=str(path), error=str(error), remedy="the next start warms up anew")
    else:
        lost = teacher.unlearned if teacher else 0
        megabytes = round(size / 1e6, 1)
        log.info("state saved", path=str(path), megabytes=megabytes, symbols=len(engine.symbols), lessons_lost=lost)


def restored(path: Path, make: Callable[[], Engine], teacher: Link | None) -> Engine:
    """An engine that goes on where the saved one stopped; a fresh one where there is no state that can be used.

    A state that is torn, altered, or does not fit is set aside as ``.bad``. Broad on purpose: whatever a file can
    hold, the daemon starts.
    """
    try:
        arrays = statefile.read(path)
        if arrays is None:
            return make()
        engine = make()
        engine.load_arrays({name: array for name, array in arrays.items() if not name.startswith(_LINK)})
        if teacher:
            teacher.load_arrays(
                {name.removeprefix(_LINK): array for name, array in arrays.items() if name.startswith(_LINK)}
            )
    except Exception as error:  # noqa: BLE001
        aside = statefile.quarantine(path)
        log.warning("saved state refused, starting cold", error=f"{type(error).__name__}: {error}", kept_as=str(aside))
        return make()
    log.info("state restored", path=str(path), symbols=len(engine.symbols))
    return engine

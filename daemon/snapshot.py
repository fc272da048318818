"""The engine's and the learner's state across a clean stop and start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog

from daemon import statefile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

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

    There are two parts, and each is used as a whole or not at all: the market (symbols, bars, indicators, episodes,
    market time, counts), and on top of it the model (questions, scores, views, judge), which starts cold when it was
    saved under other settings. A file that is not used, or not all of it, is kept as ``.bad``. Broad on purpose:
    whatever a file can hold, the daemon starts.
    """
    try:
        arrays = statefile.read(path)
        if arrays is None:
            return make()
        engine = _market(make, arrays)
    except Exception as error:  # noqa: BLE001
        aside = statefile.quarantine(path)
        log.warning("saved state refused, starting cold", error=f"{type(error).__name__}: {error}", kept_as=str(aside))
        return make()
    try:
        engine.load_learned(arrays)
        if teacher:
            teacher.load_arrays(_of_link(arrays))
    except Exception as error:  # noqa: BLE001
        reason = f"{type(error).__name__}: {error}"
        log.warning("saved model refused, it starts cold; all else goes on", error=reason, kept_as=_aside(path))
        engine = _market(make, arrays)
    log.info("state restored", path=str(path), symbols=len(engine.symbols))
    return engine


def _market(make: Callable[[], Engine], arrays: Mapping[str, NDArray[Any]]) -> Engine:
    engine = make()
    engine.load_market(arrays)
    excess = len(engine.symbols) - engine.most_symbols
    if excess > 0:
        what = f"{len(engine.symbols)} are saved, {engine.most_symbols} are allowed: those saved stay, none is added"
        log.warning("more symbols saved than engine.max_symbols", what=what)
    return engine


def _of_link(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(_LINK): array for name, array in arrays.items() if name.startswith(_LINK)}


def _aside(path: Path) -> str:
    """A file system without hard links keeps nothing."""
    try:
        return str(statefile.quarantine(path, leave=True))
    except OSError as error:
        return f"not kept: {error}"

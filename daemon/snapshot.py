"""The engine's and the learner's state across stop, kill and start."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import structlog

from daemon import statefile
from daemon.engine.alerts import Alert
from daemon.engine.learning import part_of
from streams.outbox import OutboxError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AsyncExitStack
    from pathlib import Path

    from numpy.typing import NDArray

    from daemon.app import App
    from daemon.engine.engine import Engine
    from daemon.live import Live
    from daemon.scoring.link import Link
    from streams.outbox import Outbox, Stored
    from streams.types import Clock

    Arrays = dict[str, NDArray[Any]]
    Sizes = dict[str, tuple[tuple[int, ...], np.dtype[Any]]]

log = structlog.get_logger()

FILE = "engine.state"
TRAINED = "trained.state"
_LINK, _OUTBOX = "link/", "outbox/seq"
_CHUNK = 10_000
_BY_ROW = "timeframes"

ROWS, FEW, PASSES = 512, 512, 4
"""Rows copied at a time, rows that may be left for the last moment, and how often all are gone through for that: in the
seconds in which the market's minute closes rows change as fast as they are copied."""


class Snapshots:
    """Saves the state now and then, and a last time.

    Between turns the engine's thread copies its arrays into memory that is kept for that: first indicators, `ROWS` rows
    at a time, then at one moment the rest and those rows that have changed meanwhile. A turn waits for the last of
    these, 5 ms at 10,000 symbols, or for one of the others. A thread of its own then writes the file.

    Args:
        path: the file; it is replaced as a whole.
        engine: whose state.
        teacher: the learner's side of it.
        outbox: the state says up to which alert it knows.
        live: turns the engine.
        every_s: seconds between two; 0 for the last one only.
        clock: the machine's.
    """

    def __init__(
        self,
        path: Path,
        engine: Engine,
        teacher: Link | None,
        outbox: Outbox,
        live: Live,
        every_s: float,
        clock: Clock,
    ) -> None:
        self._path, self._engine, self._teacher, self._outbox = path, engine, teacher, outbox
        self._live, self._every_s, self._clock = live, every_s, clock
        self._taken_s: float | None = None
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="snapshot")
        self._copies: Arrays = {}
        self._needed: Sizes = {}
        self._left, self._is_new = 0, True

    @property
    def age_s(self) -> float | None:
        """Age of the newest state that this process has saved while the engine turned, None before the first."""
        return None if self._taken_s is None else self._clock.monotonic_s() - self._taken_s

    async def run(self) -> None:
        """Save for ever; returns at once if there is only the last one to save."""
        while self._every_s:
            await asyncio.sleep(self._every_s)
            await self.take()

    async def take(self) -> None:
        """Save while the engine turns; nothing is saved while it does not."""
        loop, between = asyncio.get_running_loop(), self._live.between_turns
        await between(self._measure)
        await loop.run_in_executor(self._writer, self._make_room)
        taken_s = self._clock.monotonic_s()
        for _ in range(PASSES * (self._engine.watch.capacity // ROWS + 1)):
            if not await between(self._copy_some) or self._left <= FEW:
                break
        if await between(self._copy_rest):
            size = await loop.run_in_executor(self._writer, _write, self._path, self._copies)
            self._taken_s = taken_s if size else self._taken_s

    async def take_last(self) -> None:
        """Save the state of an engine that turns no more, after any save under way."""
        await asyncio.get_running_loop().run_in_executor(self._writer, self._save)

    def close(self) -> None:
        """Wait for what is being written."""
        self._writer.shutdown()

    def _arrays(self) -> Arrays:
        return _arrays_of(self._engine, self._teacher, self._outbox)

    def _measure(self) -> None:
        self._needed = _sizes(self._arrays())

    def _make_room(self) -> None:
        """Memory that was touched: mapping fresh pages would cost the engine's thread more than the copy."""
        kept, self._copies = self._copies, {}
        for name, needed in self._needed.items():
            self._copies[name] = room = _room(kept.get(name), *needed)
            self._is_new |= room is not kept.get(name)

    def _copy_some(self) -> None:
        """Some rows; none where there is no room for them: the last copy sees to that."""
        timeframes = self._engine.watch.timeframes
        if self._is_new:
            timeframes.recopy()
            self._is_new = False
        into = part_of(self._copies, _BY_ROW)
        fits = all(name in into and into[name].shape == array.shape for name, array in timeframes.to_arrays().items())
        self._left = timeframes.copy_some(into, ROWS) if fits else 0

    def _copy_rest(self) -> None:
        """What has changed since, and all else; what has grown since is new memory, for once."""
        arrays, timeframes = self._arrays(), self._engine.watch.timeframes
        self._needed = _sizes(arrays)
        self._make_room()
        if self._is_new:
            timeframes.recopy()
            self._is_new = False
        for name, array in arrays.items():
            if not name.startswith(f"{_BY_ROW}/"):
                np.copyto(self._copies[name], array)
        timeframes.copy_rest(part_of(self._copies, _BY_ROW))

    def _save(self) -> None:
        save(self._path, self._engine, self._teacher, self._outbox)


def of(app: App, stack: AsyncExitStack) -> Snapshots:
    """Those of `app`; leaving `stack` waits for what is being written."""
    state = app.config.state
    snapshots = Snapshots(
        state.folder / FILE, app.engine, app.teacher, app.outbox, app.live, state.snapshot_s, app.clock
    )
    stack.callback(snapshots.close)
    return snapshots


def save(path: Path, engine: Engine, teacher: Link | None, outbox: Outbox | None = None) -> None:
    """Write the state of an engine at rest; a disk that refuses costs a warm start, not the stop."""
    if size := _write(path, _arrays_of(engine, teacher, outbox)):
        lost = teacher.unlearned if teacher else 0
        megabytes = round(size / 1e6, 1)
        log.info("state saved", path=str(path), megabytes=megabytes, symbols=len(engine.symbols), lessons_lost=lost)


def _arrays_of(engine: Engine, teacher: Link | None, outbox: Outbox | None) -> Arrays:
    arrays = engine.to_arrays()
    if teacher:
        arrays |= {f"{_LINK}{name}": array for name, array in teacher.to_arrays().items()}
    return {**arrays, _OUTBOX: np.array([_newest(outbox)], np.int64)}


def _newest(outbox: Outbox | None) -> int:
    """Position in the outbox; 0, all of it will be looked at, where that cannot be read."""
    with suppress(OutboxError):
        return outbox.newest_seq() if outbox else 0
    return 0


def _sizes(arrays: Arrays) -> Sizes:
    return {name: (array.shape, array.dtype) for name, array in arrays.items()}


def _room(kept: NDArray[Any] | None, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    if kept is not None and kept.shape == shape and kept.dtype == dtype:
        return kept
    room = np.empty(shape, dtype)
    room[...] = room.dtype.type()
    return room


def _write(path: Path, arrays: Arrays) -> int:
    try:
        return statefile.write(path, arrays, _before(path))
    except OSError as error:
        log.warning("state not saved", path=str(path), error=str(error), remedy="free or mend the disk")
        return 0


def restored(path: Path, make: Callable[[], Engine], teacher: Link | None, outbox: Outbox | None = None) -> Engine:
    """An engine that goes on where the saved one stopped; a fresh one where there is no state that can be used.

    There are three parts, and each is used as a whole or not at all: the market (symbols, bars, indicators, episodes,
    market time, counts), on top of it the questions (with scores, the view in use, base rates), which begin anew when
    they were saved under other settings, and what models have learned, of which all that fits is taken over. A file
    that is not used, or not all of it, is kept as ``.bad``; where the newest cannot be, the one before it is. Broad on
    purpose: whatever a file can hold, the daemon starts.

    Alerts that `outbox` holds and the state does not know of were given between the save and a kill: none of them is
    given a second time.
    """
    for place in (path, _before(path)):
        engine = _restored(place, make, teacher, outbox)
        if engine is not None:
            return engine
    _teach(teacher, path, {})
    return make()


def _before(path: Path) -> Path:
    """Where the state before the newest is kept."""
    return path.with_name(f"{path.name}.before")


def _restored(path: Path, make: Callable[[], Engine], teacher: Link | None, outbox: Outbox | None) -> Engine | None:
    """From one file; None where it cannot be used, or is not there."""
    try:
        arrays = statefile.read(path)
        if arrays is None:
            return None
        engine = _market(make, arrays)
    except Exception as error:  # noqa: BLE001
        aside, is_last = statefile.quarantine(path), not _before(path).exists()
        what = (
            "saved state refused, starting cold" if is_last else "saved state refused, the one before it is looked at"
        )
        log.warning(what, error=f"{type(error).__name__}: {error}", kept_as=str(aside))
        return None
    try:
        engine.load_learned(arrays)
    except Exception as error:  # noqa: BLE001
        reason = f"{type(error).__name__}: {error}"
        log.warning("saved questions refused, new ones are asked; all else goes on", error=reason, kept_as=_aside(path))
        engine = _market(make, arrays)
    _teach(teacher, path, arrays)
    since = _remember(engine, outbox, int(arrays.get(_OUTBOX, np.zeros(1))[0])) if outbox else 0
    log.info("state restored", path=str(path), symbols=len(engine.symbols), alerts_since=since)
    return engine


def _teach(teacher: Link | None, path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """What models have learned: as it was saved beside `path` by training, where that is newer, or as in `arrays`."""
    if teacher is None:
        return
    trained = path.with_name(TRAINED)
    if _is_newer(trained, path) and _load(teacher, trained, statefile.read):
        log.info("models were trained", path=str(trained))
    elif arrays:
        _load(teacher, path, lambda _: arrays)


def _load(teacher: Link, path: Path, read: Callable[[Path], Mapping[str, NDArray[Any]] | None]) -> bool:
    try:
        teacher.load_arrays(_of_link(read(path) or {}))
    except Exception as error:  # noqa: BLE001
        reason = f"{type(error).__name__}: {error}"
        log.warning("saved model refused, it starts cold; all else goes on", error=reason, kept_as=_aside(path))
        return False
    return True


def _is_newer(path: Path, other: Path) -> bool:
    return path.exists() and (not other.exists() or path.stat().st_mtime_ns > other.stat().st_mtime_ns)


def save_trained(folder: Path, teacher: Link) -> Path:
    """Write what models have learned where the next start finds it; the file.

    Raises:
        OSError: it cannot be written.
    """
    path = folder / TRAINED
    statefile.write(path, {f"{_LINK}{name}": array for name, array in teacher.to_arrays().items()})
    return path


def _remember(engine: Engine, outbox: Outbox, seq: int) -> int:
    """Take in what the outbox holds beyond `seq`; all of it where that place lies beyond its end: it is another one."""
    seq, since = seq if seq <= outbox.newest_seq() else 0, 0
    while rows := outbox.read_beyond(seq, _CHUNK):
        since += engine.remember([alert for row in rows if (alert := _alert(row))])
        seq = rows[-1].seq
    return since


def _alert(row: Stored) -> Alert | None:
    """None for one that was stored in another form."""
    try:
        return msgspec.json.decode(row.fields["data"], type=Alert)
    except (KeyError, msgspec.DecodeError):
        return None


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

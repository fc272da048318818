"""A table as a folder of Parquet files: ``NAME=PARTITION/part-SEQ-LEVEL.parquet``, each written once, whole.

A write adds a part with the next number; of rows with the same key that in the part of the highest number holds.
Eight parts of one level become one of the next, so that a day of minutes is never more than about thirty files and
each row is rewritten a few times only. Files appear by renaming: a kill leaves at most one ``.part`` behind, which
the next write takes over. Writers take a lock (of the system, so a kill frees it); readers take none: a part that a
writer has merged away under them is looked for again.
"""

from __future__ import annotations

import fcntl
import os
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from streams.history.damage import damaged_parts, set_aside
from streams.history.errors import HistoryDamagedError, HistoryUnavailableError
from streams.history.merge import merged
from streams.history.schema import conform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from streams.history.schema import Keyed

_Found = TypeVar("_Found")

FAN: Final = 8
"""Parts of one level that are merged into one of the next."""

_TOP = 9
_ROW_GROUP = 131_072
_LOCK_TRIES, _LOCK_WAIT_S = 200, 0.05
_READ_TRIES = 20


class Part(NamedTuple):
    """One file; sorts by age of what it holds."""

    seq: int
    level: int

    @property
    def file(self) -> str:
        """Its name."""
        return f"part-{self.seq:010d}-{self.level}.parquet"


class Parts:
    """The parts of one table.

    Args:
        folder: of the table; made at the first write.
        kind: its columns and key.
        label: what a partition's folder begins with, such as ``day``.
    """

    def __init__(self, folder: Path, kind: Keyed, label: str) -> None:
        self.folder, self._kind, self._label = folder, kind, label
        texts = [field.name for field in kind.schema if pa.types.is_dictionary(field.type)]
        self._format = ds.ParquetFileFormat(read_options={"dictionary_columns": texts})

    def partitions(self) -> list[str]:
        """All partitions, sorted."""
        prefix = f"{self._label}="
        return sorted(path.name[len(prefix) :] for path in self.folder.glob(f"{prefix}*"))

    def write(self, partition: str, rows: pa.Table) -> None:
        """Add `rows`, durably; they take the place of rows with the same key.

        Raises:
            HistoryUnavailableError: the disk is full, read-only or failing; nothing was stored.
        """
        with self._writing(partition) as place:
            parts = _parts(place)
            self._put(place, Part(parts[-1].seq + 1 if parts else 1, 0), rows)
            self._lift(place)

    def read(self, partitions: Sequence[str], where: ds.Expression | None) -> pa.Table:
        """The rows of `partitions` (those that exist) for which `where` holds, in order, each key once.

        Raises:
            HistoryDamagedError: a file is not what was written, and the disk does not let it be set aside.
            HistoryUnavailableError: the disk fails.
        """
        return self._looked(lambda: merged(self._scan(partitions, where), self._kind))

    def counted(self, column: str) -> tuple[int, set[Any]]:
        """Rows in all parts, and the different values of `column`: only that column is read.

        Raises:
            HistoryDamagedError: a file is not what was written, and the disk does not let it be set aside.
            HistoryUnavailableError: the disk fails.
        """
        return self._looked(lambda: self._count(column))

    def compact(self, partition: str) -> None:
        """Make one part of a partition: for days that no longer change."""
        with self._writing(partition) as place:
            parts = _parts(place)
            if len(parts) > 1 and self._set_aside(place / part.file for part in parts):
                parts = _parts(place)
            if len(parts) > 1:
                self._merge(place, parts, _TOP)

    def drop(self, partition: str) -> None:
        """Delete a partition."""
        with self._writing(partition) as place:
            for file in place.iterdir():
                file.unlink()
            place.rmdir()

    def bytes_used(self) -> int:
        """Size of all parts."""
        return sum(size for path in self.folder.glob("*/part-*.parquet") if (size := _size(path)))

    def _looked(self, look: Callable[[], _Found]) -> _Found:
        """What `look` finds; again where parts were merged away under it, or were damaged and set aside."""
        for _ in range(_READ_TRIES):
            try:
                return look()
            except FileNotFoundError:
                continue
            except HistoryDamagedError:
                if not self._set_aside(self.folder.glob("*/part-*.parquet")):
                    raise
        raise HistoryUnavailableError(self.folder, "files vanish while they are read", "ask again")

    def _set_aside(self, files: Iterable[Path]) -> bool:
        """Set damaged parts aside; whether there were any, and the disk allowed it."""
        found = damaged_parts(files)
        for file in found:
            try:
                set_aside(file, "it is no whole Parquet file")
            except FileNotFoundError:  # another process was faster
                continue
            except OSError:
                return False
        return bool(found)

    def _place(self, partition: str) -> Path:
        return self.folder / f"{self._label}={partition}"

    def _scan(self, partitions: Sequence[str], where: ds.Expression | None) -> pa.Table:
        found = self._dataset(partitions)
        if found is None:
            return self._kind.schema.empty_table()
        with self._damage():
            return conform(found.to_table(filter=where), self._kind.schema)

    def _count(self, column: str) -> tuple[int, set[Any]]:
        rows, different = 0, set[Any]()
        found = self._dataset(self.partitions())
        with self._damage():
            for batch in found.scanner(columns=[column]).to_batches() if found else ():
                rows += len(batch)
                different.update(pc.unique(batch.column(0)).to_pylist())
        return rows, different

    def _dataset(self, partitions: Sequence[str]) -> ds.Dataset | None:
        """The parts of `partitions`, None if there is none."""
        places = [self._place(partition) for partition in partitions]
        files = [str(place / part.file) for place in places for part in _parts(place)]
        with self._damage():
            return ds.dataset(files, format=self._format, schema=self._kind.schema) if files else None

    @contextmanager
    def _damage(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except (pa.ArrowInvalid, OSError) as error:
            raise _damaged(self.folder, error) from error

    def _put(self, place: Path, part: Part, rows: pa.Table) -> None:
        draft = place / ".part"
        try:
            with draft.open("wb") as file:
                pq.write_table(
                    merged(rows, self._kind), file, compression="zstd", compression_level=1, row_group_size=_ROW_GROUP
                )
                file.flush()
                os.fsync(file.fileno())
            draft.rename(place / part.file)
            _sync(place)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise

    def _lift(self, place: Path) -> None:
        """Merge wherever a level has become full; what cannot be merged stays as it is, and is read as it is."""
        with suppress(OSError, pa.ArrowInvalid):
            for level in range(_TOP):
                parts = [part for part in _parts(place) if part.level == level]
                if len(parts) < FAN:
                    return
                self._merge(place, parts, level + 1)

    def _merge(self, place: Path, parts: Sequence[Part], level: int) -> None:
        """One part for several that follow each other; a kill in between leaves equal rows twice, which is harmless."""
        files = [str(place / part.file) for part in parts]
        rows = ds.dataset(files, format=self._format, schema=self._kind.schema).to_table()
        self._put(place, Part(parts[-1].seq, level), rows)
        for part in parts:
            if part.level != level or part.seq != parts[-1].seq:
                (place / part.file).unlink()

    @contextmanager
    def _writing(self, partition: str) -> Iterator[Path]:
        place = self._place(partition)
        try:
            place.mkdir(parents=True, exist_ok=True)
            with (self.folder / ".lock").open("ab") as lock:
                _take(lock.fileno(), self.folder)
                place.mkdir(exist_ok=True)
                yield place
        except pa.ArrowInvalid as error:
            raise _damaged(place, error) from error
        except OSError as error:
            what = error.strerror or str(error)
            raise HistoryUnavailableError(place, what, "free or mend the disk; it goes on by itself") from error


def _parts(place: Path) -> list[Part]:
    names = (path.stem.split("-") for path in place.glob("part-*-*.parquet"))
    return sorted(Part(int(seq), int(level)) for _, seq, level in names)


def _take(descriptor: int, folder: Path) -> None:
    """Take the lock of all writers, or give up after ten seconds: the one that has it hangs."""
    pause = threading.Event()
    for _ in range(_LOCK_TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pause.wait(_LOCK_WAIT_S)
        else:
            return
    raise HistoryUnavailableError(folder, "another process has been writing for 10 s", "see what holds .lock there")


def _sync(place: Path) -> None:
    descriptor = os.open(place, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # merged away since it was listed
        return 0


def _damaged(where: Path, error: Exception) -> HistoryDamagedError:
    return HistoryDamagedError(where, str(error).partition("\n")[0], "move the file away; what it held is fetched anew")

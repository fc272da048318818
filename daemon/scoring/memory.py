"""Answers remembered: a ring of rows, from which models rehearse, and learn anew what no state can hold.

Features are remembered as they were scaled when they were learned, which teaches better than scaling them anew.

In memory, or mapped from a file that outlives the process. What is drawn depends on the number of the lesson alone, so
that a learner that goes on from a saved state draws what an uninterrupted one would have drawn: the rows that may have
been overwritten since that state was saved are never drawn.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from daemon.scoring.scaling import CLIP

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from streams.types import Flags, Floats

SPARE = 8
"""One part in so many of the ring is never drawn: it is what lies between a saved state and the newest lesson."""

_MAGIC = b"technic memory 2"
_HEAD_BYTES = 64


class Batch(NamedTuple):
    """Rows and their answers.

    Attributes:
        rows: ``float64[n, k]``, scaled features.
        answer: ``bool[n]``.
    """

    rows: Floats
    answer: Flags

    def first(self, rows: int) -> Batch:
        """The first so many."""
        return Batch(self.rows[:rows], self.answer[:rows])


class Memory:
    """The newest `rows` answers that were remembered.

    Args:
        rows: how many; 0 remembers nothing.
        features: of each.
        share: most rows of one lesson; they are taken evenly.
        path: the file, None for none. One that does not fit is replaced.

    Attributes:
        count: rows remembered since the beginning; part of the saved state.
        trouble: why there is no file, where one was wanted: memory then ends with the process.
    """

    def __init__(self, rows: int, features: int, share: int, path: Path | None = None) -> None:
        self._share, self.count = share, 0
        self.trouble = ""
        self._rows = np.zeros((rows, features + 1), np.float32)  # the last is 1 for yes, -1 for no, 0 for no row
        if path:
            try:
                self._rows = _mapped(path, rows, features + 1)
            except OSError as error:
                self.trouble = f"{path}: {error.strerror or error}"

    @property
    def lost(self) -> bool:
        """Whether the newest row that was remembered is not there: the file is another one than `count` tells of."""
        return self.known > 0 and not len(self._of(np.array([self.count - 1])).answer)

    @property
    def known(self) -> int:
        """Rows that can be drawn, but for those that were lost."""
        size = len(self._rows)
        return min(self.count, size - size // SPARE)

    def add(self, batch: Batch) -> None:
        """Remember a lesson's rows, or as many of them as one may leave."""
        if not len(self._rows) or not len(batch.answer):
            return
        kept = evenly(len(batch.answer), self._share, self.count)
        places = (self.count + np.arange(len(kept))) % len(self._rows)
        self._rows[places, :-1], self._rows[places, -1] = batch.rows[kept], np.where(batch.answer[kept], 1.0, -1.0)
        self.count += len(kept)

    def draw(self, rows: int, number: int) -> Batch:
        """`rows` of them at random, with repeats, but for those that were lost; the same for the same `number`."""
        if not self.known or not rows:
            return self._of(np.zeros(0, np.int64))
        return self._of(np.random.default_rng(number).integers(self.count - self.known, self.count, rows))

    def parts(self, rows: int) -> Iterator[Batch]:
        """All that can be drawn, oldest first, some at a time."""
        for first in range(self.count - self.known, self.count, rows):
            batch = self._of(np.arange(first, min(first + rows, self.count)))
            if len(batch.answer):
                yield batch

    def _of(self, numbers: NDArray[np.int64]) -> Batch:
        found = self._rows[numbers % max(len(self._rows), 1)]
        found = found[np.abs(found[:, -1]) == 1.0]
        values = np.clip(np.nan_to_num(found[:, :-1].astype(np.float64)), -CLIP, CLIP)  # whatever a file holds
        return Batch(values, found[:, -1] > 0.0)


def evenly(rows: int, most: int, seed: int) -> NDArray[np.int64]:
    """Numbers of `most` of so many rows, or all of them, evenly apart from a place that `seed` draws.

    Lessons stand in symbol order: the same places would always be the same symbols.
    """
    taken = min(most, rows)
    first = int(np.random.default_rng(seed).integers(rows))
    return np.sort((first + np.arange(taken) * rows // taken) % rows)


def _mapped(path: Path, rows: int, columns: int) -> NDArray[np.float32]:
    """The file's rows, all zero where it is new or another's.

    It has all its room from the start: a page that the disk could not give later would kill the process.
    """
    head = _MAGIC + np.array([rows, columns], "<i8").tobytes()
    size = _HEAD_BYTES + 4 * rows * columns
    with suppress(FileNotFoundError):
        with path.open("rb") as file:
            fits = file.read(len(head)) == head and path.stat().st_size == size
        if not fits:
            path.unlink()
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.write(head)
            file.flush()
            os.posix_fallocate(file.fileno(), 0, size)
    return np.memmap(path, np.float32, "r+", _HEAD_BYTES, (rows, columns))

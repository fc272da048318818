"""Symbols that wait, each at its last covered bar, for the bars that a gap in the feed has hidden.

What comes for them meanwhile is kept: minute bars as they are; second bars are left out, for a forming minute that
follows a hole says nothing. When what was missing is brought, the bars kept follow it, and the state is that of an
unbroken run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from daemon.engine.errors import StateError
from streams.bars import MINUTE_MS, BarBatch, concat, empty

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from streams.types import Flags, Longs

_TYPES = [np.dtype(np.int64), np.dtype(np.bool_)]

MOST_KEPT = 2_000_000
"""Bars that may be kept, some 220 MB: three hours of the whole market. Beyond it bars are lost, and counted."""


class Waiting:
    """Who waits, and what is kept for them.

    Args:
        most: bars that may be kept.

    Attributes:
        rows: ``bool[capacity]``, which rows wait.
        kept: bars that are kept.
        shed: second bars that were left out.
        lost: minute bars for which there was no room.
    """

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._most = most
        self.rows: Flags = np.zeros(0, np.bool_)
        self.kept = self.shed = self.lost = 0
        self._batches: list[tuple[BarBatch, Longs]] = []

    @property
    def count(self) -> int:
        """How many rows wait."""
        return int(self.rows.sum())

    def reserve(self, capacity: int) -> None:
        """Make room for at least `capacity` rows."""
        self.rows = np.pad(self.rows, (0, max(capacity - len(self.rows), 0)))

    def begin(self, rows: Longs) -> None:
        """These wait from now on."""
        self.rows[rows] = True

    def keep(self, batch: BarBatch, rows: Longs) -> Flags:
        """Keep the bars of rows that wait; which of the others go on, ``bool[n]``. Rows of -1 are none."""
        waits = (rows >= 0) & self.rows[rows]
        if waits.any():
            minutes = np.flatnonzero(waits & (batch.length_ms >= MINUTE_MS))
            chosen = minutes[: self._most - self.kept]
            self.shed += int(waits.sum()) - len(minutes)
            self.lost += len(minutes) - len(chosen)
            if len(chosen):
                self._batches.append((batch.take(chosen), rows[chosen]))
                self.kept += len(chosen)
        return ~waits

    def end(self, rows: Longs) -> BarBatch:
        """These wait no longer: what was kept for them, in order of arrival."""
        self.rows[rows] = False
        return self._taken(rows)

    def zero(self, rows: Longs) -> None:
        """Forget rows, and what was kept for them."""
        self.end(np.atleast_1d(rows))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Who waits, and what is kept for whom."""
        bars = concat([batch for batch, _ in self._batches])
        own = np.concatenate([np.zeros(0, np.int64), *(rows for _, rows in self._batches)])
        return {"rows": self.rows, "own": own, **bars._asdict()}

    def load_arrays(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on where `to_arrays` left off; of an older state there are no arrays, and nobody waits.

        Raises:
            StateError: they do not fit together; nothing was changed.
        """
        if not arrays:
            return
        sample, own, rows = empty()._asdict(), arrays.get("own"), arrays.get("rows")
        if own is None or rows is None or [own.dtype, rows.dtype] != _TYPES or own.ndim != 1 or rows.ndim != 1:
            raise StateError("who waits is not told")
        bars = {name: arrays.get(name) for name in sample}
        for name, one in sample.items():
            saved = bars[name]
            if saved is None or saved.dtype != one.dtype or saved.shape != (*one.shape[:-1], len(own)):
                raise StateError(f"bars that wait need {name} as {one.dtype}, {len(own)} of them")
        if len(own) and not (own.min() >= 0 and own.max() < len(rows) and rows[own].all()):
            raise StateError("bars are kept for rows that do not wait")
        self.rows = rows.copy()
        batch = BarBatch(**{name: np.array(saved) for name, saved in bars.items()})
        self._batches, self.kept = ([(batch, own.copy())] if len(own) else []), len(own)

    def _taken(self, rows: Longs) -> BarBatch:
        """What was kept for these, and no longer is."""
        wanted = np.zeros(len(self.rows), np.bool_)
        wanted[rows] = True
        taken, left = [], []
        for batch, own in self._batches:
            mine = wanted[own]
            taken.append(batch.take(mine))
            left.append((batch.take(~mine), own[~mine]))
        self._batches = [(batch, own) for batch, own in left if len(own)]
        found = concat([batch for batch in taken if batch.size])
        self.kept -= found.size
        return found

"""Copies of the state of every row, taken now and then, from which corrected bars are run again.

Two a row, taken in turn after every `period` bars: the older one is at least `period` bars back once there are as
many, and at most ``2 * period - 1``. A bar that came before a copy was taken cannot be corrected from it, one that
came after can: the row goes back to the copy and takes all bars since once more. Copies cost a share of
``1 / period`` of a copy a bar, and three times the memory of the state.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from indicators.jit import inlined, kernel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from indicators.types import Floats, Longs

_NEIGHBOURS = 512
"""Rows that are copied together, because they stand together; others are copied at other bars, so that
the market's minutes cost alike. Fewer would cost more: memory is quick in long stretches."""


@inlined
def _bars_until_due(row: int, count: int, period: int) -> int:
    """Bars until this row's next copy, from 1 to `period`."""
    return int(period - (count + row // _NEIGHBOURS) % period)


@kernel
def _keep(
    rows: Longs, count: Longs, period: int, marks: Longs, blocks: Longs, room: Floats, copies: Floats, due: Longs
) -> None:
    """Copy the state of the rows whose turn it is over the older of their two copies."""
    chosen, capacity = 0, marks.shape[0]
    for i in range(rows.shape[0]):
        row = rows[i]
        if _bars_until_due(row, count[row], period) == period:
            slot = 0 if marks[row, 0] <= marks[row, 1] else 1
            marks[row, slot] = count[row]
            due[chosen] = slot * capacity + row
            chosen += 1
    i = 0
    while i < chosen:
        n = 1
        while i + n < chosen and due[i + n] == due[i] + n:
            n += 1
        for b in range(blocks.shape[0]):
            first, width = blocks[b, 0], blocks[b, 1]
            source, target = first + due[i] % capacity * width, 2 * first + due[i] * width
            for j in range(n * width):
                copies[target + j] = room[source + j]
        i += n


@kernel
def _restore(
    rows: Longs, number: Longs, count: Longs, marks: Longs, blocks: Longs, room: Floats, copies: Floats
) -> None:
    """Take each row back to its newest copy that has not seen bar `number`; later copies are void."""
    for i in range(rows.shape[0]):
        row = rows[i]
        for slot in range(2):
            if marks[row, slot] > number[i]:
                marks[row, slot] = -1
        slot = 0 if marks[row, 0] >= marks[row, 1] else 1
        count[row] = marks[row, slot]
        for b in range(blocks.shape[0]):
            first, width = blocks[b, 0], blocks[b, 1]
            source, target = 2 * first + (slot * marks.shape[0] + row) * width, first + row * width
            for j in range(width):
                room[target + j] = copies[source + j]


@kernel
def _steps(rows: Longs, count: Longs, until: Longs, period: int, steps: Longs) -> None:
    for i in range(rows.shape[0]):
        row = rows[i]
        steps[i] = min(until[i] - count[row], _bars_until_due(row, count[row], period))


class Checkpoints:
    """The two copies of each row.

    Attributes:
        marks: ``int64[capacity, 2]``, how many bars each copy has seen; -1 where it is void. A fresh row's copies
            are those of a row that has seen none.
    """

    def __init__(self, period: int, capacity: int, room: Floats, states: Mapping[str, Floats]) -> None:
        """No copies yet of `states`, ``float64[capacity, width]`` by key, which stand in order in `room`.

        With a period of 0 there never are any.
        """
        self._period = period
        self._room = room
        self._states = states
        widths = np.array([state.shape[1] for state in states.values()], np.int64)
        self._blocks = np.stack([(np.cumsum(widths) - widths) * capacity, widths], axis=1)
        self._copies = np.zeros(2 * room.size if period else 0)
        self._due = np.empty(capacity, np.int64)
        self.marks = np.zeros((capacity, 2), np.int64)

    @property
    def size_bytes(self) -> int:
        """Memory of all copies."""
        return self._copies.nbytes + self.marks.nbytes + self._due.nbytes

    def keep(self, rows: Longs, count: Longs) -> None:
        """Copy the states of those of `rows` whose turn it is, now that they have seen `count` bars (by row)."""
        if self._period:
            _keep(rows, count, self._period, self.marks, self._blocks, self._room, self._copies, self._due)

    def oldest(self, rows: Longs) -> Longs:
        """How many bars the oldest copy of each of `rows` has seen, ``int64[n]``."""
        marks = self.marks[rows]
        oldest: Longs = np.where(marks.min(axis=1) < 0, marks.max(axis=1), marks.min(axis=1))
        return oldest

    def restore(self, rows: Longs, number: Longs, count: Longs) -> None:
        """Take `rows` back to their newest copies that have not seen bar `number`; sets their `count`."""
        _restore(rows, number, count, self.marks, self._blocks, self._room, self._copies)

    def steps(self, rows: Longs, count: Longs, until: Longs) -> Longs:
        """How many bars each of `rows` may see at once on its way to `until`: its next copy is due then."""
        steps = np.empty(len(rows), np.int64)
        _steps(rows, count, until, self._period, steps)
        return steps

    def zero(self, rows: Longs | int) -> None:
        """Forget all of rows."""
        self.marks[rows] = 0
        if self._period:
            for copies in self._by_key().values():
                copies[:, rows] = 0.0

    def to_arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """``marks`` and for every state ``copies/KEY``: float64[2, capacity, width]; views."""
        if not self._period:
            return {}
        return {"marks": self.marks, **{f"copies/{key}": copies for key, copies in self._by_key().items()}}

    def load_arrays(self, arrays: Mapping[str, np.ndarray[Any, Any]], size: int) -> bool:
        """Go on with the copies that `to_arrays` gave of `size` rows.

        Returns:
            False, with nothing changed, if they do not fit.
        """
        mine = {name: _by_row(name, array) for name, array in self.to_arrays().items()}
        given = {name: _by_row(name, arrays[name]) for name in mine if name in arrays}
        if any(name not in given or given[name].shape != (size, *a.shape[1:]) for name, a in mine.items()):
            return False
        for name, array in mine.items():
            array[:size] = given[name]
        return True

    def start_here(self, count: Longs) -> None:
        """Take the states as they are for the only copies: nothing before can be corrected any more."""
        self.marks[:, 0] = count
        self.marks[:, 1] = np.where(count > 0, -1, 0)
        for key, copies in self._by_key().items():
            copies[0] = self._states[key]

    def _by_key(self) -> dict[str, Floats]:
        edges = [*(2 * self._blocks[:, 0]), len(self._copies)]
        stretches = zip(self._states.items(), pairwise(edges), strict=True)
        return {key: self._copies[a:b].reshape(2, *state.shape) for (key, state), (a, b) in stretches}


def _by_row(name: str, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A view of marks or copies with the rows first."""
    return array if name == "marks" else array.swapaxes(0, 1)

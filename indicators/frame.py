"""One timeframe: the ring of its bars and the state of every indicator, a row a symbol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from indicators import ring as rings
from indicators.checkpoints import Checkpoints
from indicators.errors import LookbackError, RowError, StateError
from indicators.instances import placed
from indicators.revision import in_chunks, merged
from indicators.ring import Closed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from indicators.spec import Spec
    from indicators.types import Flags, Floats, Longs

CORRECTIONS = 16
"""Newest bars that can be corrected where the vendor sends minute bars again for up to 15 minutes."""


_ROWS_FIRST = {"count", "last_start", "marks"}


class Frame:
    """Bars and indicators of one timeframe for all symbols.

    A row takes 8 bytes for every value of ring, state, `out` and `peeked`. Where bars can be corrected it takes the
    state three times, and a ring of four more fields, deeper by twice as many bars as can be corrected. Fresh rows are
    all zero, outputs NaN.

    Attributes:
        specs: what is computed, without repeats.
        out: ``float64[outputs, capacity]``, values at the last closed bar of each row; ``out[k]`` is
            contiguous.
        peeked: ``float64[outputs, capacity]``, values of the forming bar of the rows peeked last.
        count: ``int64[capacity]``, bars closed.
        last_start: ``int64[capacity]``, start of the last closed bar in milliseconds, 0 before the first.
        changed: ``bool[capacity]``, rows whose closed state may differ from what `copy_rows` last copied.
    """

    def __init__(
        self,
        specs: Iterable[Spec],
        capacity: int = 1024,
        lookback: int | Mapping[str, int] = 1,
        corrections: int = 0,
    ) -> None:
        """Room for `capacity` rows.

        Args:
            specs: indicators to compute; equal ones share one state.
            capacity: rows.
            lookback: closed bars of every field (or of the fields named) that `bar` must reach.
            corrections: bars of each row, its newest, that `rewind` and `revise` must reach.
        """
        self.specs = tuple(dict.fromkeys(specs))
        self._corrections = corrections
        self._layout = rings.places(_depths(self.specs, lookback), corrections)
        reads = dict.fromkeys(read for spec in self.specs for read in spec.reads)
        self._reads = {read: k for k, read in enumerate(reads)}
        self._lags = _lags(self._reads, self._layout)
        outputs = [(spec.key, name) for spec in self.specs for name in spec.outputs]
        self._columns = {output: k for k, output in enumerate(outputs)}
        self._allocate(max(capacity, 1))

    @property
    def capacity(self) -> int:
        """Rows there is room for."""
        return len(self.count)

    @property
    def outputs(self) -> tuple[tuple[str, str], ...]:
        """Key and output name of every column of `out`, in order."""
        return tuple(self._columns)

    @property
    def size_bytes(self) -> int:
        """Memory of all arrays."""
        held = (self._ring, self.out, self.peeked, self.count, self.last_start)
        arrays = sum(a.nbytes for a in held) + sum(i.state.nbytes for i in self._instances)
        return arrays + self._checkpoints.size_bytes

    def column(self, key: str, output: str) -> int:
        """Row of `out` that holds an output: ``column("rsi(14)", "rsi")``. KeyError if it is not computed."""
        return self._columns[key, output]

    def state(self, key: str) -> Floats:
        """State of an indicator, ``float64[capacity, width]``, stale as arrays go; KeyError if it is not computed."""
        return self._states[key]

    def update(self, rows: Longs, start_ms: Longs, bars: Floats, session: Longs, outside: Floats | None = None) -> None:
        """Close one bar for each of `rows` and write the values into `out`.

        Args:
            rows: ``int64[n]``, no row twice.
            start_ms: ``int64[n]``, start of each bar in milliseconds.
            bars: ``float64[6, n]``, open, high, low, close, volume, vwap; finite, but for a vwap that is NaN
                where unknown: the typical price stands in.
            session: ``int64[n]``, start of the session that each bar belongs to, in milliseconds; what is anchored
                to the session starts anew when it changes.
            outside: ``float64[2, n]``, the official close of the day before and the market's level, see
                `indicators.jit.Step`; both unknown where left out.

        Raises:
            RowError: a row lies outside the frame; nothing was changed.
        """
        rows, number, bars, time, outside, lagged = self._gathered(rows, start_ms, bars, session, outside)
        for i in self._instances:
            i.kernel(rows, bars, time, outside, lagged, i.params, i.state, i.out, True)
        rings.append(rows, number, bars, time, outside, self._layout, self._ring)
        self.count[rows] = number + 1
        self.last_start[rows] = time[rings.START_MS]
        self.changed[rows] = True
        self._checkpoints.keep(rows, self.count)

    def peek(self, rows: Longs, start_ms: Longs, bars: Floats, session: Longs, outside: Floats | None = None) -> None:
        """Write into `peeked` what `update` would give, and change nothing else. Arguments as there."""
        rows, _, bars, time, outside, lagged = self._gathered(rows, start_ms, bars, session, outside)
        for i in self._instances:
            i.kernel(rows, bars, time, outside, lagged, i.params, i.state, i.peeked, False)

    def rewind(self, rows: Longs, start_ms: Longs) -> tuple[Flags, Closed]:
        """Take each of `rows` back to where it was before its bar of `start_ms`, and hand over the bars taken off.

        Feed them again, put right, by `update`: at every step the frame is as if they had come so the first time.
        Until then `out` is NaN for rows that lost bars; others stay as they are.

        Args:
            rows: ``int64[n]``; a row that comes several times goes back furthest.
            start_ms: ``int64[n]``, start of the bar to correct, or of one that is missing.

        Returns:
            ``bool[n]``, False where that lies before the oldest bar that can be corrected; and the bars taken off, by
            row and then by time. Cost: O(bars taken off + `corrections`) a row.

        Raises:
            RowError: a row lies outside the frame; nothing was changed.
        """
        rows, number = self._located(rows, start_ms)
        known = number >= 0
        once, at = _first_of_each(rows[known], number[known])
        some = at < self.count[once]
        once, at = once[some], at[some]
        taken = self._recalled(once, at, self.count[once])
        if len(once):
            self._checkpoints.restore(once, at, self.count)
            self.changed[once] = True
            self._run(once, at)
            self.out[:, once] = np.nan
        return known, taken

    def revise(
        self, rows: Longs, start_ms: Longs, bars: Floats, session: Longs, outside: Floats | None = None
    ) -> Flags:
        """Put a closed bar right, or a missing one in its place: all is as if it had come so the first time.

        Args: as for `update`, but that a row may come several times, and the same bar too: its last version holds.
            What is NaN in `outside` stays as it came with the bar's first version. The market's level at an
            inserted bar also belongs to the bar after it, see `indicators.jit.Step`: revise that too.

        Returns:
            ``bool[n]``, False where the bar lies before the oldest one that can be corrected. Cost: O(bars since +
            `corrections`) a row.

        Raises:
            RowError: a row lies outside the frame; nothing was changed.
        """
        known, taken = self.rewind(rows, start_ms)
        beside = np.full((2, len(rows)), np.nan) if outside is None else outside
        given = Closed(rows, start_ms, bars, session, beside).take(known)
        for chunk in in_chunks(merged(taken, given), max(self._corrections, 1)):
            self._extend(chunk)
        return known

    def has(self, rows: Longs, start_ms: Longs, bars: Floats) -> Flags:
        """Whether bars are closed here as they are, ``bool[n]``; False too where they are too old to be corrected.

        Args: as for `update`; of each bar prices and volume are compared.

        Raises:
            RowError: a row lies outside the frame.
        """
        rows, number = self._located(rows, start_ms)
        same = (number >= 0) & (number < self.count[rows])
        found, time, _, _ = self._brought(rows[same], number[same], self._lags[:0])
        same[same] = (time[rings.START_MS] == start_ms[same]) & (found[:5] == bars[:5, same]).all(axis=0)
        return same

    def bar(self, field: str, rows: Longs, back: int = 0) -> Floats:
        """A field of a closed bar, ``float64[n]``: the newest at back 0; NaN where a row has fewer bars.

        Raises:
            LookbackError: `back` is deeper than the frame was built to keep.
        """
        number = rings.FIELDS.index(field)
        deepest = int(self._layout[number, 1])
        if not 0 <= back <= deepest:
            raise LookbackError(f"{field}[{back}]: this frame keeps {deepest + 1} bars of {field}")
        bar = self.count[rows] - 1 - back
        value = rings.look_back(self._ring, self._layout, number, rows, bar)
        return np.where(bar >= 0, value, np.nan)

    def reserve(self, capacity: int) -> None:
        """Make room for at least `capacity` rows, at least doubling; arrays held outside go stale."""
        if capacity <= self.capacity:
            return
        old = self.to_arrays()
        self._allocate(max(capacity, 2 * self.capacity))
        self.load_arrays(old)

    def zero(self, rows: Longs | int) -> None:
        """Forget all of rows, before other symbols take them."""
        self._ring[:, rows] = 0.0
        self.count[rows] = 0
        self.last_start[rows] = 0
        self.changed[rows] = True
        self.out[:, rows] = np.nan
        self.peeked[:, rows] = np.nan
        for instance in self._instances:
            instance.state[rows] = 0.0
        self._checkpoints.zero(rows)

    def to_arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """The whole closed state as plain arrays, views that are good until the next update.

        ``count`` and ``last_start``: int64[capacity]; ``layout``: int64[fields, 2] and ``ring``: float64[depth,
        capacity], see `indicators.ring`; and for every spec ``state/KEY``: float64[capacity, width] and ``out/KEY``:
        float64[outputs, capacity]. Where bars can be corrected ``marks``: int64[capacity, 2] and for every spec
        ``copies/KEY``: float64[2, capacity, width], see `indicators.checkpoints`.
        """
        arrays: dict[str, np.ndarray[Any, Any]] = {
            "count": self.count,
            "last_start": self.last_start,
            "layout": self._layout,
            "ring": self._ring,
        }
        for instance in self._instances:
            arrays[f"state/{instance.spec.key}"] = instance.state
            arrays[f"out/{instance.spec.key}"] = instance.out
        return arrays | self._checkpoints.to_arrays()

    def copy_rows(self, rows: slice | Longs, into: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Copy `rows` of what `to_arrays` gives; until they change again they count as unchanged.

        So a copy can be made a stretch of rows at a time, while the frame goes on: once those that have changed
        meanwhile are copied once more, it is that of one moment.

        Args:
            rows: a slice, which is quicker, or ``int64[n]``.
            into: arrays of the names, shapes and types that `to_arrays` gives.
        """
        for name, array in self.to_arrays().items():
            if name == "layout":
                into[name][:] = array
            elif name in _ROWS_FIRST or name.startswith("state/"):
                into[name][rows] = array[rows]
            else:
                into[name][:, rows] = array[:, rows]
        self.changed[rows] = False

    def load_arrays(self, arrays: Mapping[str, np.ndarray[Any, Any]]) -> tuple[str, ...]:
        """Go on where `to_arrays` left off, bit for bit; copies.

        Specs that the arrays hold by key go on; the others warm up from the next bar. If there are any, or if the
        arrays hold no bars to correct or others, what came before can no longer be corrected.

        Returns:
            Keys of the specs that warm up.

        Raises:
            StateError: an array is missing or has another length than the others; nothing was changed.
        """
        size = _common_rows(arrays)
        self._allocate(max(size, self.capacity))
        self.count[:size] = arrays["count"]
        self.last_start[:size] = arrays["last_start"]
        self._ring[:, :size] = rings.relaid(arrays["ring"], arrays["layout"], self._layout, arrays["count"])
        fresh = tuple(i.spec.key for i in self._instances if not i.restore(arrays, size))
        same = not fresh and np.array_equal(arrays["layout"], self._layout)
        if self._corrections and not (same and self._checkpoints.load_arrays(arrays, size)):
            self._checkpoints.start_here(self.count)
            rings.note_start(self._ring, self._layout, self.count, self.last_start)
        return fresh

    def _allocate(self, capacity: int) -> None:
        self.count = np.zeros(capacity, np.int64)
        self.last_start = np.zeros(capacity, np.int64)
        self.changed = np.ones(capacity, np.bool_)
        self._ring = np.zeros((rings.depth(self._layout), capacity))
        self.out = np.full((len(self._columns), capacity), np.nan)
        self.peeked = np.full((len(self._columns), capacity), np.nan)
        self._number = np.empty(capacity, np.int64)
        self._time = np.empty(2 * capacity, np.int64)
        self._unknown = np.full(2 * capacity, np.nan)
        self._lagged = np.empty(len(self._lags) * capacity)
        room = np.zeros(sum(spec.width for spec in self.specs) * capacity)
        self._instances = placed(self.specs, room, self._reads, self.out, self.peeked)
        self._states = {i.spec.key: i.state for i in self._instances}
        self._checkpoints = Checkpoints(self._corrections, capacity, room, self._states)

    def _located(self, rows: Longs, start_ms: Longs) -> tuple[Longs, Longs]:
        """Rows, and the number that the bar of `start_ms` has or would have, -1 where it cannot be corrected."""
        rows, started = _plain(rows, np.int64), _plain(start_ms, np.int64)
        if len(rows) and (rows.min() < 0 or rows.max() >= self.capacity):
            raise RowError(f"rows {rows.min()} to {rows.max()} in a frame of {self.capacity}: reserve first")
        number = np.full(len(rows), -1)
        if self._corrections:
            oldest = self._checkpoints.oldest(rows)
            rings.locate(rows, started, self._layout, self._ring, self.count, oldest, number)
        return rows, number

    def _recalled(self, rows: Longs, first: Longs, last: Longs) -> Closed:
        """Bars number first to last - 1 of each row, by row and then by time."""
        each, number = _spread(rows, first, last)
        bars, time, outside, _ = self._brought(each, number, self._lags[:0])
        return Closed(each, time[rings.START_MS].copy(), bars, time[rings.SESSION].copy(), outside)

    def _brought(self, rows: Longs, number: Longs, lags: Longs) -> tuple[Floats, Longs, Floats, Floats]:
        """What came with these bars, from the ring."""
        n = len(rows)
        bars, time, outside = np.empty((6, n)), np.empty((2, n), np.int64), np.empty((2, n))
        lagged = np.empty((len(lags), n))
        rings.recall(rows, number, self._layout, self._ring, lags, bars, time, outside, lagged)
        return bars, time, outside, lagged

    def _extend(self, closed: Closed) -> None:
        """Close several bars of each row, at most `corrections`, by row and then by time."""
        rows, more = np.unique(closed.rows, return_counts=True)
        until = self.count[rows] + more
        self.changed[rows] = True
        _, number = _spread(rows, self.count[rows], until)
        time = np.stack([closed.start_ms, closed.session])
        rings.append(closed.rows, number, closed.bars, time, closed.outside, self._layout, self._ring)
        self._run(rows, until)

    def _run(self, rows: Longs, until: Longs) -> None:
        """Take `rows` on to `until` bars with what the ring holds, keeping checkpoints on the way."""
        self.last_start[rows] = rings.look_back(self._ring, self._layout, rings.STARTS, rows, until - 1) * (until > 0)
        while len(rows := rows[left := self.count[rows] < until]):
            until = until[left]
            first = self.count[rows]
            last = first + self._checkpoints.steps(rows, self.count, until)
            each, number = _spread(rows, first, last)
            bars, time, outside, lagged = self._brought(each, number, self._lags)
            for i in self._instances:
                i.kernel(each, bars, time, outside, lagged, i.params, i.state, i.out, True)
            self.count[rows] = last
            self._checkpoints.keep(rows, self.count)

    def _gathered(
        self, rows: Longs, start_ms: Longs, bars: Floats, session: Longs, outside: Floats | None
    ) -> tuple[Longs, Longs, Floats, Longs, Floats, Floats]:
        """Arguments in the one layout for which kernels are compiled, and what these read of the past."""
        rows, bars = _plain(rows, np.int64), _plain(bars, np.float64)
        if (n := len(rows)) > self.capacity:
            raise RowError(f"{n} rows in a frame of {self.capacity}: reserve first, and no row twice")
        started, sessions = _plain(start_ms, np.int64), _plain(session, np.int64)
        lags = len(self._lags)
        number = self._number[:n]
        time, lagged = self._time[: 2 * n].reshape(2, n), self._lagged[: lags * n].reshape(lags, n)
        if not rings.gather(rows, started, sessions, self._ring, self.count, self._lags, number, time, lagged):
            raise RowError(f"rows {rows.min()} to {rows.max()} in a frame of {self.capacity}: reserve first")
        known = self._unknown[: 2 * n].reshape(2, n) if outside is None else _plain(outside, np.float64)
        return rows, number, bars, time, known, lagged


def _plain(array: np.ndarray[Any, Any], dtype: type[np.generic]) -> np.ndarray[Any, Any]:
    """The array itself if it is contiguous, aligned and writable, else a copy that is."""
    return np.require(array, dtype, ["C", "A", "W"])


def _depths(specs: Iterable[Spec], lookback: int | Mapping[str, int]) -> dict[str, int]:
    kept = dict.fromkeys(rings.FIELDS, lookback) if isinstance(lookback, int) else dict(lookback)
    for spec in specs:
        for field, back in spec.reads:
            kept[field] = max(kept.get(field, 1), back)
    return kept


def _lags(reads: Iterable[tuple[str, int]], layout: Longs) -> Longs:
    """Offset, mask and lag of every value read of the past, ``int64[lags, 3]``."""
    lags = [(*layout[rings.FIELDS.index(field)], back) for field, back in reads]
    return np.array(lags, np.int64).reshape(-1, 3)


def _spread(rows: Longs, first: Longs, last: Longs) -> tuple[Longs, Longs]:
    """Each row as often as it has numbers from first to last - 1, and these numbers."""
    times = last - first
    offset = np.repeat(first - (np.cumsum(times) - times), times)
    return np.repeat(rows, times), np.arange(len(offset)) + offset


def _first_of_each(rows: Longs, number: Longs) -> tuple[Longs, Longs]:
    """Each row once, ascending, and the lowest of its numbers."""
    order = np.lexsort((number, rows))
    once, first = np.unique(rows[order], return_index=True)
    return once, number[order][first]


def _common_rows(arrays: Mapping[str, np.ndarray[Any, Any]]) -> int:
    needed = {"count", "last_start", "ring", "layout"}
    if missing := needed - arrays.keys():
        raise StateError(f"saved frame lacks {', '.join(sorted(missing))}")
    sizes = {len(arrays["count"]), len(arrays["last_start"]), arrays["ring"].shape[-1]}
    if len(sizes) > 1 or len(arrays["ring"]) != rings.depth(arrays["layout"]):
        raise StateError(f"arrays of the saved frame do not fit together: {sorted(sizes)} rows")
    return int(sizes.pop())

"""One timeframe: the ring of its bars and the state of every indicator, a row a symbol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from indicators import ring as rings
from indicators.errors import LookbackError, RowError, StateError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from indicators.jit import KernelFunction
    from indicators.spec import Spec
    from indicators.types import Floats, Longs

LOOKBACK = 16
"""Bars of every field that a frame keeps at least: as many as a vendor may correct."""


@dataclass(slots=True)
class _Instance:
    spec: Spec
    kernel: KernelFunction
    params: Floats
    state: Floats
    out: Floats
    peeked: Floats


class Frame:
    """Bars and indicators of one timeframe for all symbols.

    A row takes 8 bytes for every value of ring, state, `out` and `peeked`. Fresh rows are all zero, outputs NaN.

    Attributes:
        specs: what is computed, without repeats.
        out: ``float64[outputs, capacity]``, values at the last closed bar of each row; ``out[k]`` is
            contiguous.
        peeked: ``float64[outputs, capacity]``, values of the forming bar of the rows peeked last.
        count: ``int64[capacity]``, bars closed.
        last_start: ``int64[capacity]``, start of the last closed bar in milliseconds, 0 before the first.
    """

    def __init__(
        self, specs: Iterable[Spec], capacity: int = 1024, lookback: int | Mapping[str, int] = LOOKBACK
    ) -> None:
        """Room for `capacity` rows.

        Args:
            specs: indicators to compute; equal ones share one state.
            capacity: rows.
            lookback: closed bars of every field (or of the fields named) that `bar` must reach.
        """
        self.specs = tuple(dict.fromkeys(specs))
        self._layout = rings.places(_depths(self.specs, lookback))
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
        return sum(a.nbytes for a in held) + sum(i.state.nbytes for i in self._instances)

    def column(self, key: str, output: str) -> int:
        """Row of `out` that holds an output: ``column("rsi(14)", "rsi")``. KeyError if it is not computed."""
        return self._columns[key, output]

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
        rows, bars, time, outside, lagged = self._gathered(rows, start_ms, bars, session, outside)
        for i in self._instances:
            i.kernel(rows, bars, time, outside, lagged, i.params, i.state, i.out, True)
        rings.append(rows, bars, time, self._layout, self._ring, self.count, self.last_start)

    def peek(self, rows: Longs, start_ms: Longs, bars: Floats, session: Longs, outside: Floats | None = None) -> None:
        """Write into `peeked` what `update` would give, and change nothing else. Arguments as there."""
        rows, bars, time, outside, lagged = self._gathered(rows, start_ms, bars, session, outside)
        for i in self._instances:
            i.kernel(rows, bars, time, outside, lagged, i.params, i.state, i.peeked, False)

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

    def zero(self, row: int) -> None:
        """Forget all of a row, before another symbol takes it."""
        self._ring[:, row] = 0.0
        self.count[row] = 0
        self.last_start[row] = 0
        self.out[:, row] = np.nan
        self.peeked[:, row] = np.nan
        for instance in self._instances:
            instance.state[row] = 0.0

    def to_arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """The whole closed state as plain arrays, views that are good until the next update.

        ``count`` and ``last_start``: int64[capacity]; ``layout``: int64[6, 2] and ``ring``: float64[depth, capacity],
        see `indicators.ring`; and for every spec ``state/KEY``: float64[capacity, width] and ``out/KEY``:
        float64[outputs, capacity].
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
        return arrays

    def load_arrays(self, arrays: Mapping[str, np.ndarray[Any, Any]]) -> tuple[str, ...]:
        """Go on where `to_arrays` left off, bit for bit; copies.

        Specs that the arrays hold by key go on; the others warm up from the next bar.

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
        return tuple(i.spec.key for i in self._instances if not _restore(i, arrays, size))

    def _allocate(self, capacity: int) -> None:
        self.count = np.zeros(capacity, np.int64)
        self.last_start = np.zeros(capacity, np.int64)
        self._ring = np.zeros((rings.depth(self._layout), capacity))
        self.out = np.full((len(self._columns), capacity), np.nan)
        self.peeked = np.full((len(self._columns), capacity), np.nan)
        self._time = np.empty(2 * capacity, np.int64)
        self._unknown = np.full(2 * capacity, np.nan)
        self._lagged = np.empty(len(self._lags) * capacity)
        self._instances = list(self._place(capacity))

    def _place(self, capacity: int) -> Iterator[_Instance]:
        """Instances side by side in one stretch of memory: large enough for huge pages, which halve the cost."""
        room = np.zeros(sum(spec.width for spec in self.specs) * capacity)
        first = 0
        for spec in self.specs:
            last = first + spec.width * capacity
            column = self._columns[spec.key, spec.outputs[0]]
            outputs = slice(column, column + len(spec.outputs))
            yield _Instance(
                spec=spec,
                kernel=spec.indicator.kernel,
                params=np.array([*spec.numbers, *(self._reads[read] for read in spec.reads)], np.float64),
                state=room[first:last].reshape(capacity, spec.width),
                out=self.out[outputs],
                peeked=self.peeked[outputs],
            )
            first = last

    def _gathered(
        self, rows: Longs, start_ms: Longs, bars: Floats, session: Longs, outside: Floats | None
    ) -> tuple[Longs, Floats, Longs, Floats, Floats]:
        """Arguments in the one layout for which kernels are compiled, and what these read of the past."""
        rows, bars = _plain(rows, np.int64), _plain(bars, np.float64)
        if (n := len(rows)) > self.capacity:
            raise RowError(f"{n} rows in a frame of {self.capacity}: reserve first, and no row twice")
        started, sessions = _plain(start_ms, np.int64), _plain(session, np.int64)
        lags = len(self._lags)
        time, lagged = self._time[: 2 * n].reshape(2, n), self._lagged[: lags * n].reshape(lags, n)
        if not rings.gather(rows, started, sessions, self._ring, self.count, self._lags, time, lagged):
            raise RowError(f"rows {rows.min()} to {rows.max()} in a frame of {self.capacity}: reserve first")
        known = self._unknown[: 2 * n].reshape(2, n) if outside is None else _plain(outside, np.float64)
        return rows, bars, time, known, lagged


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


def _restore(instance: _Instance, arrays: Mapping[str, np.ndarray[Any, Any]], size: int) -> bool:
    state = arrays.get(f"state/{instance.spec.key}")
    out = arrays.get(f"out/{instance.spec.key}")
    if state is None or out is None:
        return False
    if state.shape != (size, instance.state.shape[1]) or out.shape != (len(instance.out), size):
        return False
    instance.state[:size] = state
    instance.out[:, :size] = out
    return True


def _common_rows(arrays: Mapping[str, np.ndarray[Any, Any]]) -> int:
    needed = {"count", "last_start", "ring", "layout"}
    if missing := needed - arrays.keys():
        raise StateError(f"saved frame lacks {', '.join(sorted(missing))}")
    sizes = {len(arrays["count"]), len(arrays["last_start"]), arrays["ring"].shape[-1]}
    if len(sizes) > 1 or len(arrays["ring"]) != rings.depth(arrays["layout"]):
        raise StateError(f"arrays of the saved frame do not fit together: {sorted(sizes)} rows")
    return int(sizes.pop())

"""Bars as columns: what every source hands to the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from streams.types import Floats, Longs, Symbols

SYMBOL = np.dtype("S16")
"""A ticker on the wire: ASCII, at most 16 of ``[A-Za-z0-9./-]``, padded with zero bytes."""

SECOND_MS = 1_000
MINUTE_MS = 60_000

FIELDS = ("open", "high", "low", "close", "volume", "vwap", "day_volume", "day_open", "day_vwap")
"""Rows of `BarBatch.values`, in order. The first six are what indicators read."""


class BarBatch(NamedTuple):
    """n bars in order of arrival, one column a quantity; several symbols, minutes and lengths may be mixed.

    Attributes:
        symbol: ``S16[n]``, see `SYMBOL`.
        start_ms: ``int64[n]``, start of the bar, milliseconds since the epoch, UTC.
        length_ms: ``int64[n]``, 1,000 for a second bar (``A``), 60,000 for a minute bar (``AM``).
        arrival_ms: ``int64[n]``, market time at which the bar arrived.
        values: ``float64[9, n]``, rows named by `FIELDS`; NaN where the vendor did not say (vwap and the
            three day fields only; prices and volume are always finite).
    """

    symbol: Symbols
    start_ms: Longs
    length_ms: Longs
    arrival_ms: Longs
    values: Floats

    @property
    def size(self) -> int:
        """Number of bars."""
        return len(self.start_ms)

    def take(self, index: NDArray[np.intp] | NDArray[np.bool_] | slice) -> BarBatch:
        """The bars at `index` (positions, a mask, or a slice), in that order."""
        return BarBatch(
            self.symbol[index],
            self.start_ms[index],
            self.length_ms[index],
            self.arrival_ms[index],
            self.values[:, index],
        )


def empty(size: int = 0) -> BarBatch:
    """A batch of `size` bars whose columns are still to be filled."""
    return BarBatch(
        np.zeros(size, SYMBOL),
        np.zeros(size, np.int64),
        np.zeros(size, np.int64),
        np.zeros(size, np.int64),
        np.full((len(FIELDS), size), np.nan),
    )


def concat(batches: Sequence[BarBatch]) -> BarBatch:
    """The bars of all `batches`, one after the other; copies unless there is exactly one."""
    if not batches:
        return empty()
    if len(batches) == 1:
        return batches[0]
    return BarBatch(
        np.concatenate([batch.symbol for batch in batches]),
        np.concatenate([batch.start_ms for batch in batches]),
        np.concatenate([batch.length_ms for batch in batches]),
        np.concatenate([batch.arrival_ms for batch in batches]),
        np.concatenate([batch.values for batch in batches], axis=1),
    )

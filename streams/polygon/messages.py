"""What a frame can hold: bars, price bands, statuses, and what had to be set aside."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.bars import SYMBOL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streams.bars import BarBatch
    from streams.types import Flags, Floats, Longs, Symbols


class Reason(StrEnum):
    """Why an element was set aside; the text is a metric's label."""

    FRAMING = "framing"
    """The frame is no JSON array; counted once a frame, its elements were looked for one by one."""
    MALFORMED = "malformed"
    """The element is not JSON."""
    NOT_OBJECT = "not_object"
    """The element is JSON, but no object."""
    TYPE = "type"
    """A known field holds another type than it may, or a number no double can hold."""
    MISSING = "missing"
    """A field that every bar, band or status has is absent."""
    SYMBOL = "symbol"
    """The ticker is not 1 to 16 of ``[A-Za-z0-9./-]``."""
    TIME = "time"
    """Start outside 2000 to 2100, not on its grid, or the end is not start and length."""
    PRICE = "price"
    """A price is below a millionth or not below ten million."""
    OHLC = "ohlc"
    """High below, or low above, another price of the bar."""
    VOLUME = "volume"
    """A volume is negative, below a millionth of a share, or not below 1e12 (day: 1e13)."""
    ZERO_VOLUME = "zero_volume"
    """The bar says that nothing was traded; the vendor sends no such bar."""
    EXCESS = "excess"
    """Not looked at: its frame had held more than may be read one by one."""


@dataclass(frozen=True, slots=True)
class Reject:
    """How many elements were set aside for one reason.

    Attributes:
        count: elements.
        sample: the first of them, at most `SAMPLE_BYTES` bytes; hostile input, to be escaped where shown.
    """

    count: int
    sample: bytes


SAMPLE_BYTES = 200


class Status(NamedTuple):
    """A control message of the server, as it came; `message` at most 200 characters, to be escaped where shown."""

    status: str
    message: str


class BandBatch(NamedTuple):
    """n price-band messages (limit up, limit down) in order of arrival.

    Attributes:
        symbol: ``S16[n]``.
        time_ms: ``int64[n]``, the exchange's time, milliseconds since the epoch, UTC.
        arrival_ms: ``int64[n]``, market time at which the message arrived.
        sequence: ``int64[n]``, increasing per symbol, gaps are normal; 0 where the vendor did not say.
        lower, upper: ``float64[n]``, the band; NaN where the message has none (halts carry 0.0).
        halted, resumed: ``bool[n]``, indicator 17 and 18; Nasdaq-listed names only.
    """

    symbol: Symbols
    time_ms: Longs
    arrival_ms: Longs
    sequence: Longs
    lower: Floats
    upper: Floats
    halted: Flags
    resumed: Flags

    @property
    def size(self) -> int:
        """Number of messages."""
        return len(self.time_ms)


class Band(NamedTuple):
    """One price-band message, normalised."""

    symbol: bytes
    time_ms: int
    sequence: int
    lower: float
    upper: float
    halted: bool
    resumed: bool


class Decoded(NamedTuple):
    """One frame, taken apart.

    Attributes:
        bars: bars that keep every law, in order.
        bands: price bands and halts, in order.
        statuses: control messages, in order.
        rejects: what was set aside, by reason.
        unknown: elements of a type that is not read, by their ``ev``; ``other`` collects odd and excess names.
    """

    bars: BarBatch
    bands: BandBatch
    statuses: Sequence[Status]
    rejects: Mapping[Reason, Reject]
    unknown: Mapping[str, int]


def bands(rows: Sequence[Band], arrival_ms: int) -> BandBatch:
    """The columns of `rows`, all of which arrived at `arrival_ms`."""
    return NO_BANDS if not rows else _columns(rows, arrival_ms)


def _columns(rows: Sequence[Band], arrival_ms: int) -> BandBatch:
    return BandBatch(
        np.array([row.symbol for row in rows], SYMBOL),
        np.array([row.time_ms for row in rows], np.int64),
        np.full(len(rows), arrival_ms, np.int64),
        np.array([row.sequence for row in rows], np.int64),
        np.array([row.lower for row in rows], np.float64),
        np.array([row.upper for row in rows], np.float64),
        np.array([row.halted for row in rows], np.bool_),
        np.array([row.resumed for row in rows], np.bool_),
    )


NO_BANDS = _columns((), 0)
"""What most frames hold; made once, for eight empty arrays cost more than ten bars."""

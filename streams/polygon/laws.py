"""The laws a bar must keep, in one place for the fast path and the slow one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from streams.polygon.jit import kernel
from streams.polygon.messages import Reason

if TYPE_CHECKING:
    from streams.types import Floats

VERDICTS: Final = (None, Reason.TIME, Reason.PRICE, Reason.OHLC, Reason.VOLUME, Reason.ZERO_VOLUME)
"""`breach` answers with a position in this tuple; 0 means that all laws are kept."""

LAWFUL, TIME, PRICE, OHLC, VOLUME, ZERO_VOLUME = range(6)

OPEN, HIGH, LOW, CLOSE, SHARES, VWAP, DAY_SHARES, DAY_OPEN, DAY_VWAP = range(9)

EARLIEST_MS: Final = 946_684_800_000
LATEST_MS: Final = 4_102_444_800_000
LEAST: Final = 1e-6
PRICE_LIMIT: Final = 1e7
VOLUME_LIMIT: Final = 1e12
DAY_VOLUME_LIMIT: Final = 1e13


@kernel
def breach(  # noqa: PLR0911 - one law after the other
    bar: Floats, start: float, end: float, length_ms: float
) -> int:
    """The first law that `bar` breaks, as a position in `VERDICTS`; 0 when it keeps them all.

    A vwap outside [low, high] breaks no law: odd lots count for it and not for the prices.

    Args:
        bar: ``float64[9]``, by `streams.bars.FIELDS`; NaN in the last four and in vwap means not known.
        start: milliseconds since the epoch, UTC.
        end: the same, exclusive.
        length_ms: what the type of the bar says of its length.
    """
    if not (
        EARLIEST_MS <= start < LATEST_MS
        and start == math.floor(start / length_ms) * length_ms
        and end == start + length_ms
    ):
        return TIME
    for k in (OPEN, HIGH, LOW, CLOSE):
        if not LEAST <= bar[k] < PRICE_LIMIT:
            return PRICE
    for k in (VWAP, DAY_OPEN, DAY_VWAP):
        if not (math.isnan(bar[k]) or LEAST <= bar[k] < PRICE_LIMIT):
            return PRICE
    if bar[HIGH] < max(bar[OPEN], bar[CLOSE], bar[LOW]) or bar[LOW] > min(bar[OPEN], bar[CLOSE]):
        return OHLC
    if bar[SHARES] == 0.0:
        return ZERO_VOLUME
    if not LEAST <= bar[SHARES] < VOLUME_LIMIT:
        return VOLUME
    if not (math.isnan(bar[DAY_SHARES]) or 0.0 <= bar[DAY_SHARES] < DAY_VOLUME_LIMIT):
        return VOLUME
    return LAWFUL


@kernel
def known(value: float) -> float:
    """`value`, or NaN for the 0 with which the vendor says that it does not know."""
    return math.nan if value == 0.0 else value

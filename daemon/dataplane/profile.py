"""How a day's volume spreads over its minutes: what share of it has usually been traded by now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from streams.types import Floats, Longs, Symbols

BUCKET_MINUTES: Final = 5
BUCKETS: Final = 16 * 60 // BUCKET_MINUTES
"""From 04:00 to 20:00 New York time."""

LEAST_DAYS: Final = 3
"""Days a symbol has to have traded before its own profile is believed."""


_HALF_HOURS: Final = (
    *(0.001, 0.001, 0.001, 0.002, 0.002, 0.002, 0.003, 0.004, 0.006, 0.008, 0.011, 0.138, 0.217, 0.281, 0.336, 0.384),
    *(0.426, 0.465, 0.503, 0.543, 0.584, 0.627, 0.681, 0.842, 0.997, 0.998, 0.999, 0.999, 1.0, 1.0, 1.0, 1.0),
)
"""Share of the day by the end of each half hour from 04:00, 99 large companies in January 2025."""


class VolumeProfile(NamedTuple):
    """Share of the day's volume that has been traded by the end of each five minutes.

    Attributes:
        symbols: ``S16[s]``, sorted.
        share: ``float32[s, BUCKETS]``, from 0 to 1, never falling; NaN for a symbol of fewer than 3 days.
        market: ``float32[BUCKETS]``, mean over the symbols: stands in for those; NaN where there is none.
    """

    symbols: Symbols
    share: Floats
    market: Floats

    def by(self, minute: float) -> Floats:
        """Usual share of the day's volume ``float64[s]`` by `minute`, minutes since 04:00, fractions allowed."""
        at = min(max(minute / BUCKET_MINUTES, 0.0), float(BUCKETS))
        known = np.where(np.isnan(self.share[:, :1]), self.market, self.share).astype(np.float64)
        edges = np.concatenate([np.zeros((len(known), 1)), known], axis=1)
        left = min(int(at), BUCKETS - 1)
        shares: Floats = edges[:, left] + (at - left) * (edges[:, left + 1] - edges[:, left])
        return shares


def typical(symbols: Symbols) -> VolumeProfile:
    """The profile of `symbols` as long as no bars of theirs are kept: that of large companies."""
    halves = np.array(_HALF_HOURS)
    at = np.arange(1, BUCKETS + 1) * BUCKET_MINUTES / 30
    market = np.interp(at, np.arange(len(halves) + 1), np.concatenate([[0.0], halves]))
    return VolumeProfile(symbols, np.full((len(symbols), BUCKETS), np.nan, np.float32), market.astype(np.float32))


class Shares:
    """A profile in the making, a day after the other; every day counts alike, however much was traded.

    Args:
        symbols: ``S16[s]``, sorted.
    """

    def __init__(self, symbols: Symbols) -> None:
        self._symbols = symbols
        self._shares, self._days = np.zeros((len(symbols), BUCKETS)), np.zeros((len(symbols), 1))

    def add(self, traded: Floats) -> None:
        """A day: shares traded in each five minutes, ``float64[s, BUCKETS]``."""
        so_far = traded.cumsum(axis=1)
        total = so_far[:, -1:]
        self._shares += np.divide(so_far, total, out=np.zeros_like(so_far), where=total > 0)
        self._days += total > 0

    def profile(self) -> VolumeProfile:
        """Of the days so far."""
        share = np.where(self._days >= LEAST_DAYS, self._shares / np.maximum(self._days, 1), np.nan)
        own = share[~np.isnan(share[:, -1])]
        market = own.mean(axis=0) if len(own) else np.full(BUCKETS, np.nan)
        return VolumeProfile(self._symbols, share.astype(np.float32), market.astype(np.float32))


def volume_profile(symbols: Symbols, index: Longs, day: Longs, minute: Longs, volume: Floats) -> VolumeProfile:
    """From minute bars of earlier days.

    Args:
        symbols: ``S16[s]``, sorted.
        index: ``int64[n]``, position of each bar's symbol in `symbols`.
        day: ``int64[n]``, its trading day.
        minute: ``int64[n]``, minutes from 04:00 New York time to its start; bars outside 0 to 959 are left.
        volume: ``float64[n]``.

    Cost: O(days * (bars + symbols * BUCKETS)); memory for one day at a time.
    """
    inside = (minute >= 0) & (minute < BUCKETS * BUCKET_MINUTES)
    cell = index * BUCKETS + minute // BUCKET_MINUTES
    shares = Shares(symbols)
    for one in np.unique(day[inside]):
        bars = inside & (day == one)
        traded = np.bincount(cell[bars], volume[bars], len(symbols) * BUCKETS).astype(np.float64)
        shares.add(traded.reshape(-1, BUCKETS))
    return shares.profile()

"""Each symbol's own volume profile out of the minutes that are kept: made once a day, and kept until the next."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final
from zipfile import BadZipFile

import numpy as np

from daemon.dataplane.profile import BUCKET_MINUTES, BUCKETS, Shares, VolumeProfile, typical
from streams.bars import MINUTE_MS
from streams.history.schema import symbols_of, times

if TYPE_CHECKING:
    import pyarrow as pa

    from daemon.dataplane.lookups import Lookups
    from daemon.dataplane.shelf import Shelf
    from streams.types import Floats, Longs, Symbols

KIND: Final = "profile"
DAYS: Final = 20
"""Trading days that a profile goes by."""

_BUCKET_MS: Final = BUCKET_MINUTES * MINUTE_MS
_READ: Final = 12
"""Buckets that are read at a time: an hour, of 12,000 symbols some 60 MB."""

LEAST_SYMBOLS: Final = 30
"""With fewer symbols of their own profile, the others take a typical one instead of the mean of these."""


async def keep(shelf: Shelf, lookups: Lookups, symbols: Symbols, begins_ms: Longs, today: int) -> None:
    """Make the profile for a day and keep it, unless it is kept already.

    Args:
        shelf: the store.
        lookups: where it is kept.
        symbols: ``S16[s]``, sorted.
        begins_ms: ``int64[d]``, 04:00 New York time of the days before.
        today: days since 1970.

    Raises:
        HistoryError: the store cannot answer.

    Cost: for 12,000 symbols by 20 days half a minute of the store's thread, an hour of bars in memory at a time.
    """

    async def make() -> bytes:
        return encode(await made(shelf, symbols, begins_ms))

    await lookups.get(KIND, _key(today), make)


async def kept(lookups: Lookups | None, symbols: Symbols, today: int) -> VolumeProfile:
    """The profile for a day in the order of `symbols`, ``S16[s]``; a typical one where none is kept."""
    fallback, entry = typical(symbols), None
    if lookups is not None:
        entry = (await lookups.known(KIND, [_key(today)])).get(_key(today))
    found = decode(entry.content) if entry else None
    if found is None or not len(found.symbols):
        return fallback
    row = np.minimum(np.searchsorted(found.symbols, symbols), len(found.symbols) - 1)
    own = np.where((found.symbols[row] == symbols)[:, None], found.share[row], np.float32(np.nan))
    enough = np.isfinite(found.share[:, -1]).sum() >= LEAST_SYMBOLS
    return VolumeProfile(symbols, own, found.market if enough else fallback.market)


async def made(shelf: Shelf, symbols: Symbols, begins_ms: Longs) -> VolumeProfile:
    """From the minutes that the store has of these days; see `keep`."""
    shares = Shares(symbols)
    for begin_ms in begins_ms.tolist():
        traded = np.zeros((len(symbols), BUCKETS))
        for first in range(0, BUCKETS, _READ):
            from_ms = begin_ms + first * _BUCKET_MS
            table = await shelf.ask(
                lambda history, from_ms=from_ms: history.minutes(None, from_ms, from_ms + _READ * _BUCKET_MS)  # type: ignore[misc]
            )
            _add(traded, table, symbols, begin_ms)
        shares.add(traded)
    return shares.profile()


def _add(traded: Floats, table: pa.Table, symbols: Symbols, begin_ms: int) -> None:
    if not len(table) or not len(symbols):
        return
    names = symbols_of(table["symbol"])
    row = np.minimum(np.searchsorted(symbols, names), len(symbols) - 1)
    cell = row * BUCKETS + (times(table, "start_ms") - begin_ms) // _BUCKET_MS
    volume = np.where(symbols[row] == names, table["volume"].to_numpy(), 0.0)
    traded += np.bincount(cell, volume, traded.size).reshape(traded.shape)


def encode(profile: VolumeProfile) -> bytes:
    """As the cache keeps it: plain arrays by name, only symbols that have a profile of their own."""
    own = np.isfinite(profile.share[:, -1])
    buffer = io.BytesIO()
    np.savez(buffer, symbols=profile.symbols[own], share=profile.share[own], market=profile.market)
    return buffer.getvalue()


def decode(content: bytes) -> VolumeProfile | None:
    """What `encode` made; None for anything else."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            found = VolumeProfile(arrays["symbols"], arrays["share"], arrays["market"])
    except (ValueError, OSError, KeyError, EOFError, BadZipFile):
        return None
    plain = found.symbols.dtype.kind == "S" and found.share.dtype.kind == found.market.dtype.kind == "f"
    shaped = found.share.shape == (len(found.symbols), BUCKETS) and found.market.shape == (BUCKETS,)
    return found if plain and shaped else None


def _key(today: int) -> str:
    return str(np.datetime64(today, "D"))

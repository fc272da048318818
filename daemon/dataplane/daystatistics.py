"""The statistics of a day, made from the store once and kept in the cache until the next."""

from __future__ import annotations

import io
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple
from zipfile import BadZipFile

import numpy as np
import pyarrow as pa

from daemon.dataplane.panel import Split, panel
from daemon.dataplane.renames import renames, under_new_names, with_earlier
from daemon.dataplane.statistics import LONG_DAYS, SymbolStatistics, of_symbols
from streams.history.protocol import Span
from streams.history.tables import SPLITS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol

    from daemon.dataplane.lookups import Lookups
    from daemon.dataplane.shelf import Shelf
    from streams.polygon.rest.limiter import Priority
    from streams.polygon.rest.records import Split as Announced
    from streams.types import Clock, Longs, Symbols

    class Splitter(Protocol):
        """Of `streams.polygon.rest.client.Rest` what is needed here."""

        async def splits(self, first_day: int, last_day: int, *, priority: Priority) -> tuple[Announced, ...]:
            """All splits of these days."""


SPLIT_DAYS: Final = "splits"
"""Kind of span that says of which days the splits were asked for."""

EPOCH: Final = np.datetime64("1970-01-01", "D")


class Days(NamedTuple):
    """Trading days.

    Attributes:
        today: the one that statistics are for.
        before: ``int64[d]``, those before it, ascending.
    """

    today: int
    before: Longs

    @property
    def window(self) -> Longs:
        """Those that statistics go by."""
        return self.before[-LONG_DAYS:]


async def statistics(
    shelf: Shelf, lookups: Lookups | None, symbols: Symbols, days: Days, *, changed: bool = False
) -> SymbolStatistics:
    """Of `symbols` for the day, as far as the store knows the days before; nothing is asked of the exchange.

    Args:
        shelf: the store.
        lookups: the cache in front of it, None for none: what is kept there is for the day, and has to be whole.
        symbols: ``S16[s]``, sorted.
        days: see `Days`.
        changed: whether the store knows more by now than when they may have been kept.
    """
    if lookups is None:
        return await _compute(shelf, symbols, days)
    key = f"{np.datetime64(days.today, 'D')}:{_fingerprint(symbols)}"

    async def fetch() -> bytes:
        return encode(await _compute(shelf, symbols, days))

    kept = await (lookups.renew if changed else lookups.get)("statistics", key, fetch)
    found = decode(kept.content)
    return await _compute(shelf, symbols, days) if found is None else found


async def renew_splits(shelf: Shelf, exchange: Splitter, clock: Clock, days: Days, priority: Priority) -> bool:
    """Ask for the splits of the window and of today, unless that was done today; whether it was asked."""
    if not len(days.window) or await are_split(shelf, days):
        return False
    first, now_ms = int(days.window[0]), clock.wall_ms()
    found = await exchange.splits(first, days.today, priority=priority)
    rows = [
        {
            "symbol": one.ticker,
            "day": int((np.datetime64(one.execution_date, "D") - EPOCH).astype(np.int64)),
            "split_from": one.split_from,
            "split_to": one.split_to,
            "as_of_ms": now_ms,
        }
        for one in found
        if one.split_from > 0 and one.split_to > 0
    ]
    await shelf.ask(lambda history: history.put("splits", pa.Table.from_pylist(rows, SPLITS.schema)))
    await shelf.ask(lambda history: history.mark_fetched(SPLIT_DAYS, [Span("", first, days.today, now_ms)]))
    return True


async def are_split(shelf: Shelf, days: Days) -> bool:
    """Whether the splits of the window and of today were asked for today."""
    first = int(days.window[0])
    spans = await shelf.ask(lambda history: history.fetched(SPLIT_DAYS))
    return any(span.first <= first and days.today <= span.last for span in spans)


async def splits(shelf: Shelf, first: int, last: int) -> list[Split]:
    """Known splits that take effect after `first`, until `last`, by the present names of their companies."""
    rows = (await shelf.ask(lambda history: history.get("splits"))).to_pylist()
    now = {old.decode(): new for old, new in await renames(shelf)}
    return [
        Split(now.get(row["symbol"], row["symbol"].encode()), row["day"], row["split_from"], row["split_to"])
        for row in rows
        if first < row["day"] <= last
    ]


def encode(found: SymbolStatistics) -> bytes:
    """As the cache keeps it: plain arrays by name."""
    buffer = io.BytesIO()
    np.savez(buffer, **found._asdict())
    return buffer.getvalue()


def decode(content: bytes) -> SymbolStatistics | None:
    """What `encode` made; None for anything else."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            columns = [arrays[name] for name in SymbolStatistics._fields]
    except (ValueError, OSError, KeyError, EOFError, BadZipFile):
        return None
    size = len(columns[0])
    plain = columns[0].dtype.kind == "S" and all(one.dtype.kind == "f" for one in columns[1:])
    return SymbolStatistics(*columns) if plain and all(one.shape == (size,) for one in columns) else None


async def _compute(shelf: Shelf, symbols: Symbols, days: Days) -> SymbolStatistics:
    window = days.window
    if not len(window):
        window = np.array([days.today - 1])
    first, last = int(window[0]), int(window[-1])
    known = await renames(shelf)
    wanted = with_earlier(symbols, known)
    bars = under_new_names(await shelf.ask(lambda history: history.daily(wanted, first, last)), known)
    found: Iterable[Split] = await splits(shelf, first, days.today)
    return of_symbols(panel(bars, symbols, window, found), days.today)


def _fingerprint(symbols: Symbols) -> str:

    return sha256(symbols.tobytes()).hexdigest()[:16]

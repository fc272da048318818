"""Symbols that a company had before: found by its FIGI, which stays when the symbol changes."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from streams.bars import SYMBOL
from streams.dailyfile import DailyBars

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from daemon.dataplane.shelf import Shelf
    from streams.types import Symbols

DAYS_MS: Final = 400 * 86_400_000
"""An earlier symbol counts so long after it went: no longer than the days that anything goes by."""


class Rename(NamedTuple):
    """A company was `old`, and is `new`; ASCII, without padding."""

    old: bytes
    new: bytes


async def renames(shelf: Shelf) -> list[Rename]:
    """What the store knows of, the longest ago first.

    Raises:
        streams.history.errors.HistoryError: the store cannot answer.
    """
    return found((await shelf.ask(lambda history: history.get("tickers"))).to_pylist())


def found(tickers: Iterable[Mapping[str, Any]]) -> list[Rename]:
    """Of rows of `streams.history.tables.TICKERS`: one symbol is listed, others with the same FIGI are so no more.

    Where two are listed with one FIGI nothing is said of either. A symbol that another company has taken since is not
    found: its row is that company's.
    """
    by_figi: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in tickers:
        if row["figi"] and len(row["symbol"]) <= SYMBOL.itemsize and row["symbol"].isascii():
            by_figi[row["figi"]].append(row)
    newest_ms = max((row["as_of_ms"] for rows in by_figi.values() for row in rows), default=0)
    pairs: list[tuple[int, Rename]] = []
    for rows in by_figi.values():
        listed = [row for row in rows if row["active"]]
        if len(listed) == 1:
            new = listed[0]["symbol"].encode()
            gone = [row for row in rows if not row["active"] and newest_ms - row["as_of_ms"] <= DAYS_MS]
            pairs += [(row["as_of_ms"], Rename(row["symbol"].encode(), new)) for row in gone]
    return [rename for _, rename in sorted(pairs)]


def with_earlier(symbols: Symbols, known: Sequence[Rename]) -> Symbols:
    """`symbols`, ``S16[s]``, and those that their companies had before; sorted."""
    wanted = set(symbols.tolist())
    return np.unique(np.array([*wanted, *(one.old for one in known if one.new in wanted)], SYMBOL))


def under_new_names(bars: DailyBars, known: Sequence[Rename]) -> DailyBars:
    """Bars of earlier symbols are those of the present ones; where both have a day, that of the present one stays.

    Args:
        bars: sorted by symbol, then by day; not changed.
        known: see `renames`.

    Returns:
        Sorted alike. Cost: O(bars log bars) if any bar is renamed, else O(renames log bars).
    """
    symbol = bars.symbol
    began = {one: np.searchsorted(symbol, one.old, "left") for one in known}
    there = [one for one in known if began[one] < len(symbol) and symbol[began[one]] == one.old]
    if not there:
        return bars
    symbol, earlier = symbol.copy(), np.zeros(len(symbol), np.bool_)
    for one in there:
        part = slice(int(began[one]), int(np.searchsorted(bars.symbol, one.old, "right")))
        symbol[part], earlier[part] = one.new, True
    order = np.lexsort((earlier, bars.day, symbol))
    symbol, day = symbol[order], bars.day[order]
    first = np.append([True], (symbol[1:] != symbol[:-1]) | (day[1:] != day[:-1]))
    return DailyBars(symbol[first], day[first], bars.values[:, order[first]], bars.rejected)

"""Symbols that a company had before: found by its FIGI, which stays when the symbol changes.

A change is seen between two lists, and noted for good: later lists do not tell which symbol was new.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from streams.bars import SYMBOL
from streams.dailyfile import DailyBars
from streams.history.protocol import Span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from daemon.dataplane.shelf import Shelf
    from streams.types import Symbols

KIND: Final = "renames"
"""Kind of spans that the store notes: the key has both symbols, the days are that of the change."""

_ARROW: Final = ">"


class Rename(NamedTuple):
    """A company was `old`, and is `new`; ASCII, without padding."""

    old: bytes
    new: bytes


async def renames(shelf: Shelf) -> list[Rename]:
    """What the store knows of, the longest ago first, each with the name that the company has now.

    Raises:
        streams.history.errors.HistoryError: the store cannot answer.
    """
    spans = await shelf.ask(lambda history: history.fetched(KIND))
    pairs = [span.key.encode().split(_ARROW.encode()) for span in sorted(spans, key=lambda span: span.first)]
    found: list[Rename] = []
    for old, new in pairs:
        found = [one._replace(new=new) if one.new == old else one for one in found]
        found.append(Rename(old, new))
    return found


async def note(shelf: Shelf, changes: Sequence[Rename], today: int, now_ms: int) -> None:
    """Let the store know of changes that the list of `today` has shown.

    Raises:
        streams.history.errors.HistoryError: the store does not take them.
    """
    spans = [Span(f"{old.decode()}{_ARROW}{new.decode()}", today, today, now_ms) for old, new in changes]
    if spans:
        await shelf.ask(lambda history: history.mark_fetched(KIND, spans))


def between(before: Mapping[str, str], now: Mapping[str, str]) -> list[Rename]:
    """What has changed from one list to the next, sorted.

    Of a FIGI exactly one symbol has gone, exactly one has come, and none has stayed; anything else says nothing. An
    empty FIGI is none.

    Args:
        before: composite FIGI by symbol that was listed.
        now: the same of what is listed now.
    """
    gone, came = _by_figi(before, now), _by_figi(now, before)
    stays = {figi for each in (before, now) for symbol, figi in each.items() if symbol in before and symbol in now}
    return sorted(
        Rename(gone[figi][0].encode(), came[figi][0].encode())
        for figi in gone
        if figi and figi not in stays and len(gone[figi]) == len(came.get(figi, ())) == 1
    )


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


def _by_figi(symbols: Mapping[str, str], others: Mapping[str, str]) -> dict[str, list[str]]:
    """Symbols that the others lack."""
    found: dict[str, list[str]] = defaultdict(list)
    for symbol, figi in symbols.items():
        if symbol not in others:
            found[figi].append(symbol)
    return found

"""What has to be asked of the exchange so that daily bars are known, and nothing that is known already."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from daemon.dataplane.fewest import cover

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.dailyfile import DailyBars
    from streams.types import Flags, Longs, Symbols

EXPLAINED = 5
"""Calls of a kind that an explanation names; of more it says how many."""


class Range(NamedTuple):
    """Daily bars of one symbol, asked for or known: from one day to another, both included."""

    symbol: bytes
    first_day: int
    last_day: int


class Known(NamedTuple):
    """What the store has, silence included: where a day or a range was asked for, no bar means no trade.

    Attributes:
        bars: daily bars.
        days: ``int64[d]``, days fetched for the whole market.
        ranges: days fetched for one symbol.
    """

    bars: DailyBars
    days: Longs
    ranges: Iterable[Range]


class FetchPlan(NamedTuple):
    """The fewest calls.

    Attributes:
        snapshot: whether today is asked for: one call tells today so far of all symbols.
        days: whole days, ascending.
        ranges: symbols, each over the span of what it misses.
        cells: symbols times days that the calls answer.
    """

    snapshot: bool
    days: tuple[int, ...]
    ranges: tuple[Range, ...]
    cells: int

    @property
    def calls(self) -> int:
        """How many there are, pages not counted."""
        return int(self.snapshot) + len(self.days) + len(self.ranges)

    def explain(self) -> str:
        """For people: what is asked and why it is the least."""
        if not self.calls:
            return "nothing is missing: no call"
        lines = [f"{_count(self.calls, 'call')}, the fewest there can be:"]
        if self.snapshot:
            lines.append("  1 snapshot of the market: today so far")
        if self.days:
            lines.append(f"  {_count(len(self.days), 'whole day')}, all symbols each: {_named(map(_date, self.days))}")
        if self.ranges:
            named = _named(f"{r.symbol.decode()} {_date(r.first_day)}..{_date(r.last_day)}" for r in self.ranges)
            lines.append(f"  {_count(len(self.ranges), 'symbol')}, all missing days each: {named}")
        if self.cells:
            lines.append(f"  which tell {_count(self.cells, 'day')} of single symbols, or that they did not trade")
        return "\n".join(lines)


def fetch_plan(symbols: Symbols, days: Longs, known: Known, *, today: bool = False) -> FetchPlan:
    """The fewest calls after which every symbol's days are known.

    Args:
        symbols: ``S16[s]``, sorted.
        days: ``int64[d]``, ascending trading days that are over.
        known: what need not be asked.
        today: ask for the day that is not over, too.

    Cost: about 0.3 s for 7,000 symbols by 250 days of which all are missing.
    """
    lacking = missing(symbols, days, known)
    cells = int(lacking.sum())
    rows, columns = cover(lacking)
    spans = [np.flatnonzero(lacking[row]) for row in rows]
    ranges = [
        Range(symbols[row], int(days[span[0]]), int(days[span[-1]])) for row, span in zip(rows, spans, strict=True)
    ]
    return FetchPlan(today and bool(len(symbols)), tuple(days[columns].tolist()), tuple(ranges), cells)


def missing(symbols: Symbols, days: Longs, known: Known) -> Flags:
    """Where nothing is known, ``bool[s, d]``."""
    lacking = np.ones((len(symbols), len(days)), np.bool_)
    lacking[:, np.isin(days, known.days)] = False
    row, column = np.searchsorted(symbols, known.bars.symbol), np.searchsorted(days, known.bars.day)
    inside = (row < len(symbols)) & (column < len(days))
    row, column, bar = row[inside], column[inside], np.flatnonzero(inside)
    same = (symbols[row] == known.bars.symbol[bar]) & (days[column] == known.bars.day[bar])
    lacking[row[same], column[same]] = False
    place = {symbol: k for k, symbol in enumerate(symbols.tolist())}
    for symbol, first, last in known.ranges:
        if symbol in place:
            lacking[place[symbol], np.searchsorted(days, first) : np.searchsorted(days, last, side="right")] = False
    return lacking


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"


def _date(day: int) -> str:
    return str(np.datetime64(day, "D"))


def _named(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - EXPLAINED} more" if len(every) > EXPLAINED else ""
    return ", ".join(every[:EXPLAINED]) + more

"""Small markets by hand: minutes of named symbols, and a REST side that knows them up to a moment."""

from __future__ import annotations

from datetime import date, time
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from streams.bars import MINUTE_MS, SYMBOL, BarBatch
from streams.dailyfile import DailyBars
from streams.simulator.book import Book, day_number
from streams.simulator.filetape import market_minutes
from streams.simulator.hours import at
from streams.simulator.rest import Request, Rest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streams.simulator.rest import Archive
    from streams.simulator.tape import Minute

MONDAY = date(2025, 3, 10)
TUESDAY = date(2025, 3, 11)
SHUT = time(20, 0)


class Bar(NamedTuple):
    """A minute bar: high and low are one beside the body, the vwap lies half above the open."""

    symbol: str
    at: str
    open: float = 10.0
    close: float = 11.0
    volume: float = 100.0
    day: date = MONDAY


def ms(moment: str, day: date = MONDAY) -> int:
    return at(day, time.fromisoformat(moment))


def minutes(bars: Sequence[Bar]) -> Iterator[Minute]:
    """The bars as a file of them would give them."""
    rows = sorted(bars, key=lambda bar: (ms(bar.at, bar.day), bar.symbol))
    symbols = np.array(sorted({bar.symbol for bar in rows}), SYMBOL)
    symbol = np.array([bar.symbol for bar in rows], SYMBOL)
    start = np.array([ms(bar.at, bar.day) for bar in rows], np.int64)
    values = np.full((9, len(rows)), np.nan)
    for k, bar in enumerate(rows):
        high, low = max(bar.open, bar.close) + 1, min(bar.open, bar.close) - 1
        values[:6, k] = bar.open, high, low, bar.close, bar.volume, bar.open + 0.5
    length = np.full(len(rows), MINUTE_MS, np.int64)
    batch = BarBatch(symbol, start, length, start + length, values)
    return market_minutes([(batch, np.searchsorted(symbols, symbol))], len(symbols))


def book_of(*bars: Bar) -> Book:
    book = Book()
    for minute in minutes(bars):
        book.add(minute.minutes)
    return book


def official(*days: tuple[str, date, float]) -> DailyBars:
    """Official closes, and nothing else of the day."""
    rows = sorted(days)
    values = np.full((5, len(rows)), np.nan)
    values[3] = [close for _, _, close in rows]
    symbol = np.array([symbol for symbol, _, _ in rows], SYMBOL)
    return DailyBars(symbol, np.array([day_number(day) for _, day, _ in rows], np.int64), values, 0)


class Exchange:
    """A REST side at a moment, asked without a socket."""

    def __init__(self, *bars: Bar, now_ms: int | None = None, archive: Archive | None = None) -> None:
        self.now_ms = now_ms or at(MONDAY, SHUT)
        self.rest = Rest(book_of(*bars), key="k", archive=archive)

    def get(self, target: str) -> Any:
        return msgspec.json.decode(self.rest.answer(Request(target, host="here:1"), self.now_ms).body)

    def status(self, target: str) -> int:
        return int(self.rest.answer(Request(target, host="here:1"), self.now_ms).status)

    def pages(self, target: str, results: str = "results") -> list[list[Any]]:
        """All pages from a target on; the key must not be in any address."""
        found = []
        while target:
            document = self.get(target)
            found.append(document.get(results, []))
            target = document.get("next_url", "").removeprefix("http://here:1")
            assert "http" not in target
            assert "apiKey" not in target
        return found

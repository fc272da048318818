"""The market at a glance: today, the last minute and the day before, of every symbol in one answer.

The vendor's morning: at 03:30 New York all is zero but the day before. From 04:00 on the minute and the change move
with early trades, while the day stays all zero until the symbol's first regular trade; then its volume holds the
early shares, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from streams.bars import MINUTE_MS
from streams.simulator.aggregates import table
from streams.simulator.asked import not_found
from streams.simulator.book import day_date
from streams.simulator.hours import SATURDAY
from streams.simulator.summary import CLOSE, OPEN, VOLUME
from streams.simulator.windows import day_of

if TYPE_CHECKING:
    from streams.simulator.aggregates import Market
    from streams.simulator.asked import Asked
    from streams.types import Floats, Longs, Symbols

CLEARED_MS: Final = (3 * 60 + 30) * MINUTE_MS
"""Time of day, New York, at which a new day begins here."""

MOVERS: Final = 20
LEAST_VOLUME: Final = 10_000
"""Gainers and losers: how many, and with how many shares at least."""

_DAY = ("o", "h", "l", "c", "v", "vw")
_MINUTE = (*_DAY, "n")
_NS = 1_000_000


def market(known: Market, asked: Asked) -> dict[str, Any]:
    """``/v2/snapshot/locale/us/markets/stocks/tickers``: all symbols, or those of ``tickers``, without pages."""
    wanted = asked.query.get("tickers", "")
    tickers = _snapshots(known, asked, [name.strip() for name in wanted.split(",")] if wanted else None)
    return {"count": len(tickers), "status": "OK", "request_id": asked.request_id, "tickers": tickers}


def single(known: Market, asked: Asked, symbol: str) -> dict[str, Any]:
    """``.../tickers/{T}``: one symbol."""
    found = _snapshots(known, asked, [symbol])
    if not found:
        raise not_found("Ticker not found.")
    return {"status": "OK", "request_id": asked.request_id, "ticker": found[0]}


def movers(known: Market, asked: Asked, direction: str) -> dict[str, Any]:
    """``.../stocks/gainers`` and ``losers``: those that changed most since yesterday's close."""
    busy = [row for row in _snapshots(known, asked, None) if row["day"]["v"] >= LEAST_VOLUME]
    up = direction == "gainers"
    moved = [row for row in busy if row["todaysChangePerc"] and (row["todaysChangePerc"] > 0) == up]
    moved.sort(key=lambda row: abs(row["todaysChangePerc"]), reverse=True)
    return {"status": "OK", "request_id": asked.request_id, "tickers": moved[:MOVERS]}


def _snapshots(known: Market, asked: Asked, wanted: list[str] | None) -> list[dict[str, Any]]:
    """Snapshots in order of symbol; of what has neither a bar today nor one the day before, none."""
    today = _session(asked.now_ms)
    symbols, previous = _previous(known, today, asked.now_ms, wanted)
    day, minute, minute_ms, volume = _today(known, today, symbols)
    there = (minute_ms > 0) | (previous[CLOSE] > 0)
    base, last = previous[CLOSE], minute[CLOSE]
    moved = (base > 0) & (last > 0)
    change = np.where(moved, last - base, 0.0).round(6)
    percent = np.divide(100.0 * change, base, where=moved, out=np.zeros_like(base)).round(6)
    columns = zip(
        symbols[there].astype("U16").tolist(),
        change[there].tolist(),
        percent[there].tolist(),
        np.where(minute_ms > 0, (minute_ms + MINUTE_MS) * _NS, 0)[there].tolist(),
        table(_DAY, day[:, there]),
        _minutes(minute[:, there], minute_ms[there], volume[there]),
        table(_DAY, previous[:, there]),
        strict=True,
    )
    keys = ("ticker", "todaysChange", "todaysChangePerc", "updated", "day", "min", "prevDay")
    return [dict(zip(keys, row, strict=True)) for row in columns]


def _session(now_ms: int) -> int:
    """The day that is today here: from 03:30 on, and over the weekend Friday."""
    day = day_of(now_ms - CLEARED_MS)
    return day - max(day_date(day).weekday() - SATURDAY + 1, 0)


def _previous(known: Market, today: int, now_ms: int, wanted: list[str] | None) -> tuple[Symbols, Floats]:
    """All symbols, or those wanted that exist, and their day before today; zeros where they have none."""
    symbols = known.days.symbols
    if wanted is not None:
        symbols = symbols[np.isin(symbols, np.array(wanted).astype("S16"))]
    values = np.zeros((6, len(symbols)))
    day = known.days.last_before(today, now_ms)
    if day is not None:
        bars = known.days.of_day(day, now_ms)
        _, place, row = np.intersect1d(symbols, bars.symbol, assume_unique=True, return_indices=True)
        values[:, place] = bars.values[:, row]
    return symbols, values


def _today(known: Market, today: int, symbols: Symbols) -> tuple[Floats, Floats, Longs, Floats]:
    """Day, last minute, its start and the volume so far; zeros where there is nothing."""
    day, minute, minute_ms = np.zeros((6, len(symbols))), np.zeros((7, len(symbols))), np.zeros(len(symbols), np.int64)
    summary = known.book.summary(today)
    if summary is None:
        return day, minute, minute_ms, day[VOLUME]
    positions = [known.book.position(symbol) for symbol in symbols.tolist()]
    here = [k for k, position in enumerate(positions) if position is not None]
    index = np.array([position for position in positions if position is not None], np.int64)
    day[:, here], minute[:, here], minute_ms[here] = (
        summary.regular[:, index], summary.latest[:, index], summary.latest_ms[index]
    )  # fmt: skip
    volume = day[VOLUME].copy()
    day[:, np.isnan(day[OPEN])] = 0.0
    minute[:, minute_ms == 0] = 0.0
    return day, minute, minute_ms, volume


def _minutes(values: Floats, start_ms: Longs, volume: Floats) -> list[dict[str, Any]]:
    rows = table(_MINUTE, values)
    times = zip(start_ms.tolist(), volume.tolist(), strict=True)
    return [row | {"t": t, "av": av} for row, (t, av) in zip(rows, times, strict=True)]

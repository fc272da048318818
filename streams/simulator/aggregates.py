"""Bars by REST: ranges of any window, a market's day, the day before, open and close.

``t`` is what the vendor makes of it: the start of a range's bar, midnight in New York for a day and longer, but the
close of the day in grouped and previous bars. ``results`` is absent when there is nothing.
"""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from streams.simulator.asked import RefusedError, bad_request, date_in, not_found
from streams.simulator.book import day_number
from streams.simulator.windows import SPANS, Window, close_ms, day_of, fold, midnight_ms

if TYPE_CHECKING:
    from streams.simulator.asked import Asked
    from streams.simulator.book import Book
    from streams.simulator.days import DayBars, Days
    from streams.simulator.splits import Splits
    from streams.types import Floats, Longs

KEYS: Final = ("o", "h", "l", "c", "v", "vw", "n")
"""Of the rows of `book.Bars`."""

_DAY_MS = 86_400_000
_LATEST_MS = 221_845_392_000_000  # the year 9000
_MULTIPLIER_DIGITS = 5


class Market(NamedTuple):
    """All bars: those of minutes, those of days, and the splits between them."""

    book: Book
    days: Days
    splits: Splits


def grouped(market: Market, asked: Asked, date: str) -> dict[str, Any]:
    """``/v2/aggs/grouped/locale/us/market/stocks/{date}``: the day of all symbols, once it has closed."""
    day = day_number(date_in(date, "date"))
    closed = asked.now_ms >= close_ms(day)
    bars = market.days.of_day(day if closed else -1, asked.now_ms)
    return _envelope(asked, bars.day.size, rows(_adjusted_days(market, asked, bars), close_ms(day)))


def previous(market: Market, asked: Asked, symbol: str) -> dict[str, Any]:
    """``/v2/aggs/ticker/{T}/prev``: the last day before today on which the market traded."""
    day = market.days.last_before(day_of(asked.now_ms), asked.now_ms)
    if day is None:
        return _envelope(asked, 0, [], symbol)
    bars = market.days.of_symbol(symbol.encode(), day, day, asked.now_ms)
    return _envelope(asked, bars.day.size, rows(_adjusted_days(market, asked, bars), close_ms(day)), symbol)


def open_close(market: Market, asked: Asked, symbol: str, date: str) -> dict[str, Any]:
    """``/v1/open-close/{T}/{date}``: one day of a symbol, as it stands."""
    day = day_number(date_in(date, "date"))
    bars = _adjusted_days(market, asked, market.days.of_symbol(symbol.encode(), day, day, asked.now_ms))
    if not bars.day.size:
        raise not_found("Data not found.")
    open_, high, low, close, volume, _ = bars.values[:, 0].tolist()
    return {
        "status": "OK",
        "request_id": asked.request_id,
        "from": date,
        "symbol": symbol,
        "open": open_,
        "high": high,
        "low": low,
        "close": close,
        "volume": volume,
        **_outside(market, symbol.encode(), day),
    }


def ranged(market: Market, asked: Asked, symbol: str, times: str, span: str, from_: str, to: str) -> dict[str, Any]:
    """``/v2/aggs/ticker/{T}/range/{multiplier}/{span}/{from}/{to}``: bars of windows, some base bars at a time."""
    window = _window(times, span)
    from_ms, to_ms = _moment(from_, "from"), _moment(to, "to")
    if not to.isdigit():
        to_ms = midnight_ms(day_of(to_ms) + 1) - 1
    if to_ms < from_ms:
        raise bad_request("The parameter 'to' cannot be a time that occurs before 'from'")
    limit = asked.number("limit", 5_000, 50_000)
    starts, values = _base(market, asked, symbol.encode(), window, from_ms, to_ms)
    part = _part(starts, limit, descending=asked.query.get("sort") == "desc")
    found, bars = fold(starts[part], values[:, part])
    results = [row | {"t": t} for row, t in zip(table(KEYS, bars), found.tolist(), strict=True)]
    document = _envelope(asked, part.stop - part.start, results, symbol)
    if asked.query.get("sort") == "desc":
        results.reverse()
        from_, to = (from_, str(starts[part.start] - 1)) if part.start else (from_, "")
    else:
        from_ = str(starts[part.stop]) if part.stop < len(starts) else ""
    if from_ and to:
        path = f"/v2/aggs/ticker/{symbol}/range/{times}/{span}/{from_}/{to}"
        document["next_url"] = asked.next_url(path)
    return document


def rows(bars: DayBars, t: int) -> list[dict[str, Any]]:
    """Daily bars of one moment as objects with their ticker."""
    found = table(KEYS[:6], bars.values)
    return [
        {"T": symbol} | row | {"t": t} for symbol, row in zip(bars.symbol.astype("U16").tolist(), found, strict=True)
    ]


def table(keys: tuple[str, ...], values: Floats) -> list[dict[str, Any]]:
    """Columns as objects; a number that is not known is left out, ``n`` is whole."""
    columns = [column.tolist() for column in values]
    if keys[-1] == "n":
        columns[-1] = [trades if math.isnan(trades) else int(trades) for trades in columns[-1]]
    lines = zip(*columns, strict=True)
    return [{key: value for key, value in zip(keys, line, strict=True) if value == value} for line in lines]  # noqa: PLR0124 - NaN is not


def _envelope(asked: Asked, base: int, results: list[dict[str, Any]], symbol: str | None = None) -> dict[str, Any]:
    return {
        **({"ticker": symbol} if symbol is not None else {}),
        "queryCount": base,
        "resultsCount": len(results),
        "adjusted": asked.flag("adjusted", default=True),
        **({"results": results} if results else {}),
        "status": "OK",
        "request_id": asked.request_id,
        "count": len(results),
    }


def _adjusted_days(market: Market, asked: Asked, bars: DayBars) -> DayBars:
    if not asked.flag("adjusted", default=True):
        return bars
    return bars._replace(values=market.splits.adjusted(bars.symbol, bars.day, bars.values, day_of(asked.now_ms)))


def _outside(market: Market, symbol: bytes, day: int) -> dict[str, float]:
    """First price before the open and last one after the close, where there are any."""
    position, summary = market.book.position(symbol), market.book.summary(day)
    if position is None or summary is None:
        return {}
    prices = {"preMarket": float(summary.early_open[position]), "afterHours": float(summary.late_close[position])}
    return {name: price for name, price in prices.items() if not np.isnan(price)}


def _window(times: str, span: str) -> Window:
    if span == "second":
        document = {"status": "NOT_AUTHORIZED", "message": "You are not entitled to this data. No second bars here."}
        raise RefusedError(HTTPStatus.FORBIDDEN, document)
    if span not in SPANS or not (times.isascii() and times.isdigit()) or len(times) > _MULTIPLIER_DIGITS:
        raise bad_request(f"'{times} {span}' is no window: give a number and one of {', '.join(SPANS)}")
    if not int(times):
        raise bad_request("a window must be 1 span or more")
    return Window(int(times), span)


def _moment(text: str, name: str) -> int:
    """A date's midnight in New York, or milliseconds since the epoch."""
    if text.isascii() and text.isdigit():
        return min(int(text[:18]), _LATEST_MS)
    return midnight_ms(day_number(date_in(text, name)))


def _base(
    market: Market, asked: Asked, symbol: bytes, window: Window, from_ms: int, to_ms: int
) -> tuple[Longs, Floats]:
    """Starts of the windows of all base bars, and the base bars."""
    if window.of_minutes:
        bars = market.book.minutes(symbol, *window.bounds_ms(from_ms, to_ms))
        day, starts, values = _days_of(bars.start_ms), window.starts_ms(bars.start_ms), bars.values
    else:
        first_day, last_day = window.bounds(day_of(from_ms), day_of(to_ms))
        days = market.days.of_symbol(symbol, first_day, last_day, asked.now_ms)
        day, values = days.day, np.vstack((days.values, np.full(days.day.size, np.nan)))
        starts = np.array([midnight_ms(first) for first in window.starts(day).tolist()], np.int64)
    if asked.flag("adjusted", default=True):
        values = market.splits.adjusted(np.full(len(day), symbol), day, values, day_of(asked.now_ms))
    return starts, values


def _days_of(start_ms: Longs) -> Longs:
    """New York's day of every start: trading ends before midnight UTC's next day has lasted four hours."""
    return (start_ms - 4 * _DAY_MS // 24) // _DAY_MS


def _part(window: Longs, limit: int, *, descending: bool) -> slice:
    """The first or last `limit` base bars without cutting a window in two, but at least one window."""
    size = len(window)
    if size <= limit:
        return slice(0, size)
    if descending:
        start = int(np.searchsorted(window, window[size - limit - 1], side="right"))
        return slice(start if start < size else int(np.searchsorted(window, window[-1])), size)
    stop = int(np.searchsorted(window, window[limit]))
    return slice(0, stop or int(np.searchsorted(window, window[0], side="right")))

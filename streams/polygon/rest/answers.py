"""What the vendor answers, read as columns and records. Pure.

A row that breaks the laws of a bar is left out and counted, and so is one whose fields are not what they should be;
a body that is no answer at all raises `NoAnswerError`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import msgspec
import numpy as np

from streams.bars import FIELDS, MINUTE_MS, SYMBOL, BarBatch
from streams.dailyfile import DailyBars
from streams.polygon.laws import EARLIEST_MS, LATEST_MS, LEAST, PRICE_LIMIT, VOLUME_LIMIT
from streams.polygon.rest.records import Aggregate, Details, Holiday, MarketStatus, Quoted  # noqa: TC001 - msgspec reads them

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.polygon.rest.records import Traded
    from streams.types import Flags, Floats, Longs, Symbols

DAY_MS: Final = 86_400_000
_STATUSES: Final = ("OK", "DELAYED")
_TICKER: Final = re.compile(r"[A-Za-z0-9./-]{1,16}")

T = TypeVar("T")


class NoAnswerError(ValueError):
    """The body is not what the endpoint answers with."""


class Snapshot(NamedTuple):
    """The market now, in order of symbols. Values are NaN where nothing has traded.

    Attributes:
        symbol: ``S16[n]``, sorted.
        updated_ms: ``int64[n]``, when each was last renewed; 0 if the vendor does not say.
        day: ``float64[6, n]``, open, high, low, close, volume, vwap of the regular session so far; before it NaN.
        minute: ``float64[6, n]``, the last minute bar.
        minute_start_ms: ``int64[n]``, its start; 0 for none.
        accumulated_volume: ``float64[n]``, shares since 04:00.
        previous: ``float64[6, n]``, the session before.
        rejected: symbols left out.
    """

    symbol: Symbols
    updated_ms: Longs
    day: Floats
    minute: Floats
    minute_start_ms: Longs
    accumulated_volume: Floats
    previous: Floats
    rejected: int


class Page(NamedTuple):
    """One page: its results, each as raw JSON, and the address of the next page or ``""``."""

    results: Sequence[msgspec.Raw]
    next_url: str


class _Envelope(msgspec.Struct):
    status: str = ""
    results: list[msgspec.Raw] | None = None
    next_url: str = ""


class _Single(msgspec.Struct):
    results: Details


class _Market(msgspec.Struct):
    tickers: list[msgspec.Raw] | None = None
    status: str = ""


def page(body: bytes) -> Page:
    """An envelope with results; absent ones are none.

    Raises:
        NoAnswerError: it is no such envelope.
    """
    found = _decoded(body, _Envelope)
    _refuse_complaint(found.status, "results", found.results)
    return Page(found.results or (), found.next_url)


def records(results: Sequence[msgspec.Raw], kind: type[T]) -> tuple[tuple[T, ...], int]:
    """Results of one kind, and how many were left out because they are not of it."""
    read = [_record(raw, kind) for raw in results]
    return tuple(one for one in read if one is not None), sum(one is None for one in read)


def details(body: bytes) -> Details:
    """The answer to a request for details.

    Raises:
        NoAnswerError: it is none.
    """
    return _decoded(body, _Single).results


def market_status(body: bytes) -> MarketStatus:
    """The answer to a request for the market's status.

    Raises:
        NoAnswerError: it is none.
    """
    return _decoded(body, MarketStatus)


def holidays(body: bytes) -> tuple[Holiday, ...]:
    """The answer to a request for holidays, which has no envelope.

    Raises:
        NoAnswerError: it is none.
    """
    return records(_decoded(body, list[msgspec.Raw]), Holiday)[0]


def grouped_days(results: Sequence[msgspec.Raw], day: int) -> DailyBars:
    """The whole market's bars of `day`; their ``t`` is the session's end and says nothing more."""
    bars, rejected = records(results, Aggregate)
    symbol = np.array([_name(bar.T) for bar in bars], SYMBOL)
    return _days(symbol, np.full(len(bars), day), _values(bars), rejected)


def symbol_days(results: Sequence[msgspec.Raw], symbol: str) -> DailyBars:
    """Bars of one symbol. ``t`` is midnight in New York, or the session's end: in UTC both are of its date."""
    bars, rejected = records(results, Aggregate)
    day = _times(bars) // DAY_MS
    return _days(np.full(len(bars), _name(symbol), SYMBOL), day, _values(bars), rejected)


def minute_bars(results: Sequence[msgspec.Raw], symbol: str) -> tuple[BarBatch, int]:
    """Minute bars of one symbol in order, none twice, and how many results were left out; arrival is a bar's end."""
    bars, rejected = records(results, Aggregate)
    start_ms, values = _times(bars), _values(bars)
    good = _lawful(values) & (start_ms % MINUTE_MS == 0) & (start_ms >= EARLIEST_MS) & (start_ms < LATEST_MS)
    good &= values[4] > 0
    start_ms, last = _last_of_each(start_ms[good])
    whole = np.full((len(FIELDS), len(last)), np.nan)
    whole[:6] = values[:, good][:, last]
    length = np.full(len(last), MINUTE_MS)
    batch = BarBatch(np.full(len(last), _name(symbol), SYMBOL), start_ms, length, start_ms + MINUTE_MS, whole)
    return batch, rejected + len(good) - len(last)


def snapshot(body: bytes) -> Snapshot:
    """The market now.

    Raises:
        NoAnswerError: it is no snapshot.
    """
    found = _decoded(body, _Market)
    _refuse_complaint(found.status, "tickers", found.tickers)
    quoted, rejected = records(found.tickers or (), Quoted)
    symbol = np.array([_name(one.ticker) for one in quoted], SYMBOL)
    day, minute, previous = (_traded([getattr(one, part) for one in quoted]) for part in ("day", "min", "prevDay"))
    minute_ms = _whole([one.min.t for one in quoted], EARLIEST_MS, LATEST_MS)
    keep = np.flatnonzero(symbol != b"")
    symbols, last = _last_of_each(symbol[keep])
    at = keep[last]
    return Snapshot(
        symbols,
        _whole([one.updated / 1e6 for one in quoted], EARLIEST_MS, LATEST_MS)[at],
        day[:, at],
        minute[:, at],
        np.where(np.isfinite(minute[3]), minute_ms, 0)[at],
        _positive(np.array([one.min.av for one in quoted], np.float64))[at],
        previous[:, at],
        rejected + len(quoted) - len(at),
    )


def _refuse_complaint(status: str, name: str, rows: Sequence[msgspec.Raw] | None) -> None:
    """A complaint under HTTP 200 has no results either, but it does not say that there are none."""
    if status and status not in _STATUSES:
        raise NoAnswerError(f"its status is {status[:40]!a}")
    if not status and rows is None:
        raise NoAnswerError(f"it has neither a status nor {name}")


def _decoded(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NoAnswerError(str(error)[:200]) from error


def _record(raw: msgspec.Raw, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _values(bars: Sequence[Aggregate]) -> Floats:
    """Open, high, low, close, volume, vwap; ``float64[6, n]``, an unknown vwap NaN."""
    rows = [(bar.o, bar.h, bar.l, bar.c, bar.v, bar.vw or np.nan) for bar in bars]
    return np.array(rows, np.float64).reshape(-1, 6).T


def _times(bars: Sequence[Aggregate]) -> Longs:
    return _whole([bar.t for bar in bars], EARLIEST_MS, LATEST_MS)


def _whole(numbers: Sequence[float], least: int, limit: int) -> Longs:
    """Whole numbers; 0 where they lie outside."""
    values = np.array(numbers, np.float64)
    return np.where((values >= least) & (values < limit), values, 0.0).astype(np.int64)


def _lawful(values: Floats) -> Flags:
    """Which columns are bars, by the laws of `streams.polygon.laws`; a day may be without volume."""
    prices, (opened, high, low, close), volume, vwap = values[:4], values[:4], values[4], values[5]
    laws = (
        ((prices >= LEAST) & (prices < PRICE_LIMIT)).all(axis=0),
        (high >= np.maximum(opened, close)) & (low <= np.minimum(opened, close)),
        (volume >= 0) & (volume < VOLUME_LIMIT),
        np.isnan(vwap) | ((vwap >= LEAST) & (vwap < PRICE_LIMIT)),
    )
    kept: Flags = np.logical_and.reduce(laws)
    return kept


def _traded(parts: Sequence[Traded]) -> Floats:
    """``float64[6, n]``, NaN where nothing has traded or the numbers make no bar."""
    rows = [(one.o, one.h, one.l, one.c, one.v, one.vw or np.nan) for one in parts]
    values = np.array(rows, np.float64).reshape(-1, 6).T
    values[:, ~_lawful(values)] = np.nan
    return values


def _positive(values: Floats) -> Floats:
    return np.where((values >= 0) & (values < VOLUME_LIMIT), values, np.nan)


def _days(symbol: Symbols, day: Longs, values: Floats, rejected: int) -> DailyBars:
    good = np.flatnonzero(_lawful(values) & (symbol != b"") & (day > 0))
    order = good[np.lexsort((day[good], symbol[good]))]
    symbol, day = symbol[order], day[order]
    last = np.ones(len(order), np.bool_)
    last[:-1] = (symbol[1:] != symbol[:-1]) | (day[1:] != day[:-1])
    rejected += values.shape[1] - int(last.sum())
    return DailyBars(symbol[last], day[last], values[:5, order[last]], rejected)


def _last_of_each(keys: Any) -> tuple[Any, Longs]:
    """Each key once, ascending, and the place of its last appearance."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    last = np.ones(len(ordered), np.bool_)
    last[:-1] = ordered[1:] != ordered[:-1]
    return ordered[last], order[last]


def _name(symbol: str) -> bytes:
    """Empty for what is no ticker."""
    return symbol.encode() if _TICKER.fullmatch(symbol) else b""

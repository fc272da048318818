"""Bars from a file: parquet, or CSV plain or gzipped, read through DuckDB in bounded pieces.

Two layouts are known: our own, ``symbol, ts, open, high, low, close, volume[, vwap]`` with ``ts`` in milliseconds, and
the vendor's flat files, ``ticker, volume, open, close, high, low, window_start, transactions`` with ``window_start``
in nanoseconds; both times are UTC and at the bar's start. Columns beyond these are not read.
"""
# ruff: noqa: S608 - the names in these statements are our own

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from streams.barlayout import COLUMNS, PRICES, LayoutError, recognise, select
from streams.bars import FIELDS, SYMBOL, BarBatch
from streams.polygon.jit import kernel
from streams.polygon.laws import EARLIEST_MS, LATEST_MS, VERDICTS, breach, known
from streams.polygon.messages import Reason
from streams.tablefile import TableFile, TableFileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from streams.barlayout import Layout
    from streams.types import Flags, Floats, Longs, Symbols

BATCH_ROWS: Final = 100_000
"""A batch ends with the first hour that brings it to this many rows: what is in memory at a time."""

DUPLICATE: Final = "duplicate"
"""Reason of a row whose symbol and start a later row of the file repeats; the later one is kept."""

MINUTE_MS: Final = 60_000
_HOUR_MS = 3_600_000
_TICKER = re.compile(r"[A-Za-z0-9./-]{1,16}")
_TIMELY = f"start_ms >= {EARLIEST_MS} AND start_ms < {LATEST_MS}"


class BarFileError(TableFileError):
    """The file cannot be used as bars. Stop: a person names another file, or mends this one."""

    kind = "bars file"


class BarFile:
    """The bars of one file, in order of start and symbol. Build one with `open_bars`.

    Attributes:
        path: the file.
        length_ms: length of every bar.
        count: rows in the file, those that will be left out among them.
        first_ms, last_ms: earliest and latest start; 0 in a file without rows.
        symbols: ``S16[s]``, all symbols of the file, sorted; those that break the law read empty.
        rejects: rows left out so far, by reason (`streams.polygon.messages.Reason` or `DUPLICATE`).
    """

    def __init__(self, table: TableFile, length_ms: int, layout: Layout) -> None:
        self.path, self.length_ms = table.path, length_ms
        self._table, self._layout = table, layout
        self._refuse_foreign()
        self.count, untimely, self.first_ms, self.last_ms = self._extent()
        self._refuse_minutes()
        self.symbols, self._lawful = self._read_symbols()
        self._broken = {str(Reason.MALFORMED): table.malformed(), str(Reason.TIME): untimely}
        self.rejects: Counter[str] = Counter()
        self._set_aside(self._broken)
        _judge(np.empty((len(FIELDS), 0)), np.empty(0, np.int64), length_ms, np.empty(0, np.int8))  # compiles

    def batches(self, from_ms: int | None = None, to_ms: int | None = None) -> Iterator[BarBatch]:
        """The bars in order of (start, symbol), a bounded number at a time; no hour is cut in two.

        What breaks a law is left out and counted in `rejects`, which begins anew with every reading. Arrival is the
        bar's end; vwap is NaN where the file has none, and the three fields of the day always are.

        Args:
            from_ms: bars that start earlier are not read.
            to_ms: bars that start then or later are not read.

        Raises:
            BarFileError: the file cannot be read on.
        """
        return (batch for batch, _ in self.indexed(from_ms, to_ms))

    def indexed(self, from_ms: int | None = None, to_ms: int | None = None) -> Iterator[tuple[BarBatch, Longs]]:
        """As `batches`, each with ``int64[n]``: the position of every bar's symbol in `symbols`."""
        self.rejects.clear()
        self._set_aside(self._broken)
        for first_ms, end_ms in self._pieces(from_ms or EARLIEST_MS, to_ms or LATEST_MS):
            yield self._read(first_ms, end_ms)

    def span(self, from_ms: int | None = None, to_ms: int | None = None) -> tuple[int, int] | None:
        """Earliest and latest start of the rows that `batches` would read; None if there are none."""
        first_ms, last_ms = self._table.row(
            "SELECT min(start_ms), max(start_ms) FROM bars"
            f" WHERE start_ms >= {from_ms or EARLIEST_MS} AND start_ms < {to_ms or LATEST_MS}"
        )
        return None if first_ms is None else (first_ms, last_ms)

    def close(self) -> None:
        """Release the file."""
        self._table.close()

    def _refuse_foreign(self) -> None:
        """Refuse a file in which some column holds not one number that can be read."""
        columns = ("start_ms", *PRICES)
        rows, *readable = self._table.row(
            f"SELECT count(*), {', '.join(f'count({name})' for name in columns)} FROM bars"
        )
        for column, found in zip(map(self._layout.source, columns), readable, strict=True):
            if rows and not found:
                (sample,) = self._table.row(f"SELECT left(max({column})::VARCHAR, 40) FROM raw")
                raise BarFileError(self.path, f"holds no number, but for example {sample!r}", column)

    def _extent(self) -> tuple[int, int, int, int]:
        """Rows, those of them whose start no bar can have, first and last start."""
        rows, timely, first_ms, last_ms, sample = self._table.row(
            f"SELECT count(*), count(*) FILTER ({_TIMELY}), min(start_ms) FILTER ({_TIMELY}),"
            f" max(start_ms) FILTER ({_TIMELY}), max(start_ms) FROM bars"
        )
        if rows and not timely:
            what = f"does not count {self._layout.unit} since 1970: the latest would be {sample} in milliseconds"
            raise BarFileError(self.path, what, self._layout.time)
        return rows, rows - timely, first_ms or 0, last_ms or 0

    def _refuse_minutes(self) -> None:
        """Refuse as second bars a file in which one symbol has several bars, and none starts off the minute."""
        if self.length_ms == MINUTE_MS:
            return
        off, several = self._table.row(
            f"SELECT bool_or(off), bool_or(several) FROM (SELECT bool_or(start_ms % {MINUTE_MS} <> 0) AS off,"
            f" min(start_ms) < max(start_ms) AS several FROM bars WHERE {_TIMELY} GROUP BY ticker)"
        )
        if several and not off:
            what = "every bar starts on a whole minute, so these are no second bars; read them with --bar 1m"
            raise BarFileError(self.path, what, self._layout.time)

    def _read_symbols(self) -> tuple[Symbols, Flags]:
        """All symbols and which of them are lawful; their enum turns names into positions."""
        self._table.ask(
            "CREATE TYPE symbol AS ENUM (SELECT DISTINCT ticker FROM bars WHERE ticker IS NOT NULL ORDER BY ticker)"
        )
        names = self._table.row("SELECT enum_range(NULL::symbol)")[0] or []
        lawful = [_TICKER.fullmatch(name) is not None for name in names]
        symbols = [name if good else "" for name, good in zip(names, lawful, strict=True)]
        return np.array(symbols, SYMBOL), np.array([*lawful, False], np.bool_)

    def _pieces(self, from_ms: int, to_ms: int) -> Iterator[tuple[int, int]]:
        """Ranges of start of about `BATCH_ROWS` rows, cut between hours."""
        hours = self._table.ask(
            f"SELECT start_ms // {_HOUR_MS} AS h, count(*) FROM bars"
            f" WHERE start_ms >= {from_ms} AND start_ms < {to_ms} GROUP BY h ORDER BY h"
        ).fetchall()
        first_ms, rows = from_ms, 0
        for hour, count in hours[:-1]:
            rows += count
            if rows >= BATCH_ROWS:
                end_ms = (hour + 1) * _HOUR_MS
                yield first_ms, end_ms
                first_ms, rows = end_ms, 0
        if hours:
            yield first_ms, to_ms

    def _read(self, first_ms: int, end_ms: int) -> tuple[BarBatch, Longs]:
        columns = self._table.ask(
            "SELECT start_ms, coalesce(enum_code(ticker::symbol)::BIGINT, -1) AS ticker,"
            f" {', '.join(f'''coalesce({name}, 'nan') AS {name}''' for name in COLUMNS[2:])}"
            f" FROM bars WHERE start_ms >= {first_ms} AND start_ms < {end_ms}"
        ).fetchnumpy()
        return self._judged(*_ordered(columns, len(self.symbols)))

    def _judged(self, index: Longs, start_ms: Longs, values: Floats) -> tuple[BarBatch, Longs]:
        """The bars that keep the laws, the last of equals; the rest is counted."""
        lawful = self._lawful[index]
        verdict = np.zeros(len(index), np.int8)
        _judge(values, start_ms, self.length_ms, verdict)
        keep = np.flatnonzero(lawful & (verdict == 0))
        fresh = keep[_last_of_equals(index[keep], start_ms[keep])]
        broken = np.bincount(verdict[lawful], minlength=len(VERDICTS))
        self._set_aside({str(VERDICTS[k]): int(broken[k]) for k in range(1, len(VERDICTS))})
        self._set_aside({str(Reason.SYMBOL): int((~lawful).sum()), DUPLICATE: len(keep) - len(fresh)})
        index, start_ms = index[fresh], start_ms[fresh]
        length = np.full(len(fresh), self.length_ms, np.int64)
        return BarBatch(self.symbols[index], start_ms, length, start_ms + length, values[:, fresh]), index

    def _set_aside(self, found: Mapping[str, int]) -> None:
        self.rejects.update({reason: count for reason, count in found.items() if count})


def open_bars(path: Path, length_ms: int) -> BarFile:
    """Open a bars file; reads it once for its extent and symbols (a CSV is parsed here, once and for all).

    Args:
        path: parquet, CSV or gzipped CSV, told apart by content.
        length_ms: length of its bars, 1,000 or 60,000.

    Raises:
        BarFileError: the file is absent, unreadable or foreign; names the column at fault.
    """
    table = TableFile(path, BarFileError)
    with table.refusing():
        try:
            layout = recognise(table.types)
        except LayoutError as error:
            raise BarFileError(path, error.what, error.column) from error
        table.ask(f"CREATE {'VIEW' if table.parquet else 'TABLE'} bars AS {select(layout, table.types)}")
        return BarFile(table, length_ms, layout)


def _ordered(columns: Mapping[str, NDArray[Any]], symbols: int) -> tuple[Longs, Longs, Floats]:
    """Symbol positions, starts and values in order of (start, symbol), equals in the order of the file."""
    index, start_ms = columns["ticker"], columns["start_ms"]
    order = np.argsort((start_ms - EARLIEST_MS) * (symbols + 1) + index, kind="stable")
    values = np.full((len(FIELDS), len(order)), np.nan)
    for row, name in enumerate(COLUMNS[2:]):
        values[row] = columns[name][order]
    return index[order], start_ms[order], values


def _last_of_equals(index: Longs, start_ms: Longs) -> Flags:
    last = np.ones(len(index), np.bool_)
    last[:-1] = (index[1:] != index[:-1]) | (start_ms[1:] != start_ms[:-1])
    return last


@kernel
def _judge(values: Floats, start_ms: Longs, length_ms: int, verdict: NDArray[np.int8]) -> None:
    """Judge each column of ``values[9, n]`` by the laws of the feed; a vwap of 0 becomes NaN."""
    length = float(length_ms)
    for i in range(len(start_ms)):
        start = float(start_ms[i])
        values[5, i] = known(values[5, i])
        verdict[i] = breach(values[:, i], start, start + length, length)

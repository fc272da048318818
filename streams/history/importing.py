"""Bars from files into a history: parquet, CSV, or the vendor's flat files, of minutes or of days.

A file with a column ``date`` holds daily bars, one with ``ts`` minute bars. The vendor's flat files of both have the
same columns: those of days begin at midnight in New York, when nothing trades.

Errors, and who acts::

    streams.tablefile.TableFileError
        streams.barfile.BarFileError, streams.dailyfile.DailyFileError
        ImportFileError                   stop: a person names another file, or mends this one
    streams.history.errors.HistoryError   as said there; what was reported as stored is stored
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import numpy as np

from streams.barfile import open_bars
from streams.bars import MINUTE_MS, concat
from streams.dailyfile import FIELDS, DailyBars, read_daily
from streams.history.protocol import DAY_MS
from streams.tablefile import TableFile, TableFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from streams.barfile import BarFile
    from streams.bars import BarBatch
    from streams.history.protocol import History

_PIECE_ROWS: Final = 1_000_000
"""Minute bars stored at a time: about 100 MB."""

_MIDNIGHTS_MS: Final = (4 * 3_600_000, 5 * 3_600_000)
"""When New York's day begins, in UTC: summer and winter."""


class ImportFileError(TableFileError):
    """The file holds bars of no kind that is known. Stop: a person names another file."""

    kind = "file"


class Imported(NamedTuple):
    """How far the import of a file has come.

    Attributes:
        path: the file.
        kind: what it holds.
        done: rows of it that have been dealt with.
        total: rows in it.
        rejected: rows so far that break a law, or that a later row of the file repeats; they are left out.
    """

    path: Path
    kind: Literal["minutes", "daily"]
    done: int
    total: int
    rejected: int


def import_file(
    path: Path, history: History, as_of_ms: int, progress: Callable[[Imported], None] | None = None
) -> Imported:
    """Store the bars of a file; what is known already is replaced, so it may be repeated. Cost: 2 s a million rows.

    Args:
        path: parquet, CSV or gzipped CSV, told apart by content.
        history: to store them in.
        as_of_ms: wall clock, noted with daily bars.
        progress: told after every piece that was stored.

    Raises:
        TableFileError: the file is absent, unreadable or foreign; nothing of it was stored.
        HistoryError: the store does not take them.
    """
    state = Imported(path, "minutes", 0, 0, 0)
    for state in _steps(path, history, as_of_ms):
        if progress:
            progress(state)
    return state


def _steps(path: Path, history: History, as_of_ms: int) -> Iterator[Imported]:
    if "date" in _columns(path):
        days = read_daily(path)
        history.write_daily(days, "file", as_of_ms)
        total = len(days.day) + days.rejected
        yield Imported(path, "daily", total, total, days.rejected)
        return
    file = open_bars(path, MINUTE_MS)
    try:
        if file.first_ms % DAY_MS in _MIDNIGHTS_MS:
            yield _days(file, history, as_of_ms)
        else:
            yield from _minutes(file, history)
    finally:
        file.close()


def _minutes(file: BarFile, history: History) -> Iterator[Imported]:
    stored = 0
    for bars in _pieces(file):
        stored += history.write_minutes(bars)
        rejected = file.rejects.total()
        yield Imported(file.path, "minutes", min(stored + rejected, file.count), file.count, rejected)
    yield Imported(file.path, "minutes", file.count, file.count, file.count - stored)


def _pieces(file: BarFile) -> Iterator[BarBatch]:
    waiting: list[BarBatch] = []
    for batch in file.batches():
        waiting.append(batch)
        if sum(one.size for one in waiting) >= _PIECE_ROWS:
            yield concat(waiting)
            waiting = []
    if waiting:
        yield concat(waiting)


def _days(file: BarFile, history: History, as_of_ms: int) -> Imported:
    bars = concat(list(file.batches()))
    bars = bars.take(np.isin(bars.start_ms % DAY_MS, _MIDNIGHTS_MS))
    days = DailyBars(bars.symbol, bars.start_ms // DAY_MS, bars.values[: len(FIELDS)], file.count - bars.size)
    history.write_daily(days, "file", as_of_ms)
    return Imported(file.path, "daily", file.count, file.count, days.rejected)


def _columns(path: Path) -> set[str]:
    """The columns of a file that holds bars of some kind."""
    table = TableFile(path, ImportFileError)
    table.close()
    columns = set(table.types)
    if not columns & {"date", "ts", "window_start"}:
        have = ", ".join(table.types)[:200]
        wanted = "date (daily bars), ts (minute bars) or window_start (the vendor's flat files)"
        raise ImportFileError(path, f"has none of the columns {wanted}; there are {have}")
    return columns

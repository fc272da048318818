"""A history in a folder: bars and questions as Parquet, small tables in SQLite.

::

    minutes/day=2025-01-31/part-*.parquet     one folder a New York date
    daily/year=2025/part-*.parquet
    questions/day=2025-01-31/part-*.parquet
    history.sqlite                            small tables, and the version of all of it

Any DuckDB or Arrow reads the Parquet as it lies (a bar written anew may be there twice until the parts are merged:
the one in the file of the highest number holds).
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from streams.history.errors import HistoryAbsentError, HistoryUnavailableError
from streams.history.kept import Kept, bars_of
from streams.history.parts import Parts
from streams.history.protocol import DAY_MS, KEEP, MIDNIGHT_MS
from streams.history.schema import (
    DAILY_BARS,
    MINUTE_BARS,
    conform,
    daily_bars,
    daily_table,
    minute_table,
    times,
    wanted,
)
from streams.history.small import SmallTables
from streams.history.spans import joined, since
from streams.history.tables import ALERTS, OUTCOMES, QUESTIONS, SMALL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType

    import pyarrow.dataset as ds

    from streams.bars import BarBatch
    from streams.dailyfile import DailyBars
    from streams.history.protocol import Journal, Register, Retention, Span
    from streams.types import Longs, Symbols

_EPOCH = date(1970, 1, 1)


class FileHistory:
    """A history in files. For one thread at a time; other processes open their own beside it.

    Args:
        folder: made if absent.
        read_only: nothing is written, an older schema is refused.

    Raises:
        HistoryForeignError, HistoryUnavailableError, HistoryDamagedError: as `streams.history.errors` says.
    """

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        self.folder = folder
        self._prepare(read_only=read_only)
        self._minutes = Parts(folder / "minutes", MINUTE_BARS, "day")
        self._daily = Parts(folder / "daily", DAILY_BARS, "year")
        self._questions = Parts(folder / "questions", QUESTIONS, "day")
        self._small = SmallTables(folder / "history.sqlite", read_only=read_only)

    def write_minutes(self, bars: BarBatch | pa.Table) -> int:
        """As `streams.history.protocol.History` says, like all that follow."""
        rows = conform(bars, MINUTE_BARS.schema) if isinstance(bars, pa.Table) else minute_table(bars)
        return _spread(self._minutes, rows, _day_of_ms(times(rows, "start_ms")), _day_name)

    def minutes(self, symbols: Sequence[str] | Symbols | None, from_ms: int, to_ms: int) -> pa.Table:
        """Minute bars, see the protocol. Cost: 0.1 s a million rows."""
        return self._between(self._minutes, symbols, "start_ms", from_ms, to_ms)

    def write_daily(self, days: DailyBars, source: str, as_of_ms: int) -> int:
        """Store daily bars, see the protocol."""
        rows = daily_table(days, source, as_of_ms)
        years = days.day.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
        return _spread(self._daily, rows, years, str)

    def daily(self, symbols: Sequence[str] | Symbols | None, first_day: int, last_day: int) -> DailyBars:
        """Daily bars, see the protocol. Cost: 0.3 s for 1.7 million."""
        first, last = _date(first_day), _date(last_day)
        years = [year for year in self._daily.partitions() if f"{first.year}" <= year <= f"{last.year}"]
        where = (pc.field("day") >= first) & (pc.field("day") <= last)
        return daily_bars(self._daily.read(years, _and_symbols(where, symbols)))

    def mark_fetched(self, kind: str, spans: Sequence[Span]) -> None:
        """Note what is known, see the protocol."""
        self._small.change_spans(kind, lambda known: joined(known, spans))

    def fetched(self, kind: str) -> list[Span]:
        """What is known."""
        return self._small.spans(kind)

    def append(self, table: Journal, rows: pa.Table) -> int:
        """Add rows to a journal."""
        if table == "questions":
            rows = conform(rows, QUESTIONS.schema)
            return _spread(self._questions, rows, _day_of_ms(times(rows, "asked_ms")), _day_name)
        return self._small.add(SMALL[table], rows)

    def read(self, table: Journal, from_ms: int, to_ms: int) -> pa.Table:
        """Rows of a journal."""
        if table == "questions":
            return self._between(self._questions, None, "asked_ms", from_ms, to_ms)
        time = SMALL[table].time
        return self._small.rows(SMALL[table], f"{time} >= ? AND {time} < ?", from_ms, to_ms)

    def put(self, table: Register, rows: pa.Table) -> int:
        """Store rows of a register."""
        return self._small.add(SMALL[table], rows)

    def get(self, table: Register) -> pa.Table:
        """All rows of a register."""
        return self._small.rows(SMALL[table])

    def disk_bytes(self) -> int:
        """Size of all files."""
        return self._small.bytes_used() + sum(parts.bytes_used() for parts in self._all_parts())

    def kept(self) -> Kept:
        """What there is."""
        minutes, of_minutes = self._minutes.counted("symbol")
        daily, of_daily = self._daily.counted("symbol")
        _, dates = self._daily.counted("day")
        days = {_days(date.fromisoformat(day)) for day in self._minutes.partitions()}
        rows = {name: self._small.count(table) for name, table in SMALL.items()}
        return Kept(
            self.disk_bytes(),
            bars_of(minutes, len(of_minutes), days if minutes else set()),
            bars_of(daily, len(of_daily), {_days(day) for day in dates}),
            {**rows, "questions": self._questions.counted("symbol")[0]},
            self._small.fetched(),
        )

    def prune(self, now_ms: int, keep: Retention = KEEP) -> None:
        """Delete what is older than `keep`; make one file of each day that has ended."""
        today = int(_day_of_ms(np.array([now_ms]))[0])
        minute_day, daily_day = today - keep.minute_days, today - keep.daily_days
        _drop_before(self._minutes, _day_name(minute_day))
        _drop_before(self._questions, _day_name(minute_day))
        _drop_before(self._daily, str(_date(daily_day).year))
        self._small.change_spans("minutes", lambda spans: since(spans, minute_day * DAY_MS + MIDNIGHT_MS))
        self._small.change_spans("daily", lambda spans: since(spans, _days(_date(daily_day).replace(month=1, day=1))))
        for table in (ALERTS, OUTCOMES):
            self._small.forget(table, now_ms - keep.journal_days * DAY_MS)
        for parts in (self._minutes, self._questions):
            for day in parts.partitions():
                if day < _day_name(today):
                    parts.compact(day)
        self._small.checkpoint()

    def close(self) -> None:
        """Release the database file."""
        self._small.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _prepare(self, *, read_only: bool) -> None:
        if read_only and not (self.folder / "history.sqlite").exists():
            raise HistoryAbsentError(
                self.folder, "holds no history", "`technic run` and `technic history import` make it"
            )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise HistoryUnavailableError(self.folder, error.strerror or str(error), "name another folder") from error

    def _between(
        self, parts: Parts, symbols: Sequence[str] | Symbols | None, time: str, from_ms: int, to_ms: int
    ) -> pa.Table:
        first, last = (_day_name(int(day)) for day in _day_of_ms(np.array([from_ms, to_ms - 1])))
        days = [day for day in parts.partitions() if first <= day <= last]
        where = (pc.field(time) >= from_ms) & (pc.field(time) < to_ms)
        return parts.read(days, _and_symbols(where, symbols))

    def _all_parts(self) -> tuple[Parts, ...]:
        return self._minutes, self._daily, self._questions


def _spread(parts: Parts, rows: pa.Table, partition: Longs, name: Callable[[int], str]) -> int:
    """Write each row into its partition."""
    for one in np.unique(partition):
        whole = (partition == one).all()
        parts.write(name(int(one)), rows if whole else rows.filter(pa.array(partition == one)))
    return len(rows)


def _drop_before(parts: Parts, first: str) -> None:
    for partition in parts.partitions():
        if partition < first:
            parts.drop(partition)


def _and_symbols(where: ds.Expression, symbols: Sequence[str] | Symbols | None) -> ds.Expression:
    return where if symbols is None else where & pc.field("symbol").isin(pa.array(wanted(symbols), pa.string()))


def _day_of_ms(moments_ms: Longs) -> Longs:
    return (moments_ms - MIDNIGHT_MS) // DAY_MS


def _date(day: int) -> date:
    return _EPOCH + timedelta(days=min(max(day, 0), 100_000))


def _days(day: date) -> int:
    return (day - _EPOCH).days


def _day_name(day: int) -> str:
    return _date(day).isoformat()

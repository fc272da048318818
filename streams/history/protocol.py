"""What a history is, whatever holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    import pyarrow as pa

    from streams.bars import BarBatch
    from streams.dailyfile import DailyBars
    from streams.history.kept import Kept
    from streams.types import Symbols

DAY_MS: Final = 86_400_000

MIDNIGHT_MS: Final = 5 * 3_600_000
"""Days begin at 05:00 UTC all year: 04:00 to 20:00 of New York lie within one, in summer time, too."""

Journal = Literal["alerts", "outcomes", "questions"]
"""Tables that only grow; a row with a key that is known is left out."""

Register = Literal["tickers", "splits", "details"]
"""Tables that say how things are; a row with a key that is known replaces the earlier one."""


class Span(NamedTuple):
    """What is known of one key: everything from `first` to `last`, both inclusive.

    Attributes:
        key: a symbol, or whatever else was asked about.
        first, last: days since 1970 or milliseconds, by the kind.
        as_of_ms: wall clock when the oldest part of it was fetched.
    """

    key: str
    first: int
    last: int
    as_of_ms: int


class Retention(NamedTuple):
    """What `History.prune` keeps, in days."""

    minute_days: int = 60
    daily_days: int = 5 * 366
    journal_days: int = 2 * 366


KEEP: Final = Retention()


class History(Protocol):
    """Bars and what was decided on them. For one thread at a time; other processes open their own beside it.

    Every method raises `streams.history.errors.HistoryError`.
    """

    def write_minutes(self, bars: BarBatch | pa.Table) -> int:
        """Store minute bars; one with a known (symbol, start_ms) replaces it. Returns the rows stored."""

    def minutes(self, symbols: Sequence[str] | Symbols | None, from_ms: int, to_ms: int) -> pa.Table:
        """`schema.MINUTES` with from_ms <= start_ms < to_ms in order (start_ms, symbol); None: all symbols."""

    def write_daily(self, days: DailyBars, source: str, as_of_ms: int) -> int:
        """Store daily bars; one with a known (symbol, day) replaces it. Returns the rows stored.

        What the new bar leaves open (NaN) stays as it was known where the closes agree: `streams.history.completing`.
        """

    def daily(self, symbols: Sequence[str] | Symbols | None, first_day: int, last_day: int) -> DailyBars:
        """Daily bars with first_day <= day <= last_day; None: all symbols."""

    def mark_fetched(self, kind: str, spans: Sequence[Span]) -> None:
        """Note what is known and need not be asked again, empty answers too; touching spans become one."""

    def fetched(self, kind: str) -> list[Span]:
        """All spans of a kind, by key and first."""

    def append(self, table: Journal, rows: pa.Table) -> int:
        """Add rows; returns how many were new."""

    def read(self, table: Journal, from_ms: int, to_ms: int) -> pa.Table:
        """Rows with from_ms <= time < to_ms, by time."""

    def put(self, table: Register, rows: pa.Table) -> int:
        """Store rows; those with a known key replace it."""

    def get(self, table: Register) -> pa.Table:
        """All rows, by key."""

    def disk_bytes(self) -> int:
        """What it occupies."""

    def kept(self) -> Kept:
        """What there is, counted. Cost: a second for each hundred million minutes in files, more in PostgreSQL."""

    def prune(self, now_ms: int, keep: Retention = KEEP) -> None:
        """Delete what is older than `keep`, and put what no longer changes in order."""

    def close(self) -> None:
        """Release it."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

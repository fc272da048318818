"""Writes behind: the daemon hands rows over and goes on; a thread stores them when the store can.

What waits is bounded: beyond `limit_rows` the oldest rows are dropped, with a count. A store that is away is tried
again with growing pauses, and opened anew; rows that it refuses are set aside, with a count. An error that a person
has to mend ends the writing, and stands in `fatal`.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

import pyarrow as pa
import structlog

from streams.history.errors import HistoryError, HistoryRefusedError, HistoryUnavailableError
from streams.history.pending import Item, first_run, write

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streams.bars import BarBatch
    from streams.dailyfile import DailyBars
    from streams.history.protocol import History, Journal, Register, Retention, Span

log = structlog.get_logger()

LIMIT_ROWS: Final = 2_000_000
"""Rows that may wait: a bar is about 100 bytes, so 200 MB, or three hours of 10,000 symbols."""

FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0

_PIECE_ROWS = 200_000
_MOST_ITEMS = 100_000


class Standing(NamedTuple):
    """How the writing stands; cheap enough for a gauge.

    Attributes:
        waiting: rows that wait.
        stored: rows stored so far.
        dropped: oldest rows dropped, because more than the limit waited.
        refused: rows the store would not take.
        failures: attempts that failed.
        refusal: why the store last refused rows; empty if it never did.
        failing: why the last attempt failed; empty while all is well.
        fatal: why nothing is written any more; None while all is well.
    """

    waiting: int
    stored: int
    dropped: int
    refused: int
    failures: int
    refusal: str
    failing: str
    fatal: HistoryError | None


class HistoryWriter:
    """Hands rows to a history from a thread of its own. All methods may be called from any thread; none waits.

    Args:
        opens: opens the history, in that thread; called again after a failure.
        limit_rows: more rows than these do not wait.
        first_pause_s: pause after a failure; it doubles up to `LONGEST_PAUSE_S`.
    """

    def __init__(
        self, opens: Callable[[], History], *, limit_rows: int = LIMIT_ROWS, first_pause_s: float = FIRST_PAUSE_S
    ) -> None:
        self._opens, self._limit_rows, self._first_pause_s = opens, limit_rows, first_pause_s
        self._items: deque[Item] = deque(maxlen=2 * _MOST_ITEMS)  # half of them under way
        self._change = threading.Condition()
        self._ending = threading.Event()
        self._waiting = self._stored = self._dropped = self._refused = self._failures = 0
        self._busy = self._opened = False
        self._refusal = self._failing = ""
        self._fatal: HistoryError | None = None
        self._history: History | None = None
        self._items.append(Item(0, lambda _: None, kind="chore"))  # opened at once: what is wrong with it is seen
        self._thread = threading.Thread(target=self._run, name="history writer", daemon=True)
        self._thread.start()

    def minutes(self, bars: BarBatch, fetched: Sequence[Span] = ()) -> None:
        """Store minute bars some time soon, and then note that the spans `fetched` are known."""
        self._hand_over(Item(bars.size, None, bars, "minutes", fetched))

    def daily(self, days: DailyBars, source: str, as_of_ms: int, fetched: Sequence[Span] = ()) -> None:
        """Store daily bars some time soon, and then note that the spans `fetched` are known."""
        self._hand_over(
            Item(
                len(days.day), lambda history: history.write_daily(days, source, as_of_ms), kind="daily", spans=fetched
            )
        )

    def append(self, table: Journal, rows: pa.Table) -> None:
        """Add rows to a journal some time soon."""
        self._hand_over(Item(len(rows), lambda history: history.append(table, rows)))

    def put(self, table: Register, rows: pa.Table) -> None:
        """Store rows of a register some time soon."""
        self._hand_over(Item(len(rows), lambda history: history.put(table, rows)))

    def mark_fetched(self, kind: str, spans: Sequence[Span]) -> None:
        """Note what is known and empty; what holds rows is noted with them."""
        self._hand_over(Item(len(spans), None, kind=kind, spans=spans))

    def prune(self, now_ms: int, keep: Retention) -> None:
        """Prune some time soon, see `History.prune`; a store that is away or too slow for it is not asked again."""
        self._hand_over(Item(0, lambda history: _prune(history, now_ms, keep), kind="chore"))

    @property
    def standing(self) -> Standing:
        """How the writing stands."""
        with self._change:
            return Standing(
                self._waiting,
                self._stored,
                self._dropped,
                self._refused,
                self._failures,
                self._refusal,
                self._failing,
                self._fatal,
            )

    def tried(self, timeout_s: float) -> bool:
        """Wait until the store was opened or has refused to; False if that takes longer than `timeout_s`."""
        with self._change:
            return bool(self._change.wait_for(lambda: self._opened or self._failures or self._fatal, timeout_s))

    def flush(self, timeout_s: float) -> bool:
        """Wait until nothing waits any more; False if that takes longer than `timeout_s`, or writing has ended."""
        with self._change:
            self._change.wait_for(lambda: self._fatal or not (self._items or self._busy), timeout_s)
            return not (self._items or self._busy)

    def close(self, timeout_s: float) -> bool:
        """Store what waits, for at most `timeout_s`, and end; whether all was stored."""
        stored = self.flush(timeout_s)
        self._ending.set()
        with self._change:
            self._change.notify_all()
        self._thread.join(max(timeout_s, 1.0) if stored else 1.0)
        return stored

    def abandon(self) -> None:
        """End without a wait: what waits is not stored."""
        self._ending.set()
        with self._change:
            self._change.notify_all()

    def _hand_over(self, item: Item) -> None:
        if not item.rows and item.kind != "chore":
            return
        with self._change:
            if self._fatal or item.rows > self._limit_rows:
                self._dropped += item.rows
                return
            self._items.append(item)
            self._waiting += item.rows
            self._shed()
            self._change.notify_all()

    def _shed(self) -> None:
        """Drop the oldest until the limits hold."""
        while self._items and (self._waiting > self._limit_rows or len(self._items) > _MOST_ITEMS):
            lost = self._items.popleft()
            self._waiting -= lost.rows
            self._dropped += lost.rows

    def _run(self) -> None:
        pause_s = self._first_pause_s
        try:
            while (piece := self._next_piece()) is not None:
                pause_s = self._attempt(piece, pause_s)
        except Exception as error:  # noqa: BLE001 - a thread that ends unseen would drop rows for ever
            mistake = HistoryError("writer", f"ended by {error!r}", "this is a mistake of technic's own: report it")
            self._settle([], mistake, fatal=True)
        self._release()

    def _next_piece(self) -> list[Item] | None:
        """The oldest items, some at a time; None when all is over."""
        with self._change:
            self._change.wait_for(lambda: self._items or self._ending.is_set())
            if self._ending.is_set() or self._fatal:
                return None
            piece, rows = [], 0
            while self._items and rows < _PIECE_ROWS:
                piece.append(self._items.popleft())
                rows += piece[-1].rows
            self._busy = True
            return piece

    def _attempt(self, piece: list[Item], pause_s: float) -> float:
        """Store a piece; what could not be stored goes back to the front. Returns the next failure's pause."""
        done = 0
        try:
            history = self._history = self._history or self._opens()
            while done < len(piece):
                run = first_run(piece[done:])
                self._store(history, run)
                done += len(run)
        except HistoryUnavailableError as error:
            self._settle(piece[done:], error, fatal=False)
            self._release()
            self._ending.wait(pause_s)
            return min(pause_s * 2, LONGEST_PAUSE_S)
        except HistoryError as error:
            self._settle(piece[done:], error, fatal=True)
        else:
            self._settle([], None, fatal=False)
        return self._first_pause_s

    def _store(self, history: History, run: list[Item]) -> None:
        rows = sum(item.rows for item in run)
        refused = ""
        try:
            write(history, run)
        except (HistoryRefusedError, pa.ArrowException) as error:
            refused = str(error)
        with self._change:
            self._waiting -= rows
            self._refused += rows if refused else 0
            self._stored += 0 if refused else rows
            self._refusal = refused or self._refusal

    def _settle(self, left: list[Item], error: HistoryError | None, *, fatal: bool) -> None:
        with self._change:
            self._busy = False
            self._opened |= error is None
            self._failing = str(error) if error else ""
            self._failures += error is not None
            self._items.extendleft(reversed(left))
            if fatal:
                self._fatal = error
                self._dropped += self._waiting
                self._items.clear()
                self._waiting = 0
            self._shed()
            self._change.notify_all()

    def _release(self) -> None:
        lost, self._history = self._history, None
        if lost is not None:
            lost.close()


def _prune(history: History, now_ms: int, keep: Retention) -> None:
    try:
        history.prune(now_ms, keep)
    except HistoryUnavailableError as error:
        log.warning("history not pruned", what=str(error), remedy="tried again tomorrow; what has gone stays gone")

"""The outbox: alerts on disk, in order, before anything is sent to anyone.

SQLite in WAL mode with ``synchronous=FULL``: when `Outbox.append` returns, its alerts survive a kill and a
power cut. Every alert gets its stream id here, once and for good, so that sinks may send it again without
doubling it. Each sink follows its own cursor and fails and catches up alone.

Errors, and who acts::

    OutboxError
        OutboxUnavailableError  retry: the disk is full, read-only or failing; see `MemoryRing`
        OutboxCorruptError      stop: the file is no outbox of ours, or damaged; a person moves it away
        OutboxFutureError       stop: the newest stream id lies far ahead; a person mends clock or file
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import orjson

from streams import failpoints

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

FUTURE_MS = 24 * 3_600_000
"""How far a stream id may lie ahead of the clock. One beyond would drag all later ids along for ever."""

SCHEMA = 1
_TABLES = f"""
    CREATE TABLE IF NOT EXISTS alerts (
        seq INTEGER PRIMARY KEY, ms INTEGER NOT NULL, n INTEGER NOT NULL,
        id TEXT NOT NULL UNIQUE, fields TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS sinks (
        name TEXT PRIMARY KEY, seq INTEGER NOT NULL, skipped INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
    PRAGMA user_version = {SCHEMA};
"""
_INSERT = "INSERT INTO alerts VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"
_CURSOR = "INSERT INTO sinks (name, seq) VALUES (?, ?) ON CONFLICT DO UPDATE SET seq = max(seq, excluded.seq)"
_SKIP = "UPDATE sinks SET seq = seq + :rows, skipped = skipped + :rows WHERE name = :name"
_CHUNK = 200  # rows deleted a transaction: an append never waits longer than for these
_WAL_PAGES = 4_000  # backstop of 16 MB; `prune` checkpoints long before, so that no append has to


class OutboxError(Exception):
    """The outbox could not do what was asked; nothing of the request was stored."""

    def __init__(self, path: Path, what: str, remedy: str) -> None:
        super().__init__(path, what, remedy)
        self.path, self.what, self.remedy = path, what, remedy

    def __str__(self) -> str:
        return f"outbox {self.path}: {self.what}; {self.remedy}"


class OutboxUnavailableError(OutboxError):
    """Disk full, read-only or failing. Retry: it heals when the disk does."""


class OutboxCorruptError(OutboxError):
    """Not an outbox, damaged, or of a newer technic. Stop: a person moves the file away."""


class OutboxFutureError(OutboxError):
    """The newest stream id lies more than `FUTURE_MS` ahead. Stop: a person mends the clock or the file."""


class Entry(NamedTuple):
    """An alert to be stored: its deterministic id, and the fields of its stream entry (bytes are UTF-8)."""

    id: str
    fields: Mapping[str, str | bytes]


class Stored(NamedTuple):
    """An alert as stored: position without holes, stream id ``ms-n``, alert id, fields."""

    seq: int
    stream_id: str
    id: str
    fields: dict[str, str]

    @property
    def ms(self) -> int:
        """Milliseconds of the stream id."""
        return int(self.stream_id.partition("-")[0])


class Backlog(NamedTuple):
    """What a sink has still to deliver.

    Attributes:
        pending: rows beyond its cursor.
        oldest_ms: milliseconds of the oldest one's stream id; None if nothing is pending.
        skipped: rows it was made to pass over, ever, because it was too far behind.
    """

    pending: int
    oldest_ms: int | None
    skipped: int


class Retention(NamedTuple):
    """What `Outbox.prune` keeps.

    Attributes:
        keep_ms: delivered rows younger than this stay, so that their ids are known and what a server lost is
            sent again.
        keep_rows: but never more delivered rows than this.
        backlog_rows: a sink further behind skips its oldest rows, with a count: the disk stays bounded.
    """

    keep_ms: int = 7 * 24 * 3_600_000
    keep_rows: int = 200_000
    backlog_rows: int = 2_000_000


KEEP = Retention()


class Outbox:
    """The alerts of one daemon on disk, and a cursor for each sink. Safe for use from any thread.

    Appends have a connection of their own, all else shares a second: in WAL mode a reader never holds up the
    engine. Writes of both take one lock, so that neither meets the other in SQLite, whose waiting is a sleep.

    Args:
        path: the database file; its folder must exist.
        sinks: names whose cursors hold rows back; a cursor of another name rests where it is.
        retention: what `prune` keeps.

    Raises:
        OutboxUnavailableError, OutboxCorruptError: as the module says.
    """

    def __init__(self, path: Path, sinks: Sequence[str] = ("redis",), retention: Retention = KEEP) -> None:
        self.path = path
        self._sinks = tuple(sinks)
        self._retention = retention
        self._floor = (0, 0)
        self._writing, self._reading = threading.Lock(), threading.Lock()
        with self._typed():
            self._engine = self._connect("FULL")
            self._others = self._connect("NORMAL")  # a cursor that a power cut sets back only sends again
            self._lay_tables()

    def append(self, entries: Sequence[Entry], now_ms: int) -> list[Stored]:
        """Store what is not yet known, durably, in one commit; 20 alerts take about half a millisecond.

        The stream id is ``max(now_ms, last ms)-n``, strictly increasing over restarts and clock jumps.

        Args:
            entries: alerts in order; an id that is already stored (or repeated) is left out.
            now_ms: wall clock, milliseconds since the epoch.

        Returns:
            The newly stored, in order.

        Raises:
            ValueError: an entry has no fields (a stream entry needs one).
            OutboxError: nothing was stored.
        """
        ready = [(entry.id, _plain(entry)) for entry in entries]
        stored: list[Stored] = []
        failpoints.reach("before_outbox")
        with self._transaction(self._engine) as connection:
            seq, ms, n = self._head(connection)
            self._refuse_future(ms, now_ms)
            ms, n = max((ms, n), self._floor, (now_ms, -1))
            for alert_id, fields in ready:
                row = (seq + 1, ms, n + 1, alert_id, orjson.dumps(fields).decode())
                if connection.execute(_INSERT, row).rowcount:
                    seq, n = seq + 1, n + 1
                    stored.append(Stored(seq, f"{ms}-{n}", alert_id, fields))
        failpoints.reach("after_outbox")
        return stored

    def check(self, now_ms: int) -> None:
        """Raise `OutboxFutureError` if the newest stream id lies far ahead of `now_ms`, as `append` does."""
        with self._read() as connection:
            self._refuse_future(self._head(connection)[1], now_ms)

    def raise_floor(self, ms: int, n: int) -> None:
        """Give no stream id at or below ``ms-n`` until closed: a stream already holds it from elsewhere."""
        with self._writing:
            self._floor = max(self._floor, (ms, n))

    def read_after(self, sink: str, limit: int) -> list[Stored]:
        """The oldest rows beyond the cursor of `sink`, at most `limit`, in order."""
        with self._read() as connection:
            where = "WHERE seq > ? ORDER BY seq LIMIT ?"
            return _rows(connection, where, self._cursor(connection, sink)[0], limit)

    def newest_seq(self) -> int:
        """Position of the newest row, 0 before the first."""
        with self._read() as connection:
            return self._head(connection)[0]

    def read_beyond(self, seq: int, limit: int) -> list[Stored]:
        """The oldest rows beyond position `seq`, at most `limit`, in order."""
        with self._read() as connection:
            return _rows(connection, "WHERE seq > ? ORDER BY seq LIMIT ?", seq, limit)

    def read_delivered(self, sink: str, window_ms: int, limit: int) -> list[Stored]:
        """The newest rows up to the cursor of `sink`, in order.

        Args:
            sink: whose cursor.
            window_ms: rows this much older than the last delivered one are left out.
            limit: rows at most.
        """
        with self._read() as connection:
            where = "WHERE seq <= ? ORDER BY seq DESC LIMIT ?"
            rows = _rows(connection, where, self._cursor(connection, sink)[0], limit)
        return [row for row in reversed(rows) if row.ms >= rows[0].ms - window_ms]

    def advance(self, sink: str, seq: int) -> None:
        """Move the cursor of `sink` to `seq`, never back."""
        with self._reading, self._transaction(self._others) as connection:
            connection.execute(_CURSOR, (sink, seq))

    def backlog(self, sink: str) -> Backlog:
        """How far `sink` is behind; cheap enough for a gauge."""
        with self._read() as connection:
            cursor, skipped = self._cursor(connection, sink)
            oldest = "SELECT seq, ms FROM alerts WHERE seq > ? ORDER BY seq LIMIT 1"
            seq, ms = connection.execute(oldest, (cursor,)).fetchone() or (0, None)
            pending = self._head(connection)[0] - seq + 1 if seq else 0
            return Backlog(pending, ms, skipped)

    def prune(self, now_ms: int) -> int:
        """Delete what all sinks have passed and `Retention` no longer keeps; checkpoint.

        To be called every minute or so, from a thread. The newest row stays: stream ids continue from it.

        Returns:
            Rows deleted.
        """
        deleted = 0
        while True:
            with self._reading, self._transaction(self._others) as connection:
                last = self._last_to_delete(connection, now_ms)
                rows = connection.execute("DELETE FROM alerts WHERE seq <= ?", (last,)).rowcount
            deleted += rows
            if rows < _CHUNK:
                break
        with self._read() as connection:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        return deleted

    def close(self) -> None:
        """Close both connections; what is under way in another thread finishes first."""
        with self._reading, self._writing, self._typed():
            self._engine.close()
            self._others.close()

    def _connect(self, synchronous: str) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=5, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
        return connection

    def _lay_tables(self) -> None:
        (version,) = self._engine.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA:
            what = f"written by a newer technic (schema {version})"
            raise OutboxCorruptError(self.path, what, "run that one, or move the file away")
        self._engine.executescript(_TABLES)

    def _head(self, connection: sqlite3.Connection) -> tuple[int, int, int]:
        row = connection.execute("SELECT seq, ms, n FROM alerts ORDER BY seq DESC LIMIT 1").fetchone()
        return row or (0, 0, 0)

    def _cursor(self, connection: sqlite3.Connection, sink: str) -> tuple[int, int]:
        row = connection.execute("SELECT seq, skipped FROM sinks WHERE name = ?", (sink,)).fetchone()
        return row or (0, 0)

    def _refuse_future(self, last_ms: int, now_ms: int) -> None:
        if last_ms > now_ms + FUTURE_MS:
            hours = (last_ms - now_ms) // 3_600_000
            what = f"its newest stream id, {last_ms}, lies {hours} hours ahead of the clock"
            raise OutboxFutureError(self.path, what, "set the clock right, or move the file away and start anew")

    def _last_to_delete(self, connection: sqlite3.Connection, now_ms: int) -> int:
        head = self._head(connection)[0]
        passed = min([head - 1, *(self._held_back(connection, sink, head) for sink in self._sinks)])
        oldest = connection.execute("SELECT seq, ms FROM alerts ORDER BY seq LIMIT ?", (_CHUNK,)).fetchall()
        keep_ms, keep_rows = now_ms - self._retention.keep_ms, head - self._retention.keep_rows
        outlived = (seq for seq, ms in oldest if seq <= passed and (ms < keep_ms or seq <= keep_rows))
        return max(outlived, default=0)

    def _held_back(self, connection: sqlite3.Connection, sink: str, head: int) -> int:
        """The cursor of `sink`, after it has skipped what exceeds the greatest backlog allowed."""
        connection.execute(_CURSOR, (sink, 0))
        cursor = self._cursor(connection, sink)[0]
        excess = head - self._retention.backlog_rows - cursor
        if excess > 0:
            connection.execute(_SKIP, {"rows": excess, "name": sink})
        return cursor + max(excess, 0)

    @contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        with self._reading, self._typed():
            yield self._others

    @contextmanager
    def _transaction(self, connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
        with self._writing, self._typed():
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # a full disk may have rolled back by itself
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _typed(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            name = getattr(error, "sqlite_errorname", "outbox closed")
            if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
                raise OutboxCorruptError(self.path, str(error), "move the file away and start anew") from error
            what = f"{error} ({name})"
            raise OutboxUnavailableError(self.path, what, "free or mend the disk; it goes on by itself") from error


def _plain(entry: Entry) -> dict[str, str]:
    if not entry.fields:
        raise ValueError(f"alert {entry.id} has no fields")
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in entry.fields.items()}


def _rows(connection: sqlite3.Connection, where: str, *arguments: int) -> list[Stored]:
    found = connection.execute(f"SELECT seq, ms, n, id, fields FROM alerts {where}", arguments)  # noqa: S608 - ours
    return [Stored(seq, f"{ms}-{n}", alert_id, orjson.loads(text)) for seq, ms, n, alert_id, text in found]

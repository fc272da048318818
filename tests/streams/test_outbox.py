"""The outbox: nothing acknowledged is lost, nothing known is stored twice, ids only grow."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from streams.memoryring import MemoryRing
from streams.outbox import (
    FUTURE_MS,
    Backlog,
    Entry,
    Outbox,
    OutboxCorruptError,
    OutboxFutureError,
    OutboxUnavailableError,
    Retention,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from streams.outbox import OutboxError

NOW = 1_736_000_000_000


def alerts(*numbers: int) -> list[Entry]:
    return [Entry(f"alert-{number:05}", {"id": f"alert-{number:05}", "data": b'{"v":1}'}) for number in numbers]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


@pytest.fixture
def outbox(path: Path) -> Iterator[Outbox]:
    opened = Outbox(path)
    yield opened
    opened.close()


def parsed(stream_id: str) -> tuple[int, int]:
    ms, _, n = stream_id.partition("-")
    return int(ms), int(n)


def test_alerts_of_one_millisecond_are_numbered(outbox: Outbox) -> None:
    stored = outbox.append(alerts(1, 2), NOW)
    assert [row.stream_id for row in stored] == [f"{NOW}-0", f"{NOW}-1"]
    assert stored[0].fields == {"id": "alert-00001", "data": '{"v":1}'}
    assert stored[0].ms == NOW


def test_a_known_alert_is_not_stored_again(outbox: Outbox) -> None:
    outbox.append(alerts(1, 2), NOW)
    stored = outbox.append(alerts(2, 3, 3), NOW + 5)
    assert [row.id for row in stored] == ["alert-00003"]
    assert [row.id for row in outbox.read_after("redis", 10)] == ["alert-00001", "alert-00002", "alert-00003"]


def test_a_known_alert_is_not_stored_again_after_a_restart(path: Path) -> None:
    first = Outbox(path)
    first.append(alerts(1), NOW)
    first.close()
    second = Outbox(path)
    assert second.append(alerts(1), NOW + 1) == []
    second.close()


def test_stream_ids_grow_while_the_clock_steps_back_and_over_restarts(path: Path) -> None:
    seen = []
    for number, now_ms in enumerate((NOW, NOW - 3_600_000, NOW, NOW + 1, 1)):
        opened = Outbox(path)
        if now_ms > NOW - FUTURE_MS:
            seen += [parsed(row.stream_id) for row in opened.append(alerts(number), now_ms)]
        opened.close()
    assert seen == [(NOW, 0), (NOW, 1), (NOW, 2), (NOW + 1, 0)]


def test_a_far_future_stream_id_is_refused_with_the_remedy(outbox: Outbox) -> None:
    outbox.append(alerts(1), NOW + 2 * FUTURE_MS)
    with pytest.raises(OutboxFutureError, match="48 hours ahead of the clock; set the clock right"):
        outbox.append(alerts(2), NOW)
    with pytest.raises(OutboxFutureError):
        outbox.check(NOW)
    assert len(outbox.read_after("redis", 10)) == 1


def test_ids_start_above_a_floor(outbox: Outbox) -> None:
    outbox.raise_floor(NOW + 7, 3)
    assert outbox.append(alerts(1), NOW)[0].stream_id == f"{NOW + 7}-4"
    assert outbox.append(alerts(2), NOW + 8)[0].stream_id == f"{NOW + 8}-0"


def test_an_alert_without_fields_is_a_mistake_of_the_caller(outbox: Outbox) -> None:
    with pytest.raises(ValueError, match="alert x has no fields"):
        outbox.append([Entry("x", {})], NOW)


def test_each_sink_has_a_cursor_of_its_own(path: Path) -> None:
    outbox = Outbox(path, sinks=("redis", "history"))
    first, second = outbox.append(alerts(1, 2), NOW)
    outbox.advance("redis", second.seq)
    outbox.advance("redis", first.seq)  # never back
    assert outbox.read_after("redis", 10) == []
    assert outbox.read_after("history", 1) == [first]
    assert outbox.backlog("redis") == Backlog(0, None, 0)
    assert outbox.backlog("history") == Backlog(2, NOW, 0)
    outbox.close()


def test_delivered_rows_are_read_back_within_a_window(outbox: Outbox) -> None:
    rows = [outbox.append(alerts(minute), NOW + minute * 60_000)[0] for minute in range(5)]
    outbox.advance("redis", rows[3].seq)
    assert outbox.read_delivered("redis", 120_000, 10) == rows[1:4]
    assert outbox.read_delivered("redis", 120_000, 2) == rows[2:4]
    assert outbox.read_delivered("nobody", 120_000, 2) == []


def test_what_all_sinks_have_passed_is_pruned_by_age_but_the_newest_row_stays(path: Path) -> None:
    outbox = Outbox(path, sinks=("redis", "history"), retention=Retention(keep_ms=1000))
    rows = outbox.append(alerts(*range(500)), NOW)
    outbox.advance("redis", rows[-1].seq)
    outbox.advance("history", rows[299].seq)
    assert outbox.prune(NOW + 500) == 0
    assert outbox.prune(NOW + 1001) == 300
    assert outbox.backlog("history").pending == 200
    outbox.advance("history", rows[-1].seq)
    assert outbox.prune(NOW + 1001) == 199
    assert outbox.append(alerts(1000), NOW)[0].stream_id == f"{NOW}-500"
    outbox.close()


def test_delivered_rows_beyond_a_count_are_pruned_whatever_their_age(path: Path) -> None:
    outbox = Outbox(path, retention=Retention(keep_rows=10))
    outbox.advance("redis", outbox.append(alerts(*range(30)), NOW)[-1].seq)
    assert outbox.prune(NOW) == 20
    outbox.close()


def test_a_sink_that_is_away_for_ever_skips_its_oldest_rows_with_a_count(path: Path) -> None:
    outbox = Outbox(path, retention=Retention(keep_ms=0, backlog_rows=100))
    rows = outbox.append(alerts(*range(450)), NOW)
    assert outbox.prune(NOW + 1) == 350
    assert outbox.prune(NOW + 1) == 0
    assert outbox.backlog("redis") == Backlog(100, NOW, 350)
    assert outbox.read_after("redis", 1) == [rows[350]]
    outbox.close()


def test_the_cursor_of_a_sink_that_is_switched_off_holds_nothing_back(path: Path) -> None:
    outbox = Outbox(path, sinks=("redis",), retention=Retention(keep_ms=0))
    rows = outbox.append(alerts(*range(10)), NOW)
    outbox.advance("history", rows[0].seq)
    outbox.advance("redis", rows[-1].seq)
    assert outbox.prune(NOW + 1) == 9
    assert outbox.backlog("history") == Backlog(1, NOW, 0)
    outbox.close()


def test_a_foreign_file_is_refused_with_its_name(path: Path) -> None:
    path.write_bytes(b"not a database at all, but long enough to look like one" * 40)
    with pytest.raises(OutboxCorruptError, match=r"outbox\.db.*move the file away"):
        Outbox(path)


def test_an_outbox_of_a_newer_technic_is_refused(path: Path) -> None:
    Outbox(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(OutboxCorruptError, match="newer technic"):
        Outbox(path)


def test_a_closed_outbox_says_so(path: Path) -> None:
    outbox = Outbox(path)
    outbox.close()
    with pytest.raises(OutboxUnavailableError, match="closed"):
        outbox.append(alerts(1), NOW)


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutboxUnavailableError, match="nowhere"):
        Outbox(tmp_path / "nowhere" / "outbox.db")


def test_appending_and_following_from_two_threads_keeps_order_and_loses_nothing(outbox: Outbox) -> None:
    seen: list[str] = []
    done = threading.Event()

    def follow() -> None:
        while True:
            finished = done.is_set()
            rows = outbox.read_after("redis", 50)
            if rows:
                seen.extend(row.id for row in rows)
                outbox.advance("redis", rows[-1].seq)
                outbox.prune(NOW)
            elif finished:
                return

    follower = threading.Thread(target=follow)
    follower.start()
    for start in range(0, 2000, 20):
        outbox.append(alerts(*range(start, start + 20)), NOW)
    done.set()
    follower.join()
    assert seen == [entry.id for entry in alerts(*range(2000))]


APPENDER = """
import sys
from pathlib import Path
from streams.outbox import Entry, Outbox
outbox, start = Outbox(Path(sys.argv[1])), int(sys.argv[2])
for batch in range(start, start + 100_000, 5):
    ids = [f"alert-{number}" for number in range(batch, batch + 5)]
    stored = outbox.append([Entry(name, {"id": name}) for name in ids], 1_736_000_000_000)
    outbox.advance("redis", stored[0].seq)
    print(batch, flush=True)
"""


def appended_until_killed(path: Path, start: int, batches: int) -> int:
    """The last number acknowledged by a process that is killed while it appends."""
    child = subprocess.Popen([sys.executable, "-c", APPENDER, str(path), str(start)], stdout=subprocess.PIPE, text=True)
    assert child.stdout
    for _ in range(batches):
        child.stdout.readline()
    os.kill(child.pid, signal.SIGKILL)
    rest = child.stdout.read().split()
    child.stdout.close()
    child.wait()
    return int(rest[-1]) + 4 if rest else start + batches * 5 - 1


def test_kill_9_loses_no_acknowledged_alert_and_leaves_the_file_whole(path: Path) -> None:
    acknowledged = -1
    for batches in (1, 7, 20, 33, 50):
        start = acknowledged + 1
        acknowledged = appended_until_killed(path, start, batches)
        with sqlite3.connect(path) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            ids = {row[0] for row in connection.execute("SELECT id FROM alerts")}
            places = connection.execute("SELECT ms, n FROM alerts ORDER BY seq").fetchall()
        connection.close()
        assert {f"alert-{number}" for number in range(acknowledged + 1)} <= ids
        assert len(ids) % 5 == 0, "a commit is whole or not at all"
        assert places == sorted(set(places))
        acknowledged = len(ids) - 1  # the last commit may stand without its acknowledgement


def cramped(outbox: Outbox) -> None:
    """No page more: SQLite answers as on a full disk."""
    (pages,) = outbox._engine.execute("PRAGMA page_count").fetchone()
    outbox._engine.execute(f"PRAGMA max_page_count = {pages}")


def roomy(outbox: Outbox) -> None:
    outbox._engine.execute("PRAGMA max_page_count = 1000000")


def test_a_full_disk_is_an_error_that_stores_nothing_and_heals(outbox: Outbox) -> None:
    outbox.append(alerts(1), NOW)
    cramped(outbox)
    with pytest.raises(OutboxUnavailableError, match=r"full.*SQLITE_FULL"):
        outbox.append(alerts(*range(2, 500)), NOW)
    assert [row.id for row in outbox.read_after("redis", 10)] == ["alert-00001"]
    roomy(outbox)
    assert len(outbox.append(alerts(*range(2, 500)), NOW)) == 498


def test_a_really_full_disk_is_an_error_and_all_acknowledged_rows_stay_readable(tmp_path: Path) -> None:
    """A tmpfs of 1 MiB in a mount namespace of its own."""
    if not shutil.which("unshare") or os.geteuid() != 0:
        pytest.skip("needs unshare and root for a small disk of its own")
    small = tmp_path / "small"
    small.mkdir()
    script = f"mount -t tmpfs -o size=1m none {small} && exec {sys.executable} -c '{FILL}' {small}/outbox.db"
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, check=False)
    if "mount:" in done.stderr or "unshare:" in done.stderr:
        pytest.skip(f"no mounts here: {done.stderr.strip()}")
    assert done.stdout.split() == ["OutboxUnavailableError", "all", "readable"], done.stderr


FILL = """
import sys
from pathlib import Path
from streams.outbox import Entry, Outbox, OutboxError
outbox, stored = Outbox(Path(sys.argv[1])), []
try:
    for number in range(10_000):
        stored += outbox.append([Entry(f"a{number}", {"data": "x" * 2000})], 1_736_000_000_000)
except OutboxError as error:
    print(type(error).__name__)
print("all readable" if outbox.read_after("redis", 20_000) == stored and len(stored) > 20 else "lost")
"""


def test_alerts_that_the_disk_refuses_wait_in_memory_and_go_first_when_it_heals(outbox: Outbox) -> None:
    changes: list[OutboxError | None] = []
    ring = MemoryRing(outbox, changes.append)
    assert len(ring.append(alerts(0), NOW)) == 1
    cramped(outbox)
    assert ring.append(alerts(*range(1, 300)), NOW) == []
    assert ring.append(alerts(*range(300, 400)), NOW) == []
    assert len(ring) == 399
    assert isinstance(ring.error, OutboxUnavailableError)
    roomy(outbox)
    assert [row.id for row in ring.append([], NOW)] == [entry.id for entry in alerts(*range(1, 400))]
    assert [type(change) for change in changes] == [OutboxUnavailableError, type(None)]
    assert (len(ring), ring.dropped) == (0, 0)


def test_a_full_ring_drops_the_oldest_and_counts(outbox: Outbox) -> None:
    ring = MemoryRing(outbox, lambda _: None, size=100)
    cramped(outbox)
    ring.append(alerts(*range(90)), NOW)
    ring.append(alerts(*range(90, 340)), NOW)
    assert ring.dropped == 240
    roomy(outbox)
    assert [row.id for row in ring.append([], NOW)] == [entry.id for entry in alerts(*range(240, 340))]

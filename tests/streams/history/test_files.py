"""What only files can suffer: full and read-only disks, kills, damage, neighbours."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import duckdb
import pytest
from structlog.testing import capture_logs

from streams.bars import MINUTE_MS
from streams.history.errors import HistoryDamagedError, HistoryForeignError, HistoryUnavailableError
from streams.history.files import FileHistory
from streams.history.migrations import APPLICATION, STEPS, VERSION
from streams.history.parts import FAN
from streams.history.protocol import DAY_MS, Retention, Span
from tests.fakes.program import environment
from tests.streams.history.samples import JAN_6, OPEN_MS, days, minutes
from tests.streams.history.test_small import alerts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def history(tmp_path: Path) -> Iterator[FileHistory]:
    with FileHistory(tmp_path / "kept") as opened:
        yield opened


def files(history: FileHistory) -> list[str]:
    return sorted(path.relative_to(history.folder).as_posix() for path in history.folder.glob("*/*/*"))


def test_a_day_of_minutes_is_a_folder_that_any_program_can_read(history: FileHistory) -> None:
    history.write_minutes(minutes(["A", "B"], [OPEN_MS, OPEN_MS + DAY_MS]))
    assert files(history) == [
        "minutes/day=2025-01-06/part-0000000001-0.parquet",
        "minutes/day=2025-01-07/part-0000000001-0.parquet",
    ]
    asked = f"SELECT day::VARCHAR, symbol, close FROM '{history.folder}/minutes/*/*.parquet' ORDER BY ALL"
    assert duckdb.sql(asked).fetchall()[0] == ("2025-01-06", "A", 10.0)


def test_parts_are_merged_level_by_level(history: FileHistory) -> None:
    for k in range(FAN * FAN + 1):
        history.write_minutes(minutes(["A"], [OPEN_MS + k * MINUTE_MS]))
    assert [name.rpartition("/")[2] for name in files(history)] == [
        f"part-{FAN * FAN:010d}-2.parquet",
        f"part-{FAN * FAN + 1:010d}-0.parquet",
    ]
    assert history.minutes(None, OPEN_MS, OPEN_MS + DAY_MS).num_rows == FAN * FAN + 1


def test_a_day_that_has_ended_becomes_one_file_and_old_days_go(history: FileHistory) -> None:
    for close in (1, 2, 3):
        history.write_minutes(minutes(["A"], [OPEN_MS - 30 * DAY_MS, OPEN_MS, OPEN_MS + DAY_MS], close))
    history.write_daily(days(["A"], [JAN_6 - 800, JAN_6]), "grouped", 1)
    history.mark_fetched("minutes", [Span("A", OPEN_MS - 30 * DAY_MS, OPEN_MS, 1)])
    history.mark_fetched("daily", [Span("A", JAN_6 - 800, JAN_6, 1)])
    before = history.disk_bytes()
    history.prune(OPEN_MS + DAY_MS, Retention(minute_days=10, daily_days=365))
    assert [name for name in files(history) if name.startswith("minutes")] == [
        "minutes/day=2025-01-06/part-0000000003-9.parquet",
        *(f"minutes/day=2025-01-07/part-000000000{k}-0.parquet" for k in (1, 2, 3)),
    ]
    assert history.minutes(None, 0, OPEN_MS + 1)["close"].to_pylist() == [3.0]
    assert history.daily(None, 0, JAN_6).day.tolist() == [JAN_6]
    assert history.disk_bytes() < before
    assert all(
        span.first > first
        for kind, first in (("minutes", OPEN_MS - 11 * DAY_MS), ("daily", JAN_6 - 800))
        for span in history.fetched(kind)
    )


def test_a_part_left_half_written_is_not_read_and_taken_over(history: FileHistory) -> None:
    history.write_minutes(minutes(["A"], [OPEN_MS]))
    draft = history.folder / "minutes/day=2025-01-06/.part"
    draft.write_bytes(b"PAR1 half")
    assert history.minutes(None, OPEN_MS, OPEN_MS + 1).num_rows == 1
    history.write_minutes(minutes(["B"], [OPEN_MS]))
    assert not draft.exists()
    assert history.minutes(None, OPEN_MS, OPEN_MS + 1).num_rows == 2


def test_a_merge_that_was_killed_before_it_deleted_changes_nothing(history: FileHistory, tmp_path: Path) -> None:
    for close in (1, 2):
        history.write_minutes(minutes(["A"], [OPEN_MS], close))
    folder = history.folder / "minutes/day=2025-01-06"
    shutil.copytree(folder, tmp_path / "before")
    history.prune(OPEN_MS + DAY_MS)
    shutil.copytree(tmp_path / "before", folder, dirs_exist_ok=True)
    assert len(files(history)) == 3
    assert history.minutes(None, OPEN_MS, OPEN_MS + 1)["close"].to_pylist() == [2.0]
    history.prune(OPEN_MS + DAY_MS)
    assert history.minutes(None, OPEN_MS, OPEN_MS + 1)["close"].to_pylist() == [2.0]
    assert len(files(history)) == 1


def test_a_writer_that_hangs_with_the_lock_holds_up_others_no_longer_than_a_deadline(
    history: FileHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    history.write_minutes(minutes(["A"], [OPEN_MS]))
    monkeypatch.setattr("streams.history.parts._LOCK_TRIES", 3)
    with (history.folder / "minutes/.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(HistoryUnavailableError, match="another process"):
            history.write_minutes(minutes(["B"], [OPEN_MS]))
        assert history.minutes(None, OPEN_MS, OPEN_MS + 1).num_rows == 1
    assert history.write_minutes(minutes(["B"], [OPEN_MS])) == 1


def cut(part: Path) -> None:
    part.write_bytes(part.read_bytes()[:100])


def scratched(part: Path) -> None:
    """The footer is whole, the columns are not."""
    content = bytearray(part.read_bytes())
    content[4:400] = bytes(396)
    part.write_bytes(content)


@pytest.mark.parametrize("damage", [cut, scratched])
def test_a_damaged_part_is_named_and_set_aside_and_the_rest_is_read(
    history: FileHistory, damage: Callable[[Path], None]
) -> None:
    for symbol in "AB":
        history.write_minutes(minutes([symbol], [OPEN_MS]))
    part = history.folder / files(history)[0]
    damage(part)
    broken = part.read_bytes()
    with capture_logs() as logged:
        for _ in range(2):
            assert history.minutes(None, OPEN_MS, OPEN_MS + 1)["symbol"].to_pylist() == ["B"]
    (told,) = logged
    assert told["file"] == str(part)
    assert part.with_name(part.name + ".damaged").read_bytes() == broken
    assert history.kept().minutes.rows == 1
    history.write_minutes(minutes(["A"], [OPEN_MS]))
    assert history.minutes(None, OPEN_MS, OPEN_MS + 1).num_rows == 2


def test_a_second_damaged_part_takes_no_place_of_the_first(history: FileHistory) -> None:
    for _ in range(2):
        history.write_minutes(minutes(["A"], [OPEN_MS]))
        cut(history.folder / "minutes/day=2025-01-06/part-0000000001-0.parquet")
        assert history.kept().minutes.rows == 0
    assert len(list(history.folder.glob("minutes/*/*.damaged*"))) == 2


def test_a_day_with_a_damaged_part_is_put_in_order_all_the_same(history: FileHistory) -> None:
    for symbol in "ABC":
        history.write_minutes(minutes([symbol], [OPEN_MS]))
    cut(history.folder / files(history)[0])
    history.prune(OPEN_MS + DAY_MS)
    assert history.minutes(None, OPEN_MS, OPEN_MS + 1)["symbol"].to_pylist() == ["B", "C"]


def test_a_newer_schema_is_refused_and_untouched(history: FileHistory) -> None:
    history.close()
    database = history.folder / "history.sqlite"
    with sqlite3.connect(database) as raw:
        raw.execute("PRAGMA user_version = 99")
    raw.close()
    for read_only in (True, False):
        with pytest.raises(HistoryForeignError, match="newer technic"):
            FileHistory(history.folder, read_only=read_only)


@pytest.mark.parametrize("version", range(1, VERSION))
def test_an_older_schema_is_brought_up_by_a_writer_and_keeps_its_rows(tmp_path: Path, version: int) -> None:
    with sqlite3.connect(tmp_path / "history.sqlite") as raw:
        for step in STEPS[:version]:
            for statement in step.both:
                raw.execute(statement)
        raw.execute("INSERT INTO spans VALUES ('daily', 'A', 1, 2, 3)")
        raw.execute(f"PRAGMA application_id = {APPLICATION}")
        raw.execute(f"PRAGMA user_version = {version}")
    raw.close()
    with pytest.raises(HistoryForeignError, match="older technic"):
        FileHistory(tmp_path, read_only=True)
    with FileHistory(tmp_path) as history:
        assert history.fetched("daily") == [Span("A", 1, 2, 3)]
        assert history.append("alerts", alerts(1)) == 1
    FileHistory(tmp_path, read_only=True).close()


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "history.sqlite") as raw:
        raw.execute("CREATE TABLE theirs (x)")
    raw.close()
    with pytest.raises(HistoryForeignError, match="no history of technic"):
        FileHistory(tmp_path)


def test_a_file_that_is_no_database_is_set_aside_by_a_writer_and_bars_are_read(tmp_path: Path) -> None:
    with FileHistory(tmp_path) as history:
        history.write_minutes(minutes(["A"], [OPEN_MS]))
    for file in tmp_path.glob("history.sqlite*"):
        file.write_bytes(b"no database at all" * 100)
    with pytest.raises(HistoryDamagedError, match="move the file away"):
        FileHistory(tmp_path, read_only=True)
    with capture_logs() as logged, FileHistory(tmp_path) as history:
        assert history.minutes(None, OPEN_MS, OPEN_MS + 1).num_rows == 1
        assert history.append("alerts", alerts(1)) == 1
    assert logged[0]["file"] == str(tmp_path / "history.sqlite")
    assert (tmp_path / "history.sqlite.damaged").read_bytes() == b"no database at all" * 100


def test_a_folder_without_a_history_is_not_made_by_a_reader(tmp_path: Path) -> None:
    with pytest.raises(HistoryForeignError, match="holds no history"):
        FileHistory(tmp_path / "none", read_only=True)
    assert not (tmp_path / "none").exists()


def test_a_path_that_is_a_file_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(HistoryUnavailableError, match="taken"):
        FileHistory(tmp_path / "taken" / "history")


def mounted(command: str, script: str, place: Path) -> str:
    """What `script` prints in a mount namespace of its own, after `command`."""
    if not shutil.which("unshare") or os.geteuid() != 0:
        pytest.skip("needs unshare and root for a disk of its own")
    shell = f'{command} && exec {sys.executable} -c "$SCRIPT" {place}'
    env = environment(place.parent, {"SCRIPT": script})
    done = subprocess.run(["unshare", "-m", "sh", "-c", shell], capture_output=True, text=True, check=False, env=env)
    if "mount:" in done.stderr or "unshare:" in done.stderr:
        pytest.skip(f"no mounts here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    return done.stdout


FULL = """
import sys
from pathlib import Path
import numpy as np
from streams.history.errors import HistoryUnavailableError
from streams.history.files import FileHistory
from tests.streams.history.samples import OPEN_MS, minutes
from tests.streams.history.test_small import alerts

folder, stored = Path(sys.argv[1]), 0
ballast = folder / "ballast"
ballast.write_bytes(bytes(200_000))
history = FileHistory(folder)

def noisy(k):
    bars = minutes([f"S{n}" for n in range(1000)], [OPEN_MS + k * 60_000])
    bars.values[:] = np.random.default_rng(k).random(bars.values.shape)
    return bars

def told():
    return len(history.read("alerts", 0, OPEN_MS * 2))

def until_full(write):
    done = 0
    try:
        for k in range(1000):
            done += write(k)
    except HistoryUnavailableError as error:
        print(error)
    return done

history.append("alerts", alerts(0))
stored = until_full(lambda k: history.write_minutes(noisy(k)))
alerted = 1 + until_full(lambda k: history.append("alerts", alerts(*range(1 + 50 * k, 51 + 50 * k))))
kept = history.minutes(None, OPEN_MS, OPEN_MS + 10**9).num_rows, told()
print("all readable" if kept == (stored, alerted) and stored > 1000 else (kept, stored, alerted))
ballast.unlink()
print(history.write_minutes(noisy(500)), history.append("alerts", alerts(100_000)), told() - alerted)
"""


def test_a_full_disk_is_named_what_was_stored_stays_readable_and_writing_goes_on_when_there_is_space(
    tmp_path: Path,
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    bars, small_tables, *rest = mounted(f"mount -t tmpfs -o size=1m none {small}", FULL, small).splitlines()
    assert f"{small}/minutes/day=2025-01-06: No space left on device; free or mend the disk" in bars
    assert f"{small}/history.sqlite: database or disk is full" in small_tables
    assert "free or mend the disk" in small_tables
    assert rest == ["all readable", "1000 1 1"]


READ_ONLY = """
import sys
from pathlib import Path
from streams.history.errors import HistoryUnavailableError
from streams.history.files import FileHistory
from tests.streams.history.samples import OPEN_MS, minutes
with FileHistory(Path(sys.argv[1]), read_only=True) as history:
    print(history.minutes(None, OPEN_MS, OPEN_MS + 1).num_rows, history.fetched("daily"))
try:
    FileHistory(Path(sys.argv[1])).write_minutes(minutes(["A"], [OPEN_MS]))
except HistoryUnavailableError as error:
    print("refused")
"""


def test_a_read_only_folder_can_be_read_and_says_so_when_written(history: FileHistory) -> None:
    history.write_minutes(minutes(["A"], [OPEN_MS]))
    history.close()
    place = history.folder
    said = mounted(f"mount --bind {place} {place} && mount -o remount,ro,bind {place}", READ_ONLY, place)
    assert said.splitlines() == ["1 []", "refused"]


READ = """
import sys
from pathlib import Path
from streams.history.files import FileHistory
from tests.streams.history.samples import OPEN_MS
seen = 0
with FileHistory(Path(sys.argv[1]), read_only=True) as history:
    print("ready", flush=True)
    while seen < 200:
        found = history.minutes(None, OPEN_MS, OPEN_MS + 10**9).num_rows
        assert found >= seen and found % 2 == 0, (found, seen)
        seen = found
        assert [span.key for span in history.fetched("daily")] in ([], ["A"])
print(seen)
"""


def test_two_processes_read_while_one_writes(history: FileHistory) -> None:
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", READ, history.folder],
            env=environment(history.folder.parent),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for reader in readers:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
    for k in range(100):
        history.write_minutes(minutes(["A", "B"], [OPEN_MS + k * MINUTE_MS]))
        history.mark_fetched("daily", [Span("A", 0, k, 1)])
    assert [reader.communicate() for reader in readers] == [("200\n", "")] * 2


WRITE = """
import sys
from pathlib import Path
from streams.history.files import FileHistory
from tests.streams.history.samples import OPEN_MS, minutes
with FileHistory(Path(sys.argv[1])) as history:
    for k in range(100_000):
        history.write_minutes(minutes(["A", "B"], [OPEN_MS + k % 390 * 60_000], close=k + 2))
        print(k, flush=True)
"""


@pytest.mark.parametrize("writes", [1, 7, 20, 63])
def test_a_killed_writer_loses_nothing_it_acknowledged_and_holds_up_nobody(history: FileHistory, writes: int) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITE, history.folder],
        env=environment(history.folder.parent),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    acknowledged = [int(writer.stdout.readline()) for _ in range(writes)][-1]
    writer.send_signal(signal.SIGKILL)
    rest = writer.communicate()[0].split()
    acknowledged = max([acknowledged, *map(int, rest)])
    found = history.minutes(["A"], OPEN_MS, OPEN_MS + DAY_MS)
    assert found["close"].to_pylist()[: acknowledged + 1] == [k + 2 for k in range(acknowledged + 1)]
    history.write_minutes(minutes(["C"], [OPEN_MS]))
    assert history.minutes(["C"], OPEN_MS, OPEN_MS + DAY_MS).num_rows == 1

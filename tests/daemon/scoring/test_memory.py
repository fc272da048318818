from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from daemon.scoring.memory import SPARE, Batch, Memory, evenly

if TYPE_CHECKING:
    from pathlib import Path


def batch(minute: int, rows: int = 10) -> Batch:
    return Batch(np.full((rows, 3), minute / 1000.0), np.arange(rows) % 2 == 0)


def test_what_is_drawn_depends_on_the_number_alone_and_is_what_was_remembered() -> None:
    memory = Memory(80, 3, 5)
    for minute in range(100):
        memory.add(batch(minute))
    drawn = memory.draw(1_000, 7)
    assert np.array_equal(drawn.rows, memory.draw(1_000, 7).rows)
    assert not np.array_equal(drawn.rows, memory.draw(1_000, 8).rows)
    minutes = np.unique((drawn.rows * 1000).round())
    assert minutes.min() >= 100 - (80 - 80 // SPARE) / 5
    assert minutes.max() == 99
    assert 0.4 < drawn.answer.mean() < 0.6


def test_an_older_state_draws_what_it_would_have_drawn_although_newer_rows_have_come(tmp_path: Path) -> None:
    memory = Memory(80, 3, 5, tmp_path / "a.memory")
    for minute in range(100):
        memory.add(batch(minute))
    count, expected = memory.count, memory.draw(500, 3)
    for minute in range(100, 102):
        memory.add(batch(minute))
    again = Memory(80, 3, 5, tmp_path / "a.memory")
    again.count = count
    assert np.array_equal(again.draw(500, 3).rows, expected.rows)


def test_rows_are_taken_evenly_from_a_place_that_differs() -> None:
    taken = [evenly(100, 10, seed) for seed in range(30)]
    assert all((np.diff(rows) == 10).all() for rows in taken)
    assert len({int(rows[0]) for rows in taken}) > 5
    assert evenly(3, 10, 1).tolist() == [0, 1, 2]


def test_a_file_of_another_shape_is_replaced_and_hostile_rows_are_bounded(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.memory"
    Memory(80, 3, 5, path).add(batch(1))
    Memory(80, 4, 5, path)
    raw = np.memmap(path, np.float32, "r+", 64, (80, 5))
    raw[:] = np.nan
    raw[::2], raw[:, -1] = 1e30, 1.0
    del raw
    drawn = Memory(80, 4, 5, path)
    drawn.count = 70
    rows = drawn.draw(50, 1).rows
    assert np.isfinite(rows).all()
    assert np.abs(rows).max() <= 5.0


def test_no_memory_remembers_nothing() -> None:
    memory = Memory(0, 3, 5)
    memory.add(batch(1))
    assert (memory.known, len(memory.draw(10, 1).answer), list(memory.parts(5))) == (0, 0, [])


def test_all_that_is_known_comes_oldest_first() -> None:
    memory = Memory(80, 3, 5)
    for minute in range(100):
        memory.add(batch(minute))
    rows = np.concatenate([part.rows[:, 0] for part in memory.parts(16)])
    assert len(rows) == memory.known == 70
    assert (np.diff(rows) >= 0).all()


def test_what_was_lost_is_neither_drawn_nor_learned_again(tmp_path: Path) -> None:
    memory = Memory(80, 3, 5, tmp_path / "lost.memory")
    memory.count = 60  # so says a state, but the file is new
    assert len(memory.draw(20, 1).answer) == 0
    assert list(memory.parts(16)) == []
    memory.add(batch(1, 5))
    assert set(memory.draw(1_000, 1).rows[:, 0].round(6).tolist()) == {0.001}
    assert sum(len(part.answer) for part in memory.parts(16)) == 5


def test_a_file_that_cannot_be_had_leaves_memory_to_the_process_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "a folder").mkdir()
    for path in (tmp_path / "file" / "x.memory", tmp_path / "a folder"):
        memory = Memory(80, 3, 5, path)
        memory.add(batch(1))
        assert str(path) in memory.trouble
        assert memory.known == 5
        assert len(memory.draw(9, 1).answer) == 9


def test_a_file_has_all_its_room_from_the_start(tmp_path: Path) -> None:
    """A page that the disk cannot give later would kill whoever writes to it."""
    Memory(10_000, 3, 5, tmp_path / "a.memory")
    status = (tmp_path / "a.memory").stat()
    assert status.st_blocks * 512 >= status.st_size

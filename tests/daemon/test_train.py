from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from daemon import assembly, lock, snapshot, statefile
from daemon.clock import SystemClock
from daemon.config import Config
from daemon.train import ModelDisabledError, train

if TYPE_CHECKING:
    from pathlib import Path

CLOCK = SystemClock()
OPEN_MS = 1_736_173_800_000  # 2025-01-06 09:30 in New York
DAY_MS = 86_400_000


@pytest.fixture
def bars(tmp_path: Path) -> list[Path]:
    """Two days in two files, the later one first: five symbols that wander."""
    paths = []
    for day in (1, 0):
        random, lines = np.random.default_rng(day), ["symbol,ts,open,high,low,close,volume"]
        price = np.full(5, 50.0)
        for minute in range(120):
            before, price = price, price * np.exp(random.normal(0.0, 0.002, 5))
            for k, (was, now) in enumerate(zip(before.tolist(), price.tolist(), strict=True)):
                ends = f"{was},{max(was, now) * 1.0005},{min(was, now) * 0.9995},{now}"
                lines.append(f"S{k},{OPEN_MS + day * DAY_MS + minute * 60_000},{ends},{random.integers(100, 9_000)}")
        paths.append(tmp_path / f"day-{day}.csv")
        paths[-1].write_text("\n".join(lines))
    return paths


def config_of(folder: Path, *, enabled: bool = True) -> Config:
    return Config.model_validate(
        {"model": {"enabled": enabled}, "state": {"folder": folder / "state", "cache": folder / "cache"}}
    )


def test_what_history_taught_is_what_the_next_start_knows(bars: list[Path], tmp_path: Path) -> None:
    config, seen = config_of(tmp_path), []
    trained = train(bars, 60_000, None, config, CLOCK, progress=lambda done, _: seen.append(done))
    assert (trained.bars, trained.days, seen[-1]) == (1_200, 2, 1_200)
    assert {one.lessons for one in trained.models if one.role != "issued"} == {196}
    link = assembly.teacher_of(config, CLOCK, patient=True, folder=config.state.folder / "learner")
    assert link is not None
    with link:
        snapshot.restored(config.state.folder / snapshot.FILE, lambda: None, link)  # type: ignore[arg-type, return-value]
        view = link.view(OPEN_MS + 9 * DAY_MS)
    assert view is not None
    assert view.lessons == 196


def test_only_the_last_days_count_where_that_is_wanted(bars: list[Path], tmp_path: Path) -> None:
    trained = train(bars, 60_000, 1, config_of(tmp_path), CLOCK, progress=lambda *_: None)
    assert (trained.bars, trained.days) == (600, 1)


def test_a_state_that_the_daemon_saved_later_counts_and_a_hostile_one_does_not(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    folder = config.state.folder
    folder.mkdir()
    link = assembly.teacher_of(config, CLOCK, patient=False)
    assert link is not None
    statefile.write(folder / snapshot.TRAINED, {"link/version": np.array([2]), "link/views": np.zeros(3, np.uint8)})
    snapshot.restored(folder / snapshot.FILE, lambda: None, link)  # type: ignore[arg-type, return-value]
    assert link.unlearned == 0
    assert (folder / "trained.state.bad").exists()


def test_a_folder_that_is_in_use_and_a_model_that_is_off_are_said(bars: list[Path], tmp_path: Path) -> None:
    config = config_of(tmp_path)
    with lock.held(config.state.folder), pytest.raises(lock.FolderTakenError):
        train(bars, 60_000, None, config, CLOCK, progress=lambda *_: None)
    with pytest.raises(ModelDisabledError, match="nothing to train"):
        train(bars, 60_000, None, config_of(tmp_path, enabled=False), CLOCK, progress=lambda *_: None)

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from daemon.prefetch import memory
from daemon.prefetch.demand import Demand
from tests.fakes.clock import ManualClock

if TYPE_CHECKING:
    from pathlib import Path

AT = 1_736_173_800_000
NVDA = np.array([b"NVDA"], "S16")


def looked(sectors: int = 3) -> Demand:
    demand = Demand(sectors)
    demand.look(NVDA, AT)
    demand.alert(np.array([1]), AT)
    return demand


async def saved(path: Path) -> None:
    """As a daemon leaves it that is stopped."""
    demand = looked()
    with memory.learner(path, Demand(3), ManualClock()) as link:
        task = asyncio.create_task(memory.keep(path, demand, link))
        await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_looks_and_the_model_are_there_again_after_a_restart(tmp_path: Path) -> None:
    path, demand = tmp_path / memory.FILE, Demand(3)
    await saved(path)
    with memory.learner(path, demand, ManualClock()) as link:
        assert demand.looks(NVDA, AT).tolist() == [1.0]
        assert link.view(AT) is not None


async def test_without_a_file_the_prior_holds(tmp_path: Path) -> None:
    with memory.learner(tmp_path / memory.FILE, Demand(3), ManualClock()) as link:
        assert link.view(AT) is not None


async def test_a_damaged_file_is_set_aside_and_costs_what_was_learned(tmp_path: Path) -> None:
    path, demand = tmp_path / memory.FILE, Demand(3)
    await saved(path)
    path.write_bytes(path.read_bytes()[:-9])
    with memory.learner(path, demand, ManualClock()) as link:
        assert link.view(AT) is not None
    assert demand.looks(NVDA, AT).tolist() == [0.0]
    assert not path.exists()
    assert path.with_name("prefetch.state.bad").exists()


async def test_sectors_of_another_file_begin_anew(tmp_path: Path) -> None:
    path, demand = tmp_path / memory.FILE, Demand(7)
    await saved(path)
    with memory.learner(path, demand, ManualClock()) as link:
        assert link.view(AT) is not None
    assert demand.looks(NVDA, AT).tolist() == [0.0]


async def test_a_folder_that_refuses_does_not_stop_the_stop(tmp_path: Path) -> None:
    await saved(tmp_path / "absent" / memory.FILE)

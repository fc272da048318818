from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from daemon.assembly import Untaught
from daemon.engine import rules
from daemon.engine.engine import Engine, Settings
from daemon.engine.plan import Plan
from daemon.engine.sectors import Sectors
from daemon.engine.sessions import SessionTable
from daemon.prefetch.candidates import RECENT_MS, candidates
from streams.bars import MINUTE_MS, empty

if TYPE_CHECKING:
    from streams.bars import BarBatch

OPEN = 1_736_173_800_000  # 2025-01-06 09:30 in New York
DAY = 86_400_000
SESSIONS = SessionTable(np.array([OPEN, OPEN + DAY]), np.array([OPEN, OPEN + DAY]) + 390 * MINUTE_MS)
RULES = '[[rule]]\nname = "high"\nwhere = "close > 30 and close >= open"\n'


def bars(start_ms: int, **bars: tuple[float, float]) -> BarBatch:
    """Close and volume by symbol."""
    batch = empty(len(bars))
    batch.symbol[:] = [name.encode() for name in sorted(bars)]
    batch.start_ms[:], batch.length_ms[:] = start_ms, MINUTE_MS
    batch.arrival_ms[:] = start_ms + MINUTE_MS
    for place, name in enumerate(sorted(bars)):
        batch.values[:4, place], batch.values[4, place] = bars[name]
    return batch


@pytest.fixture
def engine() -> Engine:
    settings = Settings(sectors=Sectors({"A": "Energy", "B": "Utilities"}))
    return Engine(Plan(rules.load(RULES, "test.toml")), SESSIONS, Untaught(), settings)


def test_candidates_are_those_with_a_bar_within_the_last_hour(engine: Engine) -> None:
    engine.step(bars(OPEN, A=(10, 100), B=(40, 100)))
    engine.step(bars(OPEN + RECENT_MS, B=(40, 100)))
    assert candidates(engine, SESSIONS, OPEN).symbol.tolist() == [b"A", b"B"]
    assert candidates(engine, SESSIONS, OPEN + RECENT_MS).symbol.tolist() == [b"B"]


def test_they_tell_distance_volume_sector_and_the_days_change(engine: Engine) -> None:
    for minute in range(20):
        engine.step(bars(OPEN + minute * MINUTE_MS, A=(10, 100), B=(40, 100)))
    engine.step(bars(OPEN + DAY, A=(10, 100), B=(50, 300)))
    found = candidates(engine, SESSIONS, OPEN + DAY)
    assert found.distance.tolist() == [pytest.approx(0.5), 0.0]
    assert found.relative_volume == pytest.approx([1.0, 3.0])
    assert found.move == pytest.approx([0.0, 0.25])
    assert found.sector.tolist() == [1, 2]
    assert np.isnan(found.score).all()


def test_looking_changes_nothing(engine: Engine) -> None:
    engine.step(bars(OPEN, A=(10, 100), B=(40, 100)))
    before = {name: array.copy() for name, array in engine.to_arrays().items()}
    candidates(engine, SESSIONS, OPEN)
    for name, array in engine.to_arrays().items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)

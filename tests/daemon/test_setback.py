"""Whether the exchange is where the engine is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from daemon import figures, setback
from streams.bars import MINUTE_MS
from tests.daemon.running import OPEN, bar, config_of, engine_of

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.figures import Figures

NEWEST_MS = OPEN + 300 * MINUTE_MS
WELL_MS = NEWEST_MS - 5 * MINUTE_MS
ILL_MS = WELL_MS - 1
FULL = figures.TURNS


@pytest.fixture
def fresh(tmp_path: Path) -> Figures:
    return figures.of(engine_of(config_of(tmp_path, "ws://127.0.0.1:1/stocks")))


@pytest.mark.parametrize(
    ("shown_ms", "came_ms", "lossless", "expected_ms"),
    [
        (None, (), False, None),
        (WELL_MS, (), False, None),
        (ILL_MS, (), False, ILL_MS),
        (ILL_MS, (NEWEST_MS,), False, ILL_MS),
        (None, (ILL_MS,) * (FULL - 1), True, None),
        (None, (ILL_MS,) * FULL, True, ILL_MS),
        (None, (ILL_MS,) * (FULL - 1) + (WELL_MS,), True, None),
        (ILL_MS, (), True, ILL_MS),
        (ILL_MS, (ILL_MS - 1,), True, ILL_MS),
        (ILL_MS, (NEWEST_MS,), True, None),
        (NEWEST_MS + 1, (ILL_MS,) * FULL, True, ILL_MS),
        (NEWEST_MS + 1, (ILL_MS,), True, None),
    ],
)
def test_it_is_behind_by_its_clock_or_by_many_turns_of_old_bars(
    fresh: Figures, shown_ms: int | None, came_ms: tuple[int, ...], lossless: bool, expected_ms: int | None
) -> None:
    numbers = fresh._replace(newest_ms=NEWEST_MS, came_ms=came_ms)
    assert setback.behind_ms(numbers, shown_ms, lossless=lossless) == expected_ms


def test_before_the_first_bar_nothing_can_be_behind(fresh: Figures) -> None:
    assert setback.behind_ms(fresh, 1, lossless=False) is None


def test_figures_remember_the_newest_bars_of_the_last_turns_that_took_any(tmp_path: Path) -> None:
    engine = engine_of(config_of(tmp_path, "ws://127.0.0.1:1/stocks"))
    numbers = figures.of(engine)
    for minute in range(FULL + 2):
        batch = bar("A", OPEN + minute * MINUTE_MS, 50.0)
        engine.step(batch)
        numbers = figures.of(engine, numbers, batch)
        numbers = figures.of(engine, numbers, batch.take(slice(0, 0)))
    assert numbers.came_ms == tuple(OPEN + minute * MINUTE_MS for minute in range(2, FULL + 2))
    assert numbers.newest_ms == OPEN + (FULL + 1) * MINUTE_MS

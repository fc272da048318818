"""Volume profiles out of a real store, kept for the day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from daemon.dataplane import dayprofile as module
from daemon.dataplane.dayprofile import decode, encode, keep, kept, made
from daemon.dataplane.lookups import Lookups
from daemon.dataplane.profile import BUCKETS, typical, volume_profile
from daemon.dataplane.shelf import Shelf
from streams.bars import MINUTE_MS, SYMBOL, empty
from streams.history.open import open_history
from streams.history.protocol import DAY_MS
from tests.daemon.dataplane.test_lookups import Shelf as Cache
from tests.fakes.clock import ManualClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

BEGIN_MS = 1_736_154_000_000  # 2025-01-06 04:00 in New York
BEGINS_MS = BEGIN_MS + DAY_MS * np.arange(4)
NAMES = np.array([b"A", b"B", b"C"], SYMBOL)


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    async with Shelf(lambda: open_history(tmp_path / "history")) as one:
        yield one


async def fill(shelf: Shelf) -> tuple[np.ndarray, ...]:
    """Random bars of four days, and a stranger's; columns as `volume_profile` takes them."""
    random = np.random.default_rng(1)
    day, minute, name = random.integers(0, 4, 3_000), random.integers(0, 960, 3_000), random.integers(0, 2, 3_000)
    place = np.unique(np.stack([name, day, minute]), axis=1)
    bars = empty(place.shape[1] + 1)
    bars.symbol[:-1], bars.symbol[-1] = NAMES[place[0]], b"ZZ"
    bars.start_ms[:-1], bars.start_ms[-1] = BEGIN_MS + place[1] * DAY_MS + place[2] * MINUTE_MS, BEGIN_MS
    bars.length_ms[:] = MINUTE_MS
    bars.values[:6] = 10.0
    bars.values[4] = random.integers(1, 1_000, bars.size)
    await shelf.ask(lambda history: history.write_minutes(bars))
    return (*place, bars.values[4, :-1])


async def test_it_is_that_of_the_kept_minutes(shelf: Shelf) -> None:
    name, day, minute, volume = await fill(shelf)
    wanted = volume_profile(NAMES, name, day, minute, volume)
    found = await made(shelf, NAMES, BEGINS_MS)
    np.testing.assert_allclose(found.share, wanted.share)
    np.testing.assert_allclose(found.market, wanted.market)
    assert np.isnan(found.share[2]).all()


async def test_it_is_made_once_a_day_and_given_in_any_order(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEAST_SYMBOLS", 2)
    await fill(shelf)
    clock = ManualClock()
    lookups = Lookups(Cache(clock), clock)
    for _ in range(2):
        await keep(shelf, lookups, NAMES, BEGINS_MS, 20_094)
    assert lookups.fetched == 1
    wanted = await made(shelf, NAMES, BEGINS_MS)
    found = await kept(lookups, np.array([b"B", b"D", b"A"], SYMBOL), 20_094)
    np.testing.assert_array_equal(found.share[[2, 0]], wanted.share[:2])
    np.testing.assert_array_equal(found.by(400.0)[1], wanted.by(400.0)[2])  # the market's


async def test_where_few_are_known_the_others_take_a_typical_one(shelf: Shelf) -> None:
    await fill(shelf)
    clock = ManualClock()
    lookups = Lookups(Cache(clock), clock)
    await keep(shelf, lookups, NAMES, BEGINS_MS, 20_094)
    found, usual = await kept(lookups, NAMES, 20_094), typical(NAMES)
    assert found.by(400.0)[2] == usual.by(400.0)[2]
    assert found.by(400.0)[0] != usual.by(400.0)[0]


@pytest.mark.parametrize("day", [20_095, None])
async def test_without_one_for_the_day_it_is_typical(shelf: Shelf, day: int | None) -> None:
    clock = ManualClock()
    lookups = Lookups(Cache(clock), clock)
    await keep(shelf, lookups, NAMES, BEGINS_MS, 20_094)
    found = await kept(lookups if day else None, NAMES, day or 20_094)
    np.testing.assert_array_equal(found.by(400.0), typical(NAMES).by(400.0))


@pytest.mark.parametrize("content", [b"", b"PK", encode(typical(NAMES))[:-40]])
def test_what_is_none_is_none(content: bytes) -> None:
    assert decode(content) is None


def test_of_a_day_without_bars_nothing_is_kept() -> None:
    found = decode(encode(typical(NAMES)))
    assert found is not None
    assert (len(found.symbols), found.share.shape) == (0, (0, BUCKETS))

"""A day is made ready against the simulated exchange on loopback, a real store and a real engine."""

from __future__ import annotations

import random
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from daemon.clock import SystemClock
from daemon.dataplane import dayroll as module
from daemon.dataplane import plane as planes
from daemon.dataplane.athand import AtHand
from daemon.dataplane.dayroll import DayRoll
from daemon.dataplane.daystatistics import decode
from daemon.dataplane.fetch import GROUPED
from daemon.dataplane.lookups import Lookups
from daemon.engine.sessions import DAY_MS, PRE_MS
from streams.bars import MINUTE_MS, SYMBOL
from streams.companyfile import Company
from streams.dailyfile import DailyBars
from streams.history.protocol import Span
from streams.history.tables import TICKERS
from streams.polygon.rest import retry
from streams.simulator.corporate import Corporate, Split
from streams.simulator.faults import Script, status
from streams.simulator.rest import Archive
from streams.simulator.resthttp import Terms
from streams.simulator.server import Simulator
from tests.daemon.dataplane.test_lookups import Shelf as Cache
from tests.daemon.running import KEY, OPEN, Tape, config_of, engine_of, url_of, walk
from tests.fakes.clock import ManualClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from daemon.dataplane.statistics import SymbolStatistics
    from daemon.engine.engine import Engine

CLOCK = SystemClock()
BARS = walk(5, 40)
NAMES = np.unique(BARS.symbol)
DAY = (date(2025, 1, 6) - date(1970, 1, 1)).days
BEFORE = [DAY - 3, DAY - 4, DAY - 6]  # a weekend, and the first of January
RULES = '[[rule]]\nname = "any"\nwhere = "close > sma(2, \'1d\')"\n'


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_S", 0.01)
    monkeypatch.setattr(module, "LONG_DAYS", 3)


def official() -> DailyBars:
    """Every symbol closed at 100, 101 and 102, the oldest first."""
    symbol, day = np.repeat(NAMES.astype(SYMBOL), len(BEFORE)), np.tile(sorted(BEFORE), len(NAMES))
    close = np.tile([100.0, 101.0, 102.0], len(NAMES))
    return DailyBars(symbol, day, np.stack([close, close + 1, close - 1, close, np.full(len(close), 1e6)]), 0)


class Bench:
    """What the roll tells, and to whom."""

    def __init__(self, roll: DayRoll, engine: Engine, hand: AtHand, plane: planes.Plane) -> None:
        self.roll, self.engine, self.hand, self.plane = roll, engine, hand, plane


@asynccontextmanager
async def bench(
    folder: Path, *, now_ms: Callable[[], int | None] = lambda: OPEN - PRE_MS, engine: bool = True, **terms: object
) -> AsyncIterator[Bench]:
    corporate = Corporate(splits=(Split("S01", date(2025, 1, 6), 1, 4), Split("S02", date(2025, 1, 3), 1, 2)))
    archive = Archive(
        official=official(),
        symbols=NAMES,
        companies={
            name.decode(): Company(f"{name.decode()} Inc", "NYSE", "CS", figi=f"BBG{name.decode()}")
            for name in NAMES.tolist()
        },
        corporate=corporate,
    )
    async with (
        Simulator(Tape(BARS), clock=CLOCK, key=KEY, archive=archive, terms=Terms(**terms)) as exchange,
        AsyncExitStack() as stack,
    ):
        rest = {"rate_per_minute": 6_000, "burst": 1_000}
        config = config_of(folder, url_of(exchange.port), rules=RULES, rest=rest)
        hand, made = AtHand(), engine_of(config)
        nowhere = f"unix://{folder}/no-server"
        plane = await planes.build(config, nowhere, CLOCK, random.Random(1), stack, seen=hand.see)  # noqa: S311

        async def between(act: Callable[[], object]) -> bool:
            act()
            return True

        from daemon import calendar

        sessions = calendar.load(config.state.cache, CLOCK.wall_ms()).sessions
        roll = DayRoll(plane, sessions, now_ms, made if engine else None, between, hand, CLOCK)
        yield Bench(roll, made, hand, plane)


def previous(engine: Engine) -> dict[str, float]:
    """What the engine takes for the close of the day before, in the morning's first bars."""
    engine.step(BARS.take(BARS.start_ms < OPEN + 5 * MINUTE_MS))
    known = engine.watch._days.previous[engine.symbols.rows(NAMES, create=False)]
    return dict(zip([symbol.decode() for symbol in NAMES.tolist()], known.tolist(), strict=True))


async def test_a_day_is_made_ready_with_the_fewest_calls_and_once(tmp_path: Path) -> None:
    async with bench(tmp_path) as made:
        assert await made.roll.look() == ""
        assert made.plane.rest.calls == 1 + 1 + 3  # splits, list, days
        assert made.roll.standing.day == DAY
        assert await made.roll.look() == ""
        assert made.plane.rest.calls == 5


async def test_the_first_bars_of_the_day_know_the_close_before_in_shares_of_today(tmp_path: Path) -> None:
    async with bench(tmp_path) as made:
        await made.roll.look()
        assert previous(made.engine) == {"S00": 102.0, "S01": 25.5, "S02": 102.0, "S03": 102.0, "S04": 102.0}


async def test_days_before_a_split_are_in_the_shares_of_after_it(tmp_path: Path) -> None:
    async with bench(tmp_path) as made:
        await made.roll.look()
        previous(made.engine)
        (frame,) = (frame for minutes, frame in made.engine.watch.frames.items() if minutes == 1_440)
        rows = made.engine.symbols.rows(np.array([b"S00", b"S01", b"S02"], SYMBOL), create=False)
        assert frame.bar("close", rows, 1).tolist() == [101.0, 101 / 4, 101 / 2]


async def test_an_engine_whose_day_has_begun_is_brought_up_to_it(tmp_path: Path) -> None:
    async with bench(tmp_path) as made:
        assert np.isnan(previous(made.engine)["S00"])
        await made.roll.look()
        rows = made.engine.symbols.rows(np.array([b"S00"], SYMBOL), create=False)
        assert made.engine.watch._days.previous[rows].tolist() == [102.0]


async def test_alerts_can_show_the_day_before_and_the_company(tmp_path: Path) -> None:
    async with bench(tmp_path) as made:
        await made.roll.look()
        about = made.hand.about("S01", CLOCK.wall_ms())
    assert about["company"]["known"]["name"] == "S01 Inc"
    assert about["split"]["known"] == {"old": 1.0, "new": 4.0}
    assert about["history"]["known"]["previous_close"] == 25.5


async def test_after_a_restart_nothing_is_asked_again_and_the_engine_is_told_again(tmp_path: Path) -> None:
    async with bench(tmp_path) as made:
        await made.roll.look()
    async with bench(tmp_path) as made:
        await made.roll.look()
        assert made.plane.rest.calls == 0
        assert previous(made.engine)["S01"] == 25.5


async def test_what_the_store_knows_is_told_although_the_exchange_is_away_and_it_is_tried_again(tmp_path: Path) -> None:
    async with bench(tmp_path) as made:
        await made.roll.look()
    later = OPEN - PRE_MS + 24 * 60 * MINUTE_MS
    script = Script((r".*", 100, status(503)))
    async with bench(tmp_path, now_ms=lambda: later, faults=script) as made:
        assert "HTTP 503" in await made.roll.look()
        assert made.roll.standing.trouble
        assert made.hand.about("S00", CLOCK.wall_ms())["history"]["known"]["previous_close"] == 102.0


async def test_a_day_is_made_ready_half_an_hour_before_its_first_bars(tmp_path: Path) -> None:
    now = [OPEN - PRE_MS - module.LEAD_MS - 1]
    async with bench(tmp_path, now_ms=lambda: now[0]) as made:
        await made.roll.look()
        assert made.roll.standing.day == DAY - 3
        now[0] += 1
        await made.roll.look()
        assert made.roll.standing.day == DAY


async def test_before_market_time_is_known_nothing_is_asked(tmp_path: Path) -> None:
    async with bench(tmp_path, now_ms=lambda: None) as made:
        assert await made.roll.look() == ""
        assert made.plane.rest.calls == 0


async def test_an_engine_that_is_to_be_left_alone_is(tmp_path: Path) -> None:
    async with bench(tmp_path, engine=False) as made:
        await made.roll.look()
        assert np.isnan(previous(made.engine)["S00"])


async def test_a_symbol_that_a_company_has_changed_keeps_its_row_and_is_told_once(tmp_path: Path) -> None:
    async with bench(tmp_path) as made:
        rows = [{"symbol": "OLD", "name": "S03 Inc", "active": True, "as_of_ms": 1, "figi": "BBGS03"}]
        await made.plane.shelf.ask(lambda history: history.put("tickers", pa.Table.from_pylist(rows, TICKERS.schema)))
        friday = BARS.take(BARS.symbol == b"S03")
        friday.symbol[:], friday.start_ms[:] = b"OLD", friday.start_ms - 3 * DAY_MS
        made.engine.step(friday)
        names = np.array([b"OLD", b"S03"], SYMBOL)
        row, none = made.engine.symbols.rows(names, create=False).tolist()
        assert none == -1
        for _ in range(2):  # the second time as after a restart
            made.roll.standing = module.Standing()
            assert await made.roll.look() == ""
        assert made.engine.symbols.rows(names, create=False).tolist() == [-1, row]
        assert [notice.kind for notice in made.engine.notices].count("symbol.renamed") == 1
        assert previous(made.engine)["S03"] == 102.0
        assert made.engine.counts.bars > friday.size


async def test_statistics_know_of_a_split_that_is_heard_of_after_they_might_have_been_kept(tmp_path: Path) -> None:
    async with bench(tmp_path) as made:
        lookups = Lookups(Cache(ManualClock(wall_ms=CLOCK.wall_ms())), CLOCK)
        made.roll._plane = made.plane._replace(lookups=lookups)
        rows = [{"symbol": name.decode(), "name": "", "active": True, "as_of_ms": 1} for name in NAMES.tolist()]
        table, spans = pa.Table.from_pylist(rows, TICKERS.schema), [Span("", day, day, 0) for day in BEFORE]
        shelf = made.plane.shelf
        await shelf.ask(lambda history: history.put("tickers", table))
        await shelf.ask(lambda history: history.write_daily(official(), "test", 0))
        await shelf.ask(lambda history: history.mark_fetched(GROUPED, spans))
        assert await made.roll.look() == ""
        known = made.hand.about("S01", CLOCK.wall_ms())["history"]["known"]
        assert known["previous_close"] == 25.5
        assert (await kept_statistics(lookups)).previous_close.tolist() == [102.0, 25.5, 102.0, 102.0, 102.0]


async def kept_statistics(lookups: Lookups) -> SymbolStatistics:
    (content,) = (entry.content for (kind, _), entry in lookups._cache.entries.items() if kind == "statistics")
    found = decode(content)
    assert found
    return found

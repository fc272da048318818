"""Against the simulated exchange on loopback, a real store, and no daemon."""

from __future__ import annotations

import io
import random
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING

import aiohttp
import numpy as np
import pytest
from rich.console import Console
from websockets.asyncio.client import connect

from daemon import statefile
from daemon.clock import SystemClock
from daemon.dataplane.lookups import Lookups
from daemon.dataplane.shelf import Shelf
from daemon.dataplane.universe import register
from daemon.engine.sessions import SessionTable
from daemon.scan import shown
from daemon.scan.scanner import Scanner, Wish
from daemon.snapshot import FILE
from streams.bars import SYMBOL
from streams.companyfile import Company
from streams.dailyfile import DailyBars
from streams.history.open import open_history
from streams.polygon.marketclock import MarketClock
from streams.polygon.rest import retry
from streams.polygon.rest.client import Rest
from streams.polygon.rest.errors import RestUnavailable
from streams.polygon.rest.limiter import RateLimiter
from streams.polygon.rest.transport import Transport
from streams.secret import Secret
from streams.simulator.faults import Script, status
from streams.simulator.market import SyntheticMarket
from streams.simulator.markettime import AS_FAST_AS_READ
from streams.simulator.rest import Archive
from streams.simulator.resthttp import Terms
from streams.simulator.server import Simulator
from tests.daemon.dataplane.test_lookups import Shelf as Cache
from tests.fakes.clock import ManualClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from streams.types import Symbols

CLOCK = SystemClock()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_S", 0.01)


TODAY = 20_112  # 2025-01-24
MARKET = SyntheticMarket(150, seed=3).symbols


def official(symbols: Symbols, days: list[int]) -> DailyBars:
    """Each symbol closes at 100 and trades 1,000 times its number; the seventh traded last in another year."""
    traded = np.array([day for day in days if day < TODAY])
    symbol, day = np.repeat(symbols, len(traded)), np.tile(traded, len(symbols))
    number = np.repeat(np.arange(1, len(symbols) + 1), len(traded))
    prices = np.full(len(symbol), 100.0)
    values = np.stack([prices, prices + 1, prices - 1, prices, 1_000.0 * number])
    return DailyBars(symbol, day, values, 0)


@asynccontextmanager
async def exchange(days: list[int], **terms: object) -> AsyncIterator[Simulator]:
    """An exchange whose last half hour of the day is over."""
    source = SyntheticMarket(150, seed=3, first_day=date(2025, 1, 24), start=time(15, 30))
    companies = {symbol.decode(): Company(f"Company {symbol.decode()}", "XNAS", "CS") for symbol in MARKET.tolist()}
    archive = Archive(official=official(MARKET, days), symbols=MARKET, companies=companies)
    async with Simulator(
        source, clock=CLOCK, speed=AS_FAST_AS_READ, archive=archive, terms=Terms(**terms), on_end="close"
    ) as simulator:
        async with connect(f"ws://127.0.0.1:{simulator.port}/stocks") as feed:
            await feed.send('{"action":"auth","params":"demo"}')
            await feed.send('{"action":"subscribe","params":"AM.*"}')
            async for _ in feed:
                pass
        yield simulator


@pytest.fixture(scope="module")
def sessions() -> SessionTable:
    """Ten trading days of January 2025."""
    dates = [datetime(2025, 1, day, 14, 30, tzinfo=UTC) for day in (10, 13, 14, 15, 16, 17, 21, 22, 23, 24, 27)]
    open_ms = np.array([round(one.timestamp() * 1000) for one in dates])
    return SessionTable(open_ms, open_ms + 390 * 60_000)


@asynccontextmanager
async def scanning(
    simulator: Simulator, folder: Path, sessions: SessionTable, lookups: Lookups | None = None
) -> AsyncIterator[Scanner]:
    origin = f"http://127.0.0.1:{simulator.port}"
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())
        shelf = await stack.enter_async_context(Shelf(lambda: open_history(folder / "history")))
        limiter, jitter = RateLimiter(60_000, 100, CLOCK), random.Random(1)  # noqa: S311 - pauses
        transport = Transport(origin, Secret("demo"), http=http, limiter=limiter, clock=CLOCK, jitter=jitter)
        market = MarketClock(origin, clock=CLOCK, http=http)
        await market.poll()
        sectors = {"ZZZ": "energy"}
        yield Scanner(Rest(transport), shelf, lookups, sessions, sectors, folder / FILE, CLOCK, market.wall_ms)


def days_of(sessions: SessionTable) -> list[int]:
    days: list[int] = (sessions.open_ms // 86_400_000).tolist()
    return days


async def test_a_first_scan_fetches_and_a_second_asks_for_quotes_alone(tmp_path: Path, sessions: SessionTable) -> None:
    async with exchange(days_of(sessions)) as simulator, scanning(simulator, tmp_path, sessions) as scanner:
        first = await scanner.scan(Wish())
        second = await scanner.scan(Wish())
    assert (first.calls, first.hit_rate) == (1 + 9 + 1 + 1, 0.0)  # tickers, days, splits, quotes
    assert (second.calls, second.hit_rate) == (1, 1.0)
    assert len(first.universe.symbols) == len(second.universe.symbols) == 150
    assert first.table.symbol.tolist() == second.table.symbol.tolist()
    assert len(first.table.symbol) > 130  # some did not trade
    assert first.troubles == ()


async def test_after_a_restart_nothing_known_is_asked_again(tmp_path: Path, sessions: SessionTable) -> None:
    async with exchange(days_of(sessions)) as simulator:
        async with scanning(simulator, tmp_path, sessions) as scanner:
            await scanner.scan(Wish())
        async with scanning(simulator, tmp_path, sessions) as scanner:
            assert (await scanner.scan(Wish())).calls == 1


async def test_columns_go_by_the_official_close_of_the_day_before(tmp_path: Path, sessions: SessionTable) -> None:
    async with exchange(days_of(sessions)) as simulator, scanning(simulator, tmp_path, sessions) as scanner:
        found = (await scanner.scan(Wish(by="change"))).table
    np.testing.assert_allclose(found.change, found.price / 100 - 1)
    assert (np.diff(np.abs(found.change)) <= 0).all()
    assert np.isfinite(found.relative_volume).all()
    assert found.why[0].startswith("gap ")  # a synthetic market has little to do with a close of 100


async def test_a_few_named_symbols_need_few_calls_and_no_list(tmp_path: Path, sessions: SessionTable) -> None:
    few = MARKET[[3, 9]]
    async with exchange(days_of(sessions)) as simulator, scanning(simulator, tmp_path, sessions) as scanner:
        found = await scanner.scan(Wish(symbols=few))
        assert found.calls == 2 + 1 + 1  # ranges, splits, quotes
        assert sorted(found.table.symbol.tolist()) == few.tolist()
        assert (await scanner.scan(Wish(symbols=few))).calls == 1


async def test_a_name_that_nobody_knows_is_left_out_of_the_table(tmp_path: Path, sessions: SessionTable) -> None:
    asked = np.array([b"NOSUCH", MARKET[3]], SYMBOL)
    async with exchange(days_of(sessions)) as simulator, scanning(simulator, tmp_path, sessions) as scanner:
        found = await scanner.scan(Wish(symbols=np.sort(asked)))
    assert found.table.symbol.tolist() == [MARKET[3]]
    assert len(found.universe.symbols) == 2


async def test_only_the_most_traded_are_scanned_when_asked_so(tmp_path: Path, sessions: SessionTable) -> None:
    async with exchange(days_of(sessions)) as simulator, scanning(simulator, tmp_path, sessions) as scanner:
        found = await scanner.scan(Wish(most_symbols=5))
        again = await scanner.scan(Wish(most_symbols=5))
    assert found.universe.symbols.tolist() == MARKET[-5:].tolist()
    assert again.calls == 1


async def test_days_that_fail_are_told_and_asked_again(tmp_path: Path, sessions: SessionTable) -> None:
    faults = Script(("/v2/aggs/grouped/.*2025-01-15", 5, status(503)))
    async with exchange(days_of(sessions), faults=faults) as simulator:
        async with scanning(simulator, tmp_path, sessions) as scanner:
            found = await scanner.scan(Wish())
            assert len(found.table.symbol) > 130
            (trouble,) = found.troubles
            assert trouble.startswith("1 call for daily bars failed: grouped day by REST: HTTP 503")
        async with scanning(simulator, tmp_path, sessions) as scanner:
            again = await scanner.scan(Wish())
    assert (again.calls, again.troubles) == (2, ())


async def test_statistics_are_kept_for_the_day_once_they_are_whole(tmp_path: Path, sessions: SessionTable) -> None:
    kept = Cache(ManualClock(wall_ms=CLOCK.wall_ms()))
    faults = Script(("/v2/aggs/grouped/.*2025-01-15", 5, status(503)))
    async with exchange(days_of(sessions), faults=faults) as simulator:
        async with scanning(simulator, tmp_path, sessions, Lookups(kept, CLOCK)) as scanner:
            without = await scanner.scan(Wish())
        assert without.troubles
        assert not kept.entries
    async with exchange(days_of(sessions)) as simulator:
        async with scanning(simulator, tmp_path, sessions, Lookups(kept, CLOCK)) as scanner:
            found = await scanner.scan(Wish())
        assert np.isfinite(found.table.relative_volume).sum() > 130
        (entry,) = kept.entries.values()
        async with scanning(simulator, tmp_path, sessions, Lookups(kept, CLOCK)) as scanner:
            again = await scanner.scan(Wish())
        np.testing.assert_array_equal(np.sort(again.table.gap), np.sort(found.table.gap))
    assert list(kept.entries.values()) == [entry]


async def test_names_of_two_schemes_of_sectors_are_told(tmp_path: Path, sessions: SessionTable) -> None:
    names = [symbol.decode() for symbol in MARKET.tolist()]
    companies = {names[0]: Company("One", "XNAS", "CS", sector="Technology")}
    async with exchange(days_of(sessions)) as simulator, scanning(simulator, tmp_path, sessions) as scanner:
        await register(scanner._shelf, companies, 0)
        scanner._sectors = {names[1]: "Information Technology"}
        found = await scanner.scan(Wish())
    (trouble,) = found.troubles
    assert "engine.sectors has none of Technology" in trouble


@pytest.mark.parametrize(("width", "gone"), [(80, True), (140, False)])
async def test_a_narrow_window_leaves_out_what_it_has_no_room_for(
    tmp_path: Path, sessions: SessionTable, width: int, gone: bool
) -> None:
    async with exchange(days_of(sessions)) as simulator, scanning(simulator, tmp_path, sessions) as scanner:
        found = await scanner.scan(Wish(by="activity"))
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(shown.shown(found, 5, width))
    lines = console.export_text().splitlines()
    assert ("gap" not in lines[0].split()) is gone
    for row in range(5):
        (line,) = [one for one in lines if one.split()[:1] == [str(row + 1)]]
        assert found.table.symbol[row].decode() in line


async def test_without_quotes_there_is_no_table(tmp_path: Path, sessions: SessionTable) -> None:
    faults = Script(("/v2/snapshot/.*", 99, status(503)))
    async with exchange(days_of(sessions), faults=faults) as simulator, scanning(simulator, tmp_path, sessions) as one:
        with pytest.raises(RestUnavailable):
            await one.scan(Wish())


async def test_scores_and_rules_are_those_of_the_daemons_state(tmp_path: Path, sessions: SessionTable) -> None:
    minute_ms = int(sessions.close_ms[9]) - 60_000
    arrays = {
        "symbols/symbols": MARKET[[5, 2]],
        "engine/scores": np.array([0.9, 0.2]),
        "engine/barrier": np.array([minute_ms, minute_ms, minute_ms]),
        "telling/episodes/gap-and-go@1a2b/state": np.array([2, 0]),
        "telling/episodes/vwap-reclaim@3c4d/state": np.array([2, 2]),
        "telling/episodes/vwap-reclaim@3c4d/start_ms": np.array([0, 0]),
    }
    statefile.write(tmp_path / FILE, arrays)
    async with exchange(days_of(sessions)) as simulator, scanning(simulator, tmp_path, sessions) as scanner:
        found = await scanner.scan(Wish())
    assert found.table.symbol[:2].tolist() == MARKET[[5, 2]].tolist()
    assert found.table.score[:2].tolist() == [0.9, 0.2]
    assert np.isnan(found.table.score[2:]).all()
    assert found.table.rules[:3] == (("gap-and-go", "vwap-reclaim"), ("vwap-reclaim",), ())
    assert found.judged_ms == minute_ms
    assert "scored 15:59" in shown.summary(found)


@pytest.mark.parametrize("spoil", ["yesterday", "damaged"])
async def test_a_state_of_another_day_or_a_damaged_one_says_nothing(
    tmp_path: Path, sessions: SessionTable, spoil: str
) -> None:
    minute_ms = int(sessions.close_ms[8]) - 60_000
    arrays = {
        "symbols/symbols": MARKET,
        "engine/scores": np.ones(150),
        "engine/barrier": np.array([minute_ms, minute_ms, minute_ms]),
    }
    statefile.write(tmp_path / FILE, arrays)
    if spoil == "damaged":
        (tmp_path / FILE).write_bytes(b"technic state 3 3\nxxx")
    async with exchange(days_of(sessions)) as simulator, scanning(simulator, tmp_path, sessions) as scanner:
        found = await scanner.scan(Wish(most_rows=3))
    assert np.isnan(found.table.score).all()
    assert found.judged_ms is None
    assert "no daemon has scored today" in shown.summary(found)


async def test_a_table_is_shown_and_told_with_all_that_is_known(tmp_path: Path, sessions: SessionTable) -> None:
    async with exchange(days_of(sessions)) as simulator, scanning(simulator, tmp_path, sessions) as scanner:
        found = await scanner.scan(Wish(by="activity", most_rows=3))
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(shown.shown(found, 2, 200))
    text = console.export_text()
    best = found.table.symbol[0].decode()
    assert best in text
    assert found.table.symbol[2].decode() not in text
    assert "150 symbols, 3 of them traded today" in text
    document = shown.document(found)
    assert document["rows"][0]["symbol"] == best
    assert document["rows"][0]["name"] == f"Company {best}"
    assert document["rows"][0]["score"] is None
    assert document["as_of"].endswith("New York")

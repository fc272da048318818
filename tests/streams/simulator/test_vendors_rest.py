"""The vendor's own client, unmodified, against the simulated exchange: every endpoint, over a socket."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from massive import RESTClient
from massive.exceptions import BadResponse

from daemon.clock import SystemClock
from streams.companyfile import Company
from streams.simulator.corporate import Corporate
from streams.simulator.markettime import AS_FAST_AS_READ
from streams.simulator.rest import Archive
from streams.simulator.server import Simulator
from tests.streams.simulator.market_of import MONDAY, TUESDAY, Bar, minutes, ms, official
from tests.streams.simulator.test_corporate import DOCUMENT
from tests.streams.simulator.test_server import enter, received

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from streams.simulator.tape import Minute

EARLIER = [Bar("A", "09:30"), Bar("B", "15:59", 50, 51), Bar("A", "16:30", 14, 15)]
TODAY = [
    Bar("A", "08:00", 12, 13, 40, TUESDAY),
    Bar("A", "09:30", 14, 15, 100, TUESDAY),
    Bar("B", "09:30", 50, 48, 100, TUESDAY),
    Bar("A", "09:31", 15, 16, 100, TUESDAY),
]


class Tape:
    def __init__(self, bars: Sequence[Bar]) -> None:
        self._minutes = list(minutes(bars))
        self.start_ms = self._minutes[0].start_ms
        self.end_ms = self._minutes[-1].start_ms + 60_000

    def minutes(self) -> Iterator[Minute]:
        return iter(self._minutes)


ARCHIVE = Archive(earlier=list(minutes(EARLIER)), official=official(("A", MONDAY, 11.5)))


@asynccontextmanager
async def exchange(*, played: bool = True, **options: Any) -> AsyncIterator[Simulator]:
    """The exchange before its first bar, or after its last."""
    options = {"archive": ARCHIVE} | options
    simulator = Simulator(Tape(TODAY), clock=SystemClock(), speed=AS_FAST_AS_READ, on_end="close", **options)
    async with simulator:
        if played:
            await received(simulator, "AM.*")
            await simulator.wait_finished()
        yield simulator


async def ask(simulator: Simulator, question: Callable[[RESTClient], Any], key: str = "demo") -> Any:
    client = RESTClient(key, base=f"http://127.0.0.1:{simulator.port}", retries=0)
    return await asyncio.to_thread(question, client)


async def test_list_aggs_reads_all_pages() -> None:
    async with exchange() as simulator:
        bars = await ask(simulator, lambda c: list(c.list_aggs("A", 1, "minute", MONDAY, TUESDAY, limit=2)))
    assert [bar.timestamp for bar in bars] == [
        ms("09:30"), ms("16:30"), ms("08:00", TUESDAY), ms("09:30", TUESDAY), ms("09:31", TUESDAY)
    ]  # fmt: skip
    assert bars[0].transactions == 1
    assert (bars[-1].open, bars[-1].high, bars[-1].vwap) == (15, 17, 15.5)


async def test_get_aggs_reads_days() -> None:
    async with exchange() as simulator:
        days = await ask(simulator, lambda c: c.get_aggs("A", 1, "day", MONDAY, TUESDAY, adjusted=False))
    assert [(day.timestamp, day.close, day.volume) for day in days] == [
        (ms("00:00"), 11.5, 200), (ms("00:00", TUESDAY), 16, 240)
    ]  # fmt: skip


async def test_nothing_is_known_before_it_was_sent() -> None:
    async with exchange(played=False) as simulator:
        bars = await ask(simulator, lambda c: c.get_aggs("A", 1, "minute", MONDAY, TUESDAY))
    assert [bar.timestamp for bar in bars] == [ms("09:30"), ms("16:30")]


async def test_while_the_market_runs_no_bar_is_known_before_its_time() -> None:
    tape = Tape([Bar("A", f"09:{k}") for k in range(30, 60)])
    async with (
        Simulator(tape, clock=SystemClock(), speed=3_000) as simulator,
        await enter(simulator, "AM.*", max_queue=None),
    ):
        known: list[Any] = []
        while len(known) < 30:
            known = await ask(simulator, lambda c: c.get_aggs("A", 1, "minute", MONDAY, TUESDAY))
            assert all(bar.timestamp + 64_000 <= simulator.now_ms() for bar in known)


async def test_get_grouped_daily_aggs_reads_the_day_that_has_closed() -> None:
    async with exchange() as simulator:
        rows = await ask(simulator, lambda c: c.get_grouped_daily_aggs(MONDAY))
        today = await ask(simulator, lambda c: c.get_grouped_daily_aggs(TUESDAY))
    assert [(row.ticker, row.close, row.timestamp) for row in rows] == [
        ("A", 11.5, ms("16:00")),
        ("B", 51, ms("16:00")),
    ]
    assert today == []


async def test_get_previous_close_agg_reads_the_day_before() -> None:
    async with exchange() as simulator:
        (row,) = await ask(simulator, lambda c: c.get_previous_close_agg("A"))
    assert (row.ticker, row.close, row.timestamp) == ("A", 11.5, ms("16:00"))


async def test_get_daily_open_close_agg_reads_one_day() -> None:
    async with exchange() as simulator:
        day = await ask(simulator, lambda c: c.get_daily_open_close_agg("A", TUESDAY))
    assert (day.symbol, day.from_, day.status) == ("A", "2025-03-11", "OK")
    assert (day.open, day.close, day.pre_market, day.after_hours) == (14, 16, 12, None)


async def test_errors_reach_the_vendors_client() -> None:
    async with exchange(played=False) as simulator:
        with pytest.raises(BadResponse, match="Unknown API Key"):
            await ask(simulator, lambda c: c.get_previous_close_agg("A"), key="wrong")
        with pytest.raises(BadResponse, match="'to' cannot be a time that occurs before 'from'"):
            await ask(simulator, lambda c: c.get_aggs("A", 1, "day", TUESDAY, MONDAY))
        with pytest.raises(BadResponse, match="NOT_FOUND"):
            await ask(simulator, lambda c: c.get_daily_open_close_agg("NONE", MONDAY))
        with pytest.raises(BadResponse, match="404 page not found"):
            await ask(simulator, lambda c: c.get_last_trade("A"))


async def test_get_snapshot_all_reads_the_market() -> None:
    async with exchange() as simulator:
        rows = await ask(simulator, lambda c: c.get_snapshot_all("stocks"))
        (only,) = await ask(simulator, lambda c: c.get_snapshot_all("stocks", tickers=["B"]))
    assert [row.ticker for row in rows] == ["A", "B"]
    a = rows[0]
    assert (a.day.open, a.day.close, a.day.volume, a.prev_day.close) == (14, 16, 240, 11.5)
    assert (a.min.timestamp, a.min.accumulated_volume, a.min.close) == (ms("09:31", TUESDAY), 240, 16)
    assert (a.todays_change, a.updated) == (4.5, ms("09:32", TUESDAY) * 1_000_000)
    assert only.ticker == "B"


async def test_get_snapshot_ticker_reads_one_symbol() -> None:
    async with exchange(played=False) as simulator:
        row = await ask(simulator, lambda c: c.get_snapshot_ticker("stocks", "A"))
    assert (row.ticker, row.day.close, row.prev_day.close) == ("A", 0, 11.5)


async def test_get_snapshot_direction_reads_the_movers() -> None:
    async with exchange() as simulator:
        assert await ask(simulator, lambda c: c.get_snapshot_direction("stocks", "gainers")) == []


async def test_list_tickers_reads_all_pages() -> None:
    async with exchange() as simulator:
        rows = await ask(simulator, lambda c: list(c.list_tickers(market="stocks", active=True, limit=1)))
    assert [(row.ticker, row.primary_exchange, row.active) for row in rows] == [
        ("A", "XNYS", True),
        ("B", "XNYS", True),
    ]


async def test_get_ticker_details_reads_one_company() -> None:
    archive = ARCHIVE._replace(companies={"A": Company("Alpha Inc.", "NASDAQ", market_cap=5e9)})
    async with exchange(archive=archive) as simulator:
        details = await ask(simulator, lambda c: c.get_ticker_details("A", date="2025-03-11"))
    assert (details.ticker, details.name, details.primary_exchange, details.market_cap) == (
        "A",
        "Alpha Inc.",
        "XNAS",
        5e9,
    )


CORPORATE = msgspec.convert(DOCUMENT, Corporate)


async def test_list_splits_reads_all_pages() -> None:
    async with exchange(archive=ARCHIVE._replace(corporate=CORPORATE)) as simulator:
        rows = await ask(simulator, lambda c: list(c.list_splits("A", limit=1)))
    assert [(row.ticker, row.execution_date, row.split_to) for row in rows] == [
        ("A", "2025-03-14", 2), ("A", "2025-03-11", 10)
    ]  # fmt: skip


async def test_list_dividends_reads_what_was_declared() -> None:
    async with exchange(archive=ARCHIVE._replace(corporate=CORPORATE)) as simulator:
        rows = await ask(simulator, lambda c: list(c.list_dividends(ex_dividend_date_gte="2025-03-01")))
    assert [(row.ticker, row.cash_amount) for row in rows] == [("A", 0.5), ("B", 0.25)]


async def test_list_ticker_news_reads_articles() -> None:
    async with exchange(archive=ARCHIVE._replace(corporate=CORPORATE)) as simulator:
        rows = await ask(simulator, lambda c: list(c.list_ticker_news("A", limit=1)))
    assert [row.title for row in rows] == ["late", "early"]
    assert rows[1].publisher.name == "P"


async def test_get_related_companies_reads_tickers() -> None:
    async with exchange(archive=ARCHIVE._replace(corporate=CORPORATE)) as simulator:
        rows = await ask(simulator, lambda c: c.get_related_companies("A"))
    assert [row.ticker for row in rows] == ["B", "C"]


async def test_get_market_holidays_reads_those_to_come() -> None:
    async with exchange(archive=ARCHIVE._replace(corporate=CORPORATE)) as simulator:
        rows = await ask(simulator, lambda c: c.get_market_holidays())
    assert [(row.date, row.exchange) for row in rows][:2] == [("2025-03-12", "NYSE"), ("2025-03-12", "NASDAQ")]


async def test_get_market_status_reads_the_status() -> None:
    async with exchange() as simulator:
        status = await ask(simulator, lambda c: c.get_market_status())
    assert (status.market, status.exchanges.nyse) == ("open", "open")

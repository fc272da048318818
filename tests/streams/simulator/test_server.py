from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from datetime import date, time, timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec
import numpy as np
import pytest
from massive import RESTClient, WebSocketClient
from massive.exceptions import AuthError
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedError

from daemon.clock import SystemClock
from streams.barfile import open_bars
from streams.bars import MINUTE_MS, concat
from streams.simulator.errors import PortTakenError
from streams.simulator.filetape import FileTape
from streams.simulator.hours import at, trading_day
from streams.simulator.irregular import Irregularity
from streams.simulator.market import FIRST_DAY, SyntheticMarket
from streams.simulator.markettime import AFTERMATH_MS, AS_FAST_AS_READ
from streams.simulator.peer import Limits
from streams.simulator.server import Simulator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from massive.websocket.models import WebSocketMessage
    from websockets.asyncio.client import ClientConnection

    from streams.bars import BarBatch
    from streams.simulator.server import Source

OPEN_MS = trading_day(FIRST_DAY).open_ms


class FewMinutes:
    """The first minutes of a synthetic market, kept for comparison."""

    def __init__(self, count: int, symbols: int = 30, start: time = time(9, 30)) -> None:
        market = SyntheticMarket(symbols, seed=4, start=start)
        self._minutes = [minute for _, minute in zip(range(count), market.minutes(), strict=False)]
        self.start_ms, self.end_ms = market.start_ms, market.start_ms + count * MINUTE_MS
        self.second_bars = concat([minute.seconds.bars for minute in self._minutes])
        self.minute_bars = concat([minute.minutes.bars for minute in self._minutes])

    def minutes(self) -> Any:
        return iter(self._minutes)


def simulator(source: Source, **options: Any) -> Simulator:
    options = {"speed": AS_FAST_AS_READ, "on_end": "close"} | options
    return Simulator(source, clock=SystemClock(), **options)


def vendors_client(exchange: Simulator, subscriptions: Sequence[str], key: str = "demo") -> WebSocketClient:
    feed = f"127.0.0.1:{exchange.port}"
    return WebSocketClient(key, feed=feed, market="stocks", secure=False, subscriptions=list(subscriptions))


async def received(exchange: Simulator, *subscriptions: str) -> list[WebSocketMessage]:
    """Everything the vendor's own client gets until the connection is closed."""
    got: list[WebSocketMessage] = []

    async def keep(messages: list[WebSocketMessage]) -> None:
        got.extend(messages)

    await vendors_client(exchange, subscriptions).connect(keep, proxy=None)
    return got


def columns(messages: Sequence[Any], length_ms: int) -> dict[str, list[Any]]:
    assert {message.end_timestamp - message.start_timestamp for message in messages} <= {length_ms}
    names = ("symbol", "start_timestamp", "open", "high", "low", "close", "vwap")
    return {name: [getattr(message, name) for message in messages] for name in names} | {
        "volume": [float(message.fractional_volume) for message in messages]
    }


def expected(bars: BarBatch) -> dict[str, list[Any]]:
    names = ("open", "high", "low", "close", "volume", "vwap")
    values = {name: np.where(np.isnan(row), None, row).tolist() for name, row in zip(names, bars.values, strict=False)}
    return {"symbol": bars.symbol.astype("U16").tolist(), "start_timestamp": bars.start_ms.tolist()} | values


async def enter(exchange: Simulator, *channels: str, **options: Any) -> ClientConnection:
    """A plain connection, greeted, authenticated and subscribed."""
    socket = await connect(f"ws://127.0.0.1:{exchange.port}/stocks", proxy=None, **options)
    assert "connected" in str(await socket.recv())
    await socket.send('{"action":"auth","params":"demo"}')
    assert "auth_success" in str(await socket.recv())
    if channels:
        await socket.send(msgspec.json.encode({"action": "subscribe", "params": ",".join(channels)}), text=True)
        assert "subscribed to: " in str(await socket.recv())
    return socket


async def frames(socket: ClientConnection) -> AsyncIterator[list[dict[str, Any]]]:
    """Frames until the connection is closed, however it is."""
    with suppress(ConnectionClosed):
        while True:
            yield msgspec.json.decode(await socket.recv())


async def read_all(socket: ClientConnection) -> list[dict[str, Any]]:
    return [event async for frame in frames(socket) for event in frame]


async def eventually(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.005)


async def market_status(exchange: Simulator) -> dict[str, Any]:
    url = f"http://127.0.0.1:{exchange.port}/v1/marketstatus/now"
    async with aiohttp.ClientSession() as http, http.get(url) as response:
        status: dict[str, Any] = await response.json()
        return status


async def test_the_vendors_client_receives_every_real_bar_of_an_hour(data_file: Callable[[str], Path]) -> None:
    opening_ms = at(date(2025, 1, 2), time(9, 0))
    file = open_bars(data_file("minute_2025_01.parquet"), MINUTE_MS)
    hour = (opening_ms, opening_ms + 3_600_000)
    bars = concat(list(file.batches(*hour)))
    async with simulator(FileTape(file, from_ms=hour[0], to_ms=hour[1])) as exchange:
        got = await received(exchange, "AM.*")
    assert len(got) == bars.size > 3_000
    assert columns(got, MINUTE_MS) == expected(bars)


async def test_the_vendors_client_receives_every_vwap_of_real_bars(data_file: Callable[[str], Path]) -> None:
    day_ms = at(date(2024, 11, 29), time(9, 0))
    file = open_bars(data_file("minute_vwap_2024_q4.parquet"), MINUTE_MS)
    day = (day_ms, day_ms + 4 * 3_600_000)
    bars = concat(list(file.batches(*day)))
    async with simulator(FileTape(file, from_ms=day[0], to_ms=day[1])) as exchange:
        got = await received(exchange, "AM.*")
    assert columns(got, MINUTE_MS) == expected(bars)
    assert got[-1].aggregate_vwap is not None  # type: ignore[union-attr]


async def test_the_vendors_client_receives_every_second_and_minute_of_a_synthetic_market() -> None:
    source = FewMinutes(3)
    async with simulator(source) as exchange:
        got = await received(exchange, "A.*", "AM.*")
        assert exchange.bars == len(got)
    seconds = [message for message in got if message.event_type == "A"]  # type: ignore[union-attr]
    minutes = [message for message in got if message.event_type == "AM"]  # type: ignore[union-attr]
    assert columns(seconds, 1_000) == expected(source.second_bars)
    assert columns(minutes, MINUTE_MS) == expected(source.minute_bars)


def test_the_vendors_client_runs_in_a_thread_of_its_own() -> None:
    """`run`, as most users call it, beside an exchange on another loop."""
    source, got = FewMinutes(2), list[Any]()

    async def serve() -> None:
        async with simulator(source) as exchange:
            client = vendors_client(exchange, ["AM.*"])
            thread = threading.Thread(target=lambda: client.run(got.extend, proxy=None))
            thread.start()
            await exchange.wait_finished()
            await asyncio.to_thread(thread.join)

    asyncio.run(serve())
    assert columns(got, MINUTE_MS) == expected(source.minute_bars)


async def test_a_wrong_key_is_an_auth_error_of_the_vendors_client() -> None:
    async with simulator(FewMinutes(1)) as exchange:
        with pytest.raises(AuthError, match="authentication failed"):
            await vendors_client(exchange, ["AM.*"], key="wrong").connect(print, proxy=None)


async def test_the_vendors_rest_client_reads_the_market_status() -> None:
    async with simulator(FewMinutes(1), key="k") as exchange:
        client = RESTClient("k", base=f"http://127.0.0.1:{exchange.port}", retries=0)
        status = await asyncio.to_thread(client.get_market_status)
        holidays = await asyncio.to_thread(client.get_market_holidays)
    assert (status.market, status.server_time) == ("open", "2025-03-10T09:30:00.000-04:00")
    assert holidays == []


async def test_after_a_wrong_key_the_connection_drops_without_a_close_frame() -> None:
    async with simulator(FewMinutes(1)) as exchange:
        async with connect(f"ws://127.0.0.1:{exchange.port}/stocks", proxy=None) as socket:
            await socket.recv()
            await socket.send('{"action":"auth","params":"wrong"}')
            assert "auth_failed" in str(await socket.recv())
            with pytest.raises(ConnectionClosedError) as closed:
                await socket.recv()
        assert closed.value.rcvd is None


async def test_who_never_sends_a_key_is_told_and_closed() -> None:
    async with simulator(FewMinutes(1), limits=Limits(auth_s=0.05)) as exchange:
        socket = await connect(f"ws://127.0.0.1:{exchange.port}/stocks", proxy=None)
        events = await read_all(socket)
    assert [event["status"] for event in events] == ["connected", "auth_timeout"]
    assert socket.close_code == 1008


async def test_market_time_stands_until_somebody_subscribes() -> None:
    async with simulator(FewMinutes(1), speed=1_000.0) as exchange:
        socket = await enter(exchange)
        assert exchange.now_ms() == OPEN_MS
        await socket.send('{"action":"subscribe","params":"AM.NONE"}')
        await eventually(lambda: exchange.now_ms() > OPEN_MS)
        await socket.close()


async def test_at_a_given_speed_the_market_runs_on_unheard() -> None:
    source = FewMinutes(3)
    async with simulator(source, speed=600.0, on_end="silence") as exchange:
        await (await enter(exchange, "AM.*")).close()
        await exchange.wait_finished()
        assert exchange.bars == source.second_bars.size + source.minute_bars.size
        assert exchange.now_ms() >= OPEN_MS + 3 * MINUTE_MS + 4_000
        late = await enter(exchange, "AM.*")
        before_ms = exchange.now_ms()
        await eventually(lambda: exchange.now_ms() > before_ms)
        await late.close()


async def test_bars_come_when_they_are_due() -> None:
    source = FewMinutes(1)
    early: list[float] = []
    async with simulator(source, speed=60.0) as exchange:
        socket = await enter(exchange, "A.*", "AM.*")
        async for frame in frames(socket):
            for event in frame:
                delay_ms = 2_000 if event["ev"] == "A" else 4_000
                early.append(event["e"] + delay_ms - exchange.now_ms())
    assert len(early) == source.second_bars.size + source.minute_bars.size
    assert max(early) <= 1  # a bar is never read before it is due; sent, time still stands just before


async def test_as_fast_as_clients_read_the_market_waits_for_an_audience() -> None:
    source = FewMinutes(120)
    async with simulator(source) as exchange:
        first = await enter(exchange, "AM.*")
        seen = msgspec.json.decode(await first.recv())
        await first.close()
        await eventually(lambda: exchange.clients == 0)
        paused = exchange.bars
        assert paused < source.second_bars.size + source.minute_bars.size
        events = await read_all(await enter(exchange, "AM.*"))
    assert len(seen) + len(events) <= source.minute_bars.size
    assert events[-1]["e"] == source.end_ms


async def test_as_fast_as_clients_read_a_slow_one_loses_nothing() -> None:
    source = FewMinutes(30, symbols=200)
    events: list[dict[str, Any]] = []
    async with simulator(source, frame_events=10) as exchange:
        socket = await enter(exchange, "A.*", max_queue=1)
        async for frame in frames(socket):
            events += frame
            if len(events) < 200:
                await asyncio.sleep(0.005)
    assert [event["s"] for event in events] == source.second_bars.start_ms.tolist()
    assert [event["sym"].encode() for event in events] == source.second_bars.symbol.tolist()


async def test_after_the_last_bar_market_time_leaps_so_that_minutes_close() -> None:
    source = FewMinutes(2)
    async with simulator(source, on_end="silence") as exchange:
        socket = await enter(exchange, "AM.*")
        await exchange.wait_finished()
        assert exchange.now_ms() >= source.end_ms + AFTERMATH_MS
        status = await market_status(exchange)
        assert status["serverTime"].startswith("2025-03-10T10:32:")
        await socket.close()


async def test_who_does_not_read_is_cut_off_and_nobody_else_is() -> None:
    source = FewMinutes(60, symbols=3_000)
    async with simulator(source, speed=3_000.0, limits=Limits(buffer_bytes=100_000)) as exchange:
        deaf = await enter(exchange, "A.*", "AM.*", max_queue=1)
        hearing = await enter(exchange, "LULD.*")
        await eventually(lambda: exchange.clients == 1)
        events = await read_all(deaf)
        assert hearing.state.name == "OPEN"
        await hearing.close()
    assert events[-1]["status"] == "slow_consumer"
    assert deaf.close_code == 1008
    assert len(events) < source.second_bars.size


async def test_one_ticker_gets_its_bars_alone() -> None:
    source = FewMinutes(3)
    busiest = bytes(source.minute_bars.symbol[source.minute_bars.values[4].argmax()])
    async with simulator(source) as exchange:
        events = await read_all(await enter(exchange, f"AM.{busiest.decode()}", "LULD.*"))
    mine = source.minute_bars.symbol == busiest
    assert [event["sym"] for event in events if event["ev"] == "AM"] == [busiest.decode()] * int(mine.sum())
    assert [event["o"] for event in events if event["ev"] == "AM"] == source.minute_bars.values[0, mine].tolist()


@pytest.mark.parametrize("most", [1, 7, 2_000])
async def test_frames_are_as_big_as_asked_and_below_the_clients_limit(most: int) -> None:
    source = FewMinutes(2, symbols=2_500)
    async with simulator(source, frame_events=most) as exchange:
        socket = await enter(exchange, "AM.*", max_size=1_000_000)
        sizes = [len(frame) async for frame in frames(socket)]
    assert sum(sizes) == source.minute_bars.size
    assert max(sizes) == min(most, np.unique(source.minute_bars.start_ms, return_counts=True)[1].max())
    assert socket.close_code == 1000


async def test_pings_are_answered_after_what_was_sent_before() -> None:
    source = FewMinutes(2)
    async with simulator(source, on_end="silence") as exchange:
        socket = await enter(exchange, "AM.*")
        await exchange.wait_finished()
        await (await socket.ping())
        got = 0
        while got < source.minute_bars.size:
            got += len(msgspec.json.decode(await asyncio.wait_for(socket.recv(), 0.1)))
        await socket.close()


async def test_who_does_not_answer_pings_is_closed_if_the_exchange_pings() -> None:
    async with simulator(FewMinutes(1), limits=Limits(ping_s=0.05)) as exchange:
        socket = await enter(exchange)
        socket.transport.pause_reading()
        await eventually(lambda: exchange.clients == 0)
        socket.transport.resume_reading()
        await read_all(socket)
    assert socket.close_code == 1011


async def test_an_untidy_feed_says_every_bar_in_the_end() -> None:
    source = FewMinutes(3)
    async with simulator(source, irregularity=Irregularity(revised=0.2)) as exchange:
        events = await read_all(await enter(exchange, "AM.*"))
    last = {(event["sym"], event["s"]): event["o"] for event in events}
    assert len(events) > len(last) == source.minute_bars.size


async def test_two_clients_get_the_same_from_when_both_have_subscribed() -> None:
    async with simulator(FewMinutes(20), speed=5_000.0) as exchange:
        first, second = await enter(exchange, "AM.*"), await enter(exchange, "AM.*")
        one, two = await asyncio.gather(read_all(first), read_all(second))
    assert two
    assert one[-len(two) :] == two


async def test_a_port_that_is_taken_is_one_clear_error() -> None:
    async with simulator(FewMinutes(1)) as exchange:
        with pytest.raises(PortTakenError, match=f"127.0.0.1:{exchange.port}.*another port"):
            await simulator(FewMinutes(1), port=exchange.port).__aenter__()


async def test_other_paths_are_not_found() -> None:
    async with (
        simulator(FewMinutes(1)) as exchange,
        aiohttp.ClientSession() as http,
        http.get(f"http://127.0.0.1:{exchange.port}/v3/nothing") as response,
    ):
        assert (response.status, await response.text()) == (404, "404 page not found")


async def test_leaving_the_context_closes_clients_soon() -> None:
    exchange = simulator(FewMinutes(5), speed=1.0)
    async with exchange:
        socket = await enter(exchange, "AM.*")
    assert await read_all(socket) == []
    assert socket.close_code == 1001


async def test_a_source_that_fails_is_told_to_who_waits() -> None:
    class Broken(FewMinutes):
        def minutes(self) -> Any:
            yield self._minutes[0]
            raise RuntimeError("the disk is gone")

    async def serve() -> None:
        async with simulator(Broken(1)) as exchange, await enter(exchange, "AM.*"):
            await exchange.wait_finished()

    with pytest.raises(RuntimeError, match="disk"):
        await serve()


def test_a_frame_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="frame"):
        simulator(FewMinutes(1), frame_events=0)


def test_market_time_spans_a_clock_change() -> None:
    before = at(date(2025, 3, 7), time(9, 30))
    assert OPEN_MS - before == timedelta(days=3, hours=-1) / timedelta(milliseconds=1)

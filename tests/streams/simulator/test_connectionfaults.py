"""Faults of connections and frames, as a real client meets them."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, PayloadTooBig

from daemon.clock import SystemClock
from streams.bars import MINUTE_MS
from streams.polygon.codec import Codec
from streams.simulator.peer import Limits
from streams.simulator.server import Simulator
from tests.streams.simulator.feed_of import OPEN_MS, Few, bars, clean, events, exchange, fault, frames, named

if TYPE_CHECKING:
    from collections.abc import Callable

    from websockets.asyncio.client import ClientConnection

    from tests.streams.simulator.feed_of import Exchange

MINUTE = "2025-03-10T09:31:00.000-04:00"


async def ended(socket: ClientConnection) -> ConnectionClosed:
    """How the connection ends."""
    try:
        while True:
            await socket.recv(decode=False)
    except ConnectionClosed as closed:
        return closed


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011])
async def test_a_connection_is_closed_with_the_code_asked_for(code: int) -> None:
    async with exchange(fault("close", "+1m", code=code)) as running:
        closed = await ended(await running.connect("A.*"))
    assert closed.rcvd
    assert closed.rcvd.code == code
    (record,) = running.records
    assert record == {
        "number": 1,
        "market_ms": OPEN_MS + MINUTE_MS,
        "at": MINUTE,
        "kind": "close",
        "fault": 1,
        "strike": 1,
        "touched": {"clients": [1], "code": code},
    }


async def test_code_1006_is_an_end_of_file_without_a_close_frame() -> None:
    async with exchange(fault("close", "+1m", code=1006)) as running:
        closed = await ended(await running.connect("A.*"))
    assert closed.rcvd is None
    assert isinstance(closed.__cause__, EOFError)


async def test_a_reset_is_one() -> None:
    async with exchange(fault("reset", "+1m")) as running:
        closed = await ended(await running.connect("A.*"))
    assert closed.rcvd is None
    assert isinstance(closed.__cause__, ConnectionResetError)


async def test_an_end_of_file_comes_in_the_middle_of_a_frame() -> None:
    async with exchange(fault("cut", "+1m"), on_end="silence") as running:
        reader, writer = await upgraded(running)
        writer.write(
            masked(b'{"action":"auth","params":"demo"}') + masked(b'{"action":"subscribe","params":"AM.NONE"}')
        )
        raw = await asyncio.wait_for(reader.read(), 10)
        writer.close()
    assert raw.endswith(b'\x81\x64[{"ev":"A"')  # ten bytes of a hundred


async def upgraded(running: Exchange) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", running.simulator.port)
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13"
    request = f"GET /stocks HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{key}\r\n\r\n"
    writer.write(request.encode())
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


def masked(text: bytes) -> bytes:
    return bytes([0x81, 0x80 | len(text)]) + bytes(4) + text


async def test_a_stalled_connection_answers_pings_and_sends_nothing_until_it_goes_on() -> None:
    async with exchange(fault("stall", "+30s", lasting="1m"), speed=600.0) as running:
        socket = await running.connect("A.*")
        await eventually(lambda: running.simulator.now_ms() > OPEN_MS + 40_000)
        await asyncio.wait_for(await socket.ping(), 1)
        got = named(bars(await events(socket), "A"))
    usual = named(bars(await clean("A.*"), "A"))
    lost = [bar for bar in usual if bar not in got]
    assert lost == [bar for bar in usual if 27_000 <= bar[2] - OPEN_MS < 87_000]
    assert running.records[0]["touched"] == {"clients": [1], "until_ms": OPEN_MS + 90_000}


async def test_a_half_open_connection_answers_no_ping_and_stays() -> None:
    async with exchange(fault("half_open", "+30s", lasting="1m"), speed=120.0) as running:
        socket = await running.connect("A.*")
        await eventually(lambda: running.simulator.now_ms() > OPEN_MS + 40_000)
        pong = await socket.ping()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(pong), 0.05)
        assert socket.state.name == "OPEN"
        assert running.simulator.clients == 1
        await asyncio.wait_for(pong, 2)  # it hears again
        got = bars(await events(socket), "A")
    assert max(bar["s"] for bar in got) > OPEN_MS + 120_000
    assert not [bar for bar in got if 27_000 <= bar["s"] - OPEN_MS < 87_000]


async def test_a_client_of_a_half_open_connection_finds_out_by_its_own_pings() -> None:
    async with exchange(fault("half_open", "+30s"), speed=600.0, on_end="silence") as running:
        socket = await running.connect("A.*", ping_interval=0.05, ping_timeout=0.1, close_timeout=0.1)
        closed = await ended(socket)
        assert closed.sent
        assert closed.sent.code == 1011
        assert "keepalive" in closed.sent.reason


async def test_eviction_takes_the_older_client_or_the_newcomer() -> None:
    for victim, gone in (("older", 1), ("newer", 2)):
        async with exchange(fault("evict", "+30s", victim=victim, most=1), on_end="silence", speed=600.0) as running:
            sockets = [await running.connect("A.*"), await running.connect("A.*")]
            await eventually(lambda running=running: bool(running.records))
            lost = sockets[gone - 1]
            raw = await events(lost)
            assert raw[-1]["status"] == "max_connections"
            assert lost.close_code == 1008
            assert sockets[2 - gone].state.name == "OPEN"
            assert running.records[0]["touched"] == {"clients": [gone]}


async def test_an_eviction_can_be_abrupt() -> None:
    async with exchange(fault("evict", "+30s", ending="abort")) as running:
        socket = await running.connect("A.*")
        raw = await events(socket)
    assert raw[-1]["status"] == "max_connections"
    assert socket.close_code == 1006


async def test_a_limit_evicts_whoever_is_too_many_from_then_on() -> None:
    limit = fault("evict", "+0s", most=1, lasting="1h")
    async with exchange(limit, on_end="silence", speed=60.0) as running:
        first = await running.connect("A.*")
        await eventually(lambda: running.simulator.clients == 1)
        second = await running.connect("A.*")
        assert (await events(first))[-1]["status"] == "max_connections"
        assert second.state.name == "OPEN"
    assert [record["touched"]["clients"] for record in running.records] == [[], [1]]


async def test_a_slow_consumer_is_told_and_closed_or_just_dropped() -> None:
    async with exchange(fault("slow_consumer", "+30s")) as running:
        socket = await running.connect("A.*")
        assert (await events(socket))[-1]["status"] == "slow_consumer"
        assert socket.close_code == 1008
    async with exchange(fault("slow_consumer", "+30s", ending="abort")) as running:
        socket = await running.connect("A.*")
        assert (await events(socket))[-1]["ev"] == "A"
        assert socket.close_code == 1006


async def test_connections_are_refused_for_a_while_and_those_that_stand_stay() -> None:
    async with exchange(fault("refuse", "+30s", lasting="1m"), speed=120.0, on_end="silence") as running:
        port = running.simulator.port
        socket = await running.connect("A.*")
        await eventually(lambda: bool(running.records))
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        assert socket.state.name == "OPEN"
        await until_listening(port)
        assert running.simulator.now_ms() >= OPEN_MS + 60_000
        again = await running.connect("A.*")
        assert running.simulator.port == port
        await eventually(lambda: running.simulator.clients == 2)
        await again.close()
    assert socket.close_code is not None or (await ended(socket)).rcvd


async def until_listening(port: int) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.01)
            else:
                writer.close()
                return


async def test_an_outage_at_the_start_ends_although_market_time_stands() -> None:
    async with exchange(fault("refuse", "+0s", lasting="500ms")) as running:
        with pytest.raises(ConnectionRefusedError):
            await running.connect("A.*")
        await until_listening(running.simulator.port)
        assert bars(await events(await running.connect("A.*")), "A")


async def test_the_right_key_is_refused_for_a_while() -> None:
    async with exchange(fault("reject_key", "+0s", lasting="1s")) as running:
        assert [event["status"] for event in await events(await running.connect())] == ["connected", "auth_failed"]
        await asyncio.sleep(1.05)
        assert bars(await events(await running.connect("A.*")), "A")


async def test_a_login_is_cut_between_key_and_subscriptions() -> None:
    async with exchange(fault("cut_login", "+0s", lasting="5s")) as running:
        socket = await running.connect()
        assert [event["status"] for event in await events(socket)] == ["connected", "auth_success"]
        assert socket.close_code == 1006


async def test_a_prefix_is_not_authorized_and_the_others_are() -> None:
    async with exchange(fault("not_authorized", "+0s", prefix="AM")) as running:
        got = await events(await running.connect("A.*", "AM.*"))
    said = [event["message"] for event in got if event["ev"] == "status"]
    assert said[2:] == ["not authorized", "subscribed to: A.*"]
    assert bars(got, "A")
    assert not bars(got, "AM")


async def test_subscriptions_are_kept_but_never_acknowledged() -> None:
    async with exchange(fault("unacknowledged", "+0s")) as running:
        got = await events(await running.connect("AM.*"))
    assert [event["status"] for event in got if event["ev"] == "status"] == ["connected", "auth_success"]
    assert bars(got)


@pytest.mark.parametrize("how", ["text", "truncated", "utf8"])
async def test_garbage_is_no_array_of_elements(how: str) -> None:
    async with exchange(fault("garbage", "+30s", how=how)) as running:
        raw = await frames(await running.connect("AM.*"))
    (bad,) = [frame for frame in raw if not readable(frame)]
    assert Codec().decode(bad, 0).bars.size == 0
    assert running.records[0]["touched"] == {"clients": [1], "how": how}


def readable(frame: bytes) -> bool:
    try:
        msgspec.json.decode(frame.decode())
    except (UnicodeDecodeError, msgspec.DecodeError):
        return False
    return True


async def test_bad_utf8_ends_a_client_that_decodes_text() -> None:
    async with exchange(fault("garbage", "+30s", how="utf8")) as running:
        socket = await running.connect("AM.*")
        with pytest.raises(ConnectionClosed) as closed:
            await read_texts(socket)
    assert closed.value.sent
    assert closed.value.sent.code == 1007


async def read_texts(socket: ClientConnection) -> None:
    while True:
        await socket.recv()


async def test_a_frame_is_too_large_for_clients() -> None:
    async with exchange(fault("oversize", "+30s", bytes=1_500_000)) as running:
        closed = await ended(await running.connect("AM.*"))
    assert closed.sent
    assert closed.sent.code == 1009


async def test_a_message_comes_in_many_frames() -> None:
    async with exchange(fault("fragments", "+30s", count=100)) as running:
        raw = await frames(await running.connect("AM.*"))
    (pieced,) = [frame for frame in raw if b"  " in frame]
    assert pieced == b"[" + b" " * 98 + b"]"
    assert running.records[0]["touched"] == {"clients": [1], "frames": 100}


async def test_a_message_in_too_many_frames_is_too_much_for_a_client() -> None:
    async with exchange(fault("fragments", "+30s")) as running:
        closed = await ended(await running.connect("AM.*"))
    assert closed.sent
    assert closed.sent.code == 1009


async def test_a_bomb_is_small_on_the_wire_and_large_unpacked() -> None:
    async with exchange(fault("bomb", "+30s", bytes=8 << 20)) as running:
        packing = await running.connect("AM.*", max_size=None)
        plain = await running.connect("AM.*", compression=None)
        large = [frame for frame in await frames(packing) if len(frame) > 1 << 20]
        assert not [frame for frame in await frames(plain) if len(frame) > 1 << 20]
    assert [len(frame) for frame in large] == [8 << 20]
    assert running.records[0]["touched"]["clients"] == [1]
    assert running.records[0]["touched"]["frame_bytes"] < 20_000


async def test_a_client_with_a_limit_survives_a_bomb() -> None:
    async with exchange(fault("bomb", "+30s")) as running:
        closed = await ended(await running.connect("AM.*"))
    assert isinstance(closed.__cause__, PayloadTooBig)


async def test_after_a_bomb_compression_still_works() -> None:
    async with exchange(fault("bomb", "+30s", bytes=1 << 20)) as running:
        got = await events_but_blank(await running.connect("AM.*", max_size=None))
    assert named(got) == named(bars(await clean("AM.*")))
    assert running.records[0]["touched"]["clients"] == [1]


async def events_but_blank(socket: ClientConnection) -> list[dict[str, Any]]:
    return bars([event for frame in await frames(socket) if frame.strip() for event in msgspec.json.decode(frame)])


async def test_a_status_is_the_one_asked_for_or_an_odd_one() -> None:
    asked = fault("status", "+30s", status="force_disconnect", message="go")
    async with exchange(asked, fault("status", "+1m", "+61s", "+62s", "+63s")) as running:
        got = await events(await running.connect("AM.*"))
    statuses = [event for event in got if event["ev"] == "status"][3:]
    assert statuses[0] == {"ev": "status", "status": "force_disconnect", "message": "go"}
    assert len(statuses) == 5
    assert all(set(status) != {"ev", "status", "message"} or status["status"] != "success" for status in statuses[1:])


async def test_the_clock_that_is_told_is_off_and_right_again() -> None:
    skew = fault("clock_skew", "+30s", by="-90s", lasting="1m")
    async with exchange(skew, speed=120.0, on_end="silence") as running:
        await running.connect("A.NONE")
        seen = set()
        while running.simulator.now_ms() < OPEN_MS + 2 * MINUTE_MS:
            before_ms, said_ms, after_ms = (
                running.simulator.now_ms(),
                await told_ms(running),
                running.simulator.now_ms(),
            )
            inside = [OPEN_MS + 30_000 < at_ms < OPEN_MS + 90_000 for at_ms in (before_ms, after_ms)]
            if inside[0] == inside[1]:
                off_ms = 90_000 if inside[0] else 0
                assert before_ms - 1 <= said_ms + off_ms <= after_ms + 1
                seen.add(off_ms)
    assert seen == {0, 90_000}


async def told_ms(running: Exchange) -> float:
    url = f"http://127.0.0.1:{running.simulator.port}/v1/marketstatus/now"
    async with aiohttp.ClientSession() as http, http.get(url) as response:
        return datetime.fromisoformat((await response.json())["serverTime"]).timestamp() * 1000


async def test_an_end_that_lies_behind_the_last_bar_holds_nothing_up() -> None:
    async with exchange(fault("clock_skew", "+1m", lasting="10h"), fault("stall", "+1m", lasting="10h")) as running:
        await running.connect("A.*")
        await asyncio.wait_for(running.simulator.wait_finished(), 10)
        assert running.simulator.now_ms() < OPEN_MS + 2 * 3_600_000


async def test_one_client_of_several_is_hit() -> None:
    for who, hit in (("oldest", [1]), ("newest", [3])):
        async with exchange(fault("reset", "+30s", clients=who), speed=1_200.0) as running:
            sockets = [await running.connect("A.*") for _ in range(3)]
            codes = [(await ended(socket)).rcvd is None for socket in sockets]
        assert running.records[0]["touched"]["clients"] == hit
        assert codes == [number in hit for number in (1, 2, 3)]


async def test_without_faults_there_is_no_compression_and_nothing_is_told() -> None:
    async with (
        Simulator(Few(1), clock=SystemClock(), limits=Limits()) as tidy,
        connect(f"ws://127.0.0.1:{tidy.port}/stocks", proxy=None) as socket,
    ):
        assert socket.protocol.extensions == []
    assert tidy.chronicle.count == 0

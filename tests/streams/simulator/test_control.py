from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import aiohttp
import pytest

from streams.bars import MINUTE_MS
from streams.simulator.control import Control
from streams.simulator.errors import PortTakenError
from streams.simulator.faultkinds import BAR_KINDS, KINDS
from tests.streams.simulator.feed_of import OPEN_MS, bars, events, exchange, fault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.streams.simulator.feed_of import Exchange


class Desk(NamedTuple):
    """Somebody at the control port."""

    running: Exchange
    http: aiohttp.ClientSession

    async def get(self, path: str) -> dict[str, Any]:
        async with self.http.get(path) as response:
            assert response.status == 200
            found: dict[str, Any] = await response.json()
            return found

    async def post(self, path: str, document: object = None) -> tuple[int, dict[str, Any]]:
        async with self.http.post(path, json=document or {}) as response:
            return response.status, await response.json()

    async def until_ms(self, market_ms: int) -> None:
        async with asyncio.timeout(10):
            while self.running.simulator.now_ms() < market_ms:
                await asyncio.sleep(0.005)


@asynccontextmanager
async def desk(*faults: Any, **options: Any) -> AsyncIterator[Desk]:
    options = {"speed": 60.0, "on_end": "silence"} | options
    async with (
        exchange(*faults, **options) as running,
        Control(running.simulator, 0) as control,
        aiohttp.ClientSession(f"http://127.0.0.1:{control.port}") as http,
    ):
        yield Desk(running, http)


async def test_a_fault_is_struck_now_and_told() -> None:
    async with desk() as at:
        socket = await at.running.connect("A.*")
        await at.until_ms(OPEN_MS + 5_000)
        status, told = await at.post("/v1/strike", {"kind": "close", "code": 1011})
        await events(socket)
        assert status == 200
        assert socket.close_code == 1011
        (record,) = told["strikes"]
        assert record["touched"] == {"clients": [1], "code": 1011}
        assert record["fault"] is None
        assert OPEN_MS + 5_000 <= record["market_ms"] <= at.running.simulator.now_ms()
        assert (await at.get("/v1/strikes"))["strikes"] == [record] == at.running.records


async def test_strikes_of_the_file_and_by_hand_are_listed_from_any_number_on() -> None:
    async with desk(fault("status", "+1s", "+2s"), speed=600.0) as at:
        await at.running.connect("A.*")
        await at.until_ms(OPEN_MS + 5_000)
        await at.post("/v1/strike", {"kind": "garbage"})
        all_ = (await at.get("/v1/strikes"))["strikes"]
        assert [(record["number"], record["fault"], record["strike"]) for record in all_] == [
            (1, 1, 1),
            (2, 1, 2),
            (3, None, 1),
        ]
        assert (await at.get("/v1/strikes?after=2"))["strikes"] == all_[2:]


async def test_a_fault_of_bars_waits_for_them() -> None:
    async with desk() as at:
        socket = await at.running.connect("A.*")
        assert await at.post("/v1/strike", {"kind": "duplicate"}) == (200, {"strikes": []})
        await at.until_ms(OPEN_MS + 20_000)
        (record,) = (await at.get("/v1/strikes"))["strikes"]
        assert len(record["touched"]["bars"]) == 1
        await socket.close()


async def test_a_halt_by_hand_is_told_at_once_and_ends_in_its_time() -> None:
    async with desk(speed=120.0) as at:
        socket = await at.running.connect("LULD.*")
        await at.until_ms(OPEN_MS + 5_000)
        _, told = await at.post("/v1/strike", {"kind": "halt", "symbols": ["ZZTOP"], "for": "10s"})
        (record,) = told["strikes"]
        await at.until_ms(record["touched"]["until_ms"] + 500)
        await socket.close()
        assert [event["i"] for event in bars(await events(socket), "LULD")] == [[17], [18]]


async def test_market_time_is_stopped_and_goes_on() -> None:
    async with desk() as at:
        socket = await at.running.connect("A.*")
        await at.until_ms(OPEN_MS + 5_000)
        status, standing = await at.post("/v1/pause")
        assert (status, standing["paused"], standing["market_ms"]) == (200, True, at.running.simulator.now_ms())
        due = at.running.simulator.bars
        await asyncio.sleep(1.0)  # a minute of the market
        assert at.running.simulator.now_ms() == standing["market_ms"]
        assert at.running.simulator.bars == due
        assert (await at.post("/v1/resume"))[1]["paused"] is False
        await at.until_ms(standing["market_ms"] + 5_000)
        assert at.running.simulator.now_ms() < standing["market_ms"] + 50_000  # nothing is made up for
        await socket.close()


async def test_market_time_runs_at_another_speed_from_now_on() -> None:
    async with desk(speed=0.001) as at:
        await at.running.connect("A.*")
        await asyncio.sleep(0.2)
        assert at.running.simulator.now_ms() <= OPEN_MS + 1
        _, standing = await at.post("/v1/speed", {"speed": 600})
        assert standing["speed"] == 600
        await at.until_ms(OPEN_MS + MINUTE_MS)
        _, standing = await at.post("/v1/speed", {"speed": "max"})
        assert standing["speed"] is None
        await asyncio.wait_for(at.running.simulator.wait_finished(), 10)


async def test_a_market_as_fast_as_read_can_be_stopped_and_slowed_down() -> None:
    async with desk(speed=float("inf"), minutes=6) as at:
        await at.post("/v1/pause")
        await at.running.connect("A.*")
        await asyncio.sleep(0.2)
        assert at.running.simulator.bars == 0
        await at.post("/v1/speed", {"speed": 1})
        await at.post("/v1/resume")
        await asyncio.sleep(0.2)
        assert at.running.simulator.now_ms() < OPEN_MS + 2_000


async def test_the_state_tells_of_clients_and_time() -> None:
    async with desk() as at:
        await at.running.connect("AM.*", "A.X")
        await at.until_ms(OPEN_MS + 100)
        state = await at.get("/v1/state")
    assert state["clients"] == [{"number": 1, "channels": ["A.X", "AM.*"]}]
    assert state["at"].startswith("2025-03-10T09:30:0")
    assert {key: state[key] for key in ("speed", "paused", "struck")} == {"speed": 60.0, "paused": False, "struck": 0}


async def test_all_mistakes_of_a_strike_are_told_at_once() -> None:
    async with desk() as at:
        status, told = await at.post("/v1/strike", {"kind": "close", "code": 999, "cod": 1001})
        assert status == 400
        assert [(each["key"], bool(each["remedy"])) for each in told["errors"]] == [("code", True), ("cod", True)]
        assert at.running.records == []


@pytest.mark.parametrize(
    ("path", "document"),
    [("strike", {}), ("strike", {"kind": "nothing"}), ("strike", {"kind": []}), ("strike", []), ("speed", {"speed": 0}),
     ("speed", {}), ("speed", {"speed": "fast"})],
)  # fmt: skip
async def test_what_is_no_request_is_refused_and_nothing_happens(path: str, document: object) -> None:
    async with desk() as at:
        async with at.http.post(f"/v1/{path}", json=document) as response:
            assert response.status == 400
            assert (await response.json())["errors"]
        assert at.running.records == []


async def test_pages_of_other_sites_cannot_strike() -> None:
    async with desk() as at:
        async with at.http.post("/v1/pause", data=b"{}", headers={"Content-Type": "text/plain"}) as response:
            assert response.status == 415
        async with at.http.post("/v1/pause", json={}, headers={"Host": "evil.example"}) as response:
            assert response.status == 421
        assert (await at.get("/v1/state"))["paused"] is False


async def test_the_kinds_are_listed_with_their_settings() -> None:
    async with desk() as at:
        kinds = await at.get("/v1/kinds")
    assert list(kinds) == list(KINDS)
    assert kinds["close"]["settings"] == {"code": 1001, "clients": "all"}


async def test_every_kind_strikes_by_hand_as_it_comes() -> None:
    async with desk(speed=600.0, minutes=6) as at:
        await at.running.connect("A.*", "AM.*", "LULD.*")
        await at.until_ms(OPEN_MS + 1_000)
        for kind in KINDS:
            status, _ = await at.post("/v1/strike", {"kind": kind, **({"for": "1s"} if kind == "refuse" else {})})
            assert status == 200, kind
        assert {record["kind"] for record in at.running.records} >= {*KINDS} - BAR_KINDS - {"halt"}


async def test_a_control_port_that_is_taken_is_one_clear_error() -> None:
    async with exchange() as running, Control(running.simulator, 0) as control:
        with pytest.raises(PortTakenError, match=f"127.0.0.1:{control.port}"):
            await Control(running.simulator, control.port).__aenter__()

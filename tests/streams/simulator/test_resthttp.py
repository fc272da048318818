"""REST over a socket, at its worst."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from massive import RESTClient
from massive.exceptions import BadResponse
from urllib3.exceptions import MaxRetryError

from daemon.clock import SystemClock
from streams.simulator import faults, resthttp
from streams.simulator.faults import Script
from streams.simulator.resthttp import Terms
from streams.simulator.server import Simulator
from tests.fakes.clock import ManualClock
from tests.streams.simulator.market_of import MONDAY, Bar, minutes
from tests.streams.simulator.test_vendors_rest import ARCHIVE, Tape

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from streams.simulator.faults import Fault
    from streams.types import Clock

PATH = f"/v2/aggs/ticker/A/range/1/minute/{MONDAY}/{MONDAY}"


@asynccontextmanager
async def exchange(clock: Clock | None = None, **terms: Any) -> AsyncIterator[tuple[Simulator, aiohttp.ClientSession]]:
    tape = Tape([Bar("A", "09:30")])
    async with (
        Simulator(tape, clock=clock or SystemClock(), archive=ARCHIVE, terms=Terms(**terms)) as simulator,
        aiohttp.ClientSession(f"http://127.0.0.1:{simulator.port}") as http,
    ):
        yield simulator, http


def struck(fault: Fault, times: int = 1) -> dict[str, Any]:
    return {"faults": Script(("/range/", times, fault))}


def test_a_script_strikes_by_path_as_often_as_it_says_in_its_order() -> None:
    script = Script(("/range/", 1, faults.HANG), ("range", 2, faults.DRIP), ("prev", 1, faults.RESET))
    paths = ("/range/", "/other", "/range/", "/prev", "/range/", "/range/")
    assert [script.strike(path) for path in paths] == [
        faults.HANG, None, faults.DRIP, faults.RESET, faults.DRIP, None
    ]  # fmt: skip


async def test_beyond_the_rate_the_answer_is_429_until_time_has_passed() -> None:
    clock = ManualClock()
    async with exchange(clock, per_minute=2) as (simulator, http):
        assert [(await http.get(PATH)).status for _ in range(3)] == [200, 200, 429]
        refused = await http.get(PATH)
        assert "Retry-After" not in refused.headers
        document = await refused.json()
        assert document["status"] == "ERROR"
        assert document["error"].startswith("You've exceeded the maximum requests per minute, please wait or upgrade")
        clock.advance(30.0)
        assert (await http.get(PATH)).status == 200
        assert simulator.requests == 5


async def test_the_vendors_client_gives_up_on_429() -> None:
    async with exchange(per_minute=1) as (simulator, _):
        client = RESTClient("demo", base=f"http://127.0.0.1:{simulator.port}", retries=0)
        assert await asyncio.to_thread(client.get_aggs, "A", 1, "minute", MONDAY, MONDAY)
        with pytest.raises(MaxRetryError):
            await asyncio.to_thread(client.get_aggs, "A", 1, "minute", MONDAY, MONDAY)


async def test_what_the_plan_excludes_is_403() -> None:
    async with exchange(excluded=("/v2/snapshot",)) as (simulator, http):
        assert (await http.get(PATH)).status == 200
        client = RESTClient("demo", base=f"http://127.0.0.1:{simulator.port}", retries=0)
        with pytest.raises(BadResponse, match=r"NOT_AUTHORIZED.*You are not entitled to this data"):
            await asyncio.to_thread(client.get_snapshot_all, "stocks")


async def test_an_answer_takes_the_latency_asked_for() -> None:
    async with exchange(latency_s=0.05) as (_, http):
        begun_s = asyncio.get_running_loop().time()
        assert (await http.get(PATH)).status == 200
        assert asyncio.get_running_loop().time() - begun_s >= 0.05


async def test_a_status_with_headers_and_body_stands_in_for_the_answer_once() -> None:
    async with exchange(**struck(faults.status(503, {"Retry-After": "7"}, b"busy"))) as (_, http):
        answer = await http.get(PATH)
        assert (answer.status, answer.headers["Retry-After"], await answer.read()) == (503, "7", b"busy")
        assert (await http.get(PATH)).status == 200


async def test_garbage_and_a_wrong_schema_look_like_answers() -> None:
    script = Script(("", 1, faults.GARBAGE), ("", 1, faults.WRONG_SCHEMA))
    async with exchange(faults=script) as (_, http):
        garbage = await http.get(PATH)
        assert (garbage.status, garbage.content_type) == (200, "application/json")
        with pytest.raises(ValueError, match=r"decode|Expecting"):
            await garbage.json()
        assert isinstance((await (await http.get(PATH)).json())["results"], dict)


async def test_a_bomb_is_small_on_the_wire() -> None:
    fault = faults.bomb(20 << 20)
    assert len(fault.body) < 100_000
    async with exchange(**struck(fault)) as (_, http):
        answer = await http.get(PATH)
        assert len(await answer.read()) == 20 << 20


async def test_a_redirect_names_another_place() -> None:
    async with exchange(**struck(faults.redirect("http://elsewhere.invalid/"))) as (_, http):
        answer = await http.get(PATH, allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (302, "http://elsewhere.invalid/")


async def test_the_next_page_can_be_elsewhere_or_the_same_again() -> None:
    script = Script(("", 1, faults.next_url("http://elsewhere.invalid/x")), ("", 1, faults.LOOP))
    async with exchange(faults=script) as (simulator, http):
        elsewhere = await (await http.get(PATH)).json()
        assert (elsewhere["next_url"], elsewhere["resultsCount"]) == ("http://elsewhere.invalid/x", 2)
        again = await (await http.get(PATH)).json()
        assert again["next_url"] == f"http://127.0.0.1:{simulator.port}{PATH}"


async def test_an_answer_that_hangs_ends_with_the_exchange() -> None:
    async with exchange(**struck(faults.HANG)) as (simulator, http):
        asking = asyncio.create_task(http.get(PATH, timeout=aiohttp.ClientTimeout(total=30)))
        while not simulator.requests:
            await asyncio.sleep(0.005)
        assert not asking.done()
        await simulator.__aexit__(None, None, None)
        with pytest.raises(aiohttp.ClientError):
            await (await asking).read()


@pytest.mark.parametrize("fault", [faults.RESET, faults.CUT])
async def test_an_answer_can_break_off_in_its_body(fault: Fault) -> None:
    async with exchange(**struck(fault)) as (_, http):
        with pytest.raises(aiohttp.ClientError):  # noqa: PT012 - reset shows at either
            answer = await http.get(PATH)
            await answer.read()
        assert (await http.get(PATH)).status == 200


async def test_an_answer_can_drip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resthttp, "DRIP_S", 0.001)
    async with exchange(**struck(faults.DRIP)) as (_, http):
        answer = await http.get(PATH)
        assert [row["t"] for row in (await answer.json())["results"]] == [
            minute.start_ms for minute in minutes([Bar("A", "09:30"), Bar("A", "16:30")])
        ]

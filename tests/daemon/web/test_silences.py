"""Silences over HTTP: on real sockets, kept in a real server."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import aiohttp
import numpy as np
import pytest
from redis.asyncio import Redis

from daemon.config import HttpSection
from daemon.engine.sessions import SessionTable
from daemon.metrics import Metrics
from daemon.silencing import stranger
from daemon.web import guard
from daemon.web.readiness import Readiness
from daemon.web.server import Api, Pages, serving
from daemon.web.silences import SilencesApi, World
from streams.redis.embedded import EmbeddedValkey
from streams.redis.silences import Silences
from streams.secret import Secret
from tests.fakes.clock import ManualClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TOKEN = "t" * 43
ALERT = "abcdef" + "0" * 26
OPEN_MS = 1_737_729_000_000
NOW_MS = OPEN_MS + 3_600_000
SESSIONS = SessionTable(np.array([OPEN_MS]), np.array([OPEN_MS + 23_400_000]))
GAP = {"kind": "snooze", "rule": "gap", "for": "30m", "by": "anna"}


async def check_symbol(symbol: str) -> None:
    if symbol == "NONE":
        raise stranger(symbol, ["NONO"])


class Service(NamedTuple):
    url: str
    http: aiohttp.ClientSession
    redis: Redis

    async def ask(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        async with self.http.request(method, f"{self.url}/api/v1{path}", **options) as answer:
            return answer.status, await answer.json()


class Market:
    now_ms: int | None = NOW_MS


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    with TemporaryDirectory(prefix="api-") as folder:
        async with EmbeddedValkey(Path(folder)) as server, Redis.from_url(server.url) as redis:
            entry: Any = {"id": ALERT, "rule": "gap", "data": "{}"}
            await redis.xadd("t:alerts", entry)
            world = World(lambda: Market.now_ms, lambda: ("gap", "vwap"), check_symbol, SESSIONS, ManualClock(7_000))
            api = Api(Secret(TOKEN), SilencesApi(Silences(server.url, "t:"), world).routes())
            headers = {"Authorization": f"Bearer {TOKEN}"}
            pages = Pages("1", Readiness(), Metrics())
            async with (
                serving(HttpSection(port=0), pages, api) as port,
                aiohttp.ClientSession(headers=headers) as http,
            ):
                yield Service(f"http://127.0.0.1:{port}", http, redis)


async def test_a_silence_is_set_shown_and_lifted(service: Service) -> None:
    status, set_ = await service.ask("POST", "/silences", json=GAP)
    expected = {"rule": "gap", "symbol": "*", "kind": "snooze", "until_ms": NOW_MS + 1_800_000}
    expected |= {"by": "anna", "set_ms": 7_000, "in_force": True}
    assert (status, set_) == (201, expected)
    assert await service.ask("GET", "/silences") == (200, {"market_ms": NOW_MS, "silences": [expected]})
    assert await service.ask("DELETE", "/silences?rule=gap&by=anna") == (
        200,
        {"rule": "gap", "symbol": "*", "lifted": True},
    )
    assert (await service.ask("GET", "/silences"))[1]["silences"] == []
    events: Any = await service.redis.xrange("t:events")
    assert [fields[b"kind"] for _, fields in events] == [b"silence.set", b"silence.lifted"]


async def test_an_alert_is_acknowledged_by_a_part_of_its_id_and_the_first_stands(service: Service) -> None:
    done = {"id": ALERT, "by": "anna", "at_ms": 7_000}
    assert await service.ask("POST", "/alerts/abcdef/ack", json={"by": "anna"}) == (200, done)
    assert await service.ask("POST", f"/alerts/{ALERT}/ack") == (200, done)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "error"),
    [
        ("POST", "/silences", {"kind": "mute"}, 400, "neither a rule nor a symbol is named"),
        ("POST", "/silences", {"kind": "mute", "rule": "gapp"}, 400, "there is no rule gapp"),
        ("POST", "/silences", {"kind": "mute", "symbol": "NONE"}, 400, "no symbol NONE is known"),
        ("POST", "/silences", {"kind": "mute", "rule": "gap", "for": "1h"}, 400, "a mute has no end"),
        ("POST", "/silences", {"kind": "snooze", "rule": "gap"}, 400, "a snooze has one end"),
        ("POST", "/silences", {**GAP, "for": "soon"}, 400, "soon is no duration"),
        ("POST", "/silences", {**GAP, "rulle": 1}, 400, "the body makes no sense: Object contains unknown field"),
        ("POST", "/silences", {**GAP, "rule": 1}, 400, "the body makes no sense: Expected `str`, got `int`"),
        ("POST", "/silences", [], 400, "the body makes no sense: "),
        ("POST", "/silences", None, 400, "the body is no application/json"),
        ("DELETE", "/silences?rule=vwap", None, 404, "rule vwap is not silent by itself"),
        ("DELETE", "/silences", None, 400, "neither a rule nor a symbol is named"),
        ("POST", "/alerts/123456/ack", {}, 404, "no alert that Redis still holds has the id 123456"),
        ("POST", "/alerts/xyz/ack", {}, 400, "'xyz' is no id of an alert"),
        ("POST", "/alerts/abcdef/ack", {"by": "x" * 65}, 400, "that name cannot be shown"),
    ],
)
async def test_mistakes_are_told_with_what_to_do(
    service: Service, method: str, path: str, body: Any, status: int, error: str
) -> None:
    options = {} if body is None else {"json": body}
    answered, document = await service.ask(method, path, **options)
    assert (answered, document["error"][: len(error)]) == (status, error)
    assert document["remedy"]


async def test_while_market_time_is_not_known_one_can_mute_but_not_snooze(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Market, "now_ms", None)
    assert (await service.ask("POST", "/silences", json=GAP))[1]["error"] == "market time is not known yet"
    assert (await service.ask("POST", "/silences", json={"kind": "mute", "rule": "gap"}))[0] == 201


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer no"}, {"Authorization": TOKEN}])
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/silences"), ("POST", "/silences"), ("DELETE", "/silences"), ("GET", "/nowhere")]
)
async def test_without_the_token_nothing_is_said_and_nothing_done(
    service: Service, method: str, path: str, headers: dict[str, str]
) -> None:
    async with (
        aiohttp.ClientSession(headers=headers) as stranger_,
        stranger_.request(method, f"{service.url}/api/v1{path}") as answer,
    ):
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert "silences" not in await answer.text()
    assert not await service.redis.exists("t:silences")


async def test_a_body_is_short_has_a_length_and_stands_where_one_belongs(service: Service) -> None:
    async def drip() -> AsyncIterator[bytes]:
        yield b"{}"

    refused: list[tuple[str, str, Any, int]] = [
        ("POST", "/api/v1/silences", b"x" * 4_097, 413),
        ("POST", "/api/v1/silences", drip(), 411),
        ("DELETE", "/api/v1/silences", b"{}", 413),
        ("POST", "/healthz", b"{}", 413),
    ]
    for method, path, body, status in refused:
        async with service.http.request(method, f"{service.url}{path}", data=body) as answer:
            assert answer.status == status


async def test_a_body_that_never_comes_is_not_waited_for(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "PATIENCE_S", 0.2)
    head = "POST /api/v1/silences HTTP/1.1", f"Host: {service.url[7:]}", f"Authorization: Bearer {TOKEN}"
    lines = *head, "Content-Type: application/json", "Content-Length: 100", "Connection: close", "", '{"kind":'
    reader, writer = await asyncio.open_connection("127.0.0.1", int(service.url.rpartition(":")[2]))
    writer.write("\r\n".join(lines).encode())
    async with asyncio.timeout(10):
        assert (await reader.readline()).split()[1] == b"503"
    writer.close()
    assert not await service.redis.exists("t:silences")


async def test_a_foreign_name_is_not_answered_even_with_the_token(service: Service) -> None:
    async with service.http.get(f"{service.url}/api/v1/silences", headers={"Host": "evil.example"}) as answer:
        assert answer.status == 421


async def test_a_server_that_is_away_is_told() -> None:
    world = World(lambda: NOW_MS, lambda: (), check_symbol, SESSIONS, ManualClock())
    api = Api(Secret(TOKEN), SilencesApi(Silences("unix:///nowhere"), world).routes())
    async with (
        serving(HttpSection(port=0), Pages("1", Readiness(), Metrics()), api) as port,
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as http,
        http.get(f"http://127.0.0.1:{port}/api/v1/silences") as answer,
    ):
        assert answer.status == 503
        assert (await answer.json())["remedy"] == "start the server, or set redis.url to where it is"

"""The web server on real sockets: pages, names, limits, headers."""

from __future__ import annotations

import asyncio
import gc
import socket
from typing import TYPE_CHECKING, NamedTuple

import aiohttp
import pytest
from aiohttp import web

from daemon.config import HttpSection
from daemon.metrics import Metrics
from daemon.web import guard
from daemon.web.readiness import Check, Readiness
from daemon.web.server import Pages, WebAddressError, serving
from tests.streams.redis.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from daemon.web.server import Page

PATHS = ("/", "/style.css", "/healthz", "/readyz", "/metrics", "/nowhere", "/fails", "/hangs")
DEADLINE_S = 10.0


class FailingPages(Pages):
    """As ours, with one page that fails and one that never answers."""

    def routes(self) -> Mapping[str, Page]:
        return {**super().routes(), "/fails": self.fails, "/hangs": self.hangs}

    async def fails(self, _: web.Request) -> web.Response:
        raise RuntimeError("a secret in a message")

    async def hangs(self, _: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError


class Service(NamedTuple):
    port: int
    readiness: Readiness
    http: aiohttp.ClientSession

    def get(self, path: str, **options: object) -> aiohttp.client._RequestContextManager:
        return self.http.get(f"http://127.0.0.1:{self.port}{path}", **options)  # type: ignore[arg-type]


@pytest.fixture
async def service(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Service]:
    monkeypatch.setattr(guard, "PATIENCE_S", 0.3)
    readiness = Readiness()
    readiness.watch("feed", lambda: Check(ok=False, detail="starting"))
    pages = FailingPages("1.2.3", readiness, Metrics(), lambda: {"symbols": 99})
    async with (
        serving(HttpSection(port=0, hosts=("Scanner.example",)), pages) as port,
        aiohttp.ClientSession() as http,
    ):
        yield Service(port, readiness, http)


async def raw(port: int, request: bytes) -> bytes:
    """What comes back for these bytes until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    try:
        async with asyncio.timeout(DEADLINE_S):
            return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


async def test_health_is_the_processs_and_readiness_that_of_all_checks(service: Service) -> None:
    async with service.get("/healthz") as answer:
        assert (answer.status, await answer.json()) == (200, {"ok": True, "version": "1.2.3"})
    async with service.get("/readyz") as answer:
        checks = {"feed": {"ok": False, "detail": "starting"}}
        assert (answer.status, await answer.json()) == (503, {"ready": False, "checks": checks})
    service.readiness.watch("feed", lambda: Check(ok=True, detail="live"))
    async with service.get("/readyz") as answer:
        assert (answer.status, (await answer.json())["ready"]) == (200, True)


async def test_the_status_page_shows_checks_and_facts(service: Service) -> None:
    async with service.get("/") as answer:
        text = await answer.text()
        assert answer.content_type == "text/html"
    assert "technic 1.2.3" in text
    assert "<td>99</td>" in text


async def test_metrics_speak_prometheus(service: Service) -> None:
    async with service.get("/metrics") as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert b"# TYPE technic_frames_total counter" in await answer.read()


@pytest.mark.parametrize("path", PATHS)
async def test_every_answer_carries_the_headers_that_protect_it(service: Service, path: str) -> None:
    async with service.get(path) as answer:
        expected = {"/nowhere": 404, "/fails": 500, "/hangs": 503, "/readyz": 503}
        assert answer.status == expected.get(path, 200)
        assert "secret" not in await answer.text()
        for name, value in guard.HEADERS.items():
            assert answer.headers[name] == value


async def test_only_reading_is_possible(service: Service) -> None:
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
        async with service.http.request(method, f"http://127.0.0.1:{service.port}/readyz") as answer:
            assert answer.status == 405
            assert answer.headers["Allow"] == "GET,HEAD"
            assert answer.headers["X-Frame-Options"] == "DENY"


async def test_a_request_with_a_body_is_refused(service: Service) -> None:
    async with service.http.get(f"http://127.0.0.1:{service.port}/healthz", data=b"x" * 100) as answer:
        assert answer.status == 413


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost.", ""])
async def test_a_foreign_name_is_not_answered(service: Service, host: str) -> None:
    async with service.get("/metrics", headers={"Host": host.format(port=service.port)}) as answer:
        assert answer.status == 421
        assert "technic_" not in await answer.text()


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "LocalHost:{port}", "[::1]:{port}", "scanner.example"])
async def test_own_names_and_configured_ones_are_answered(service: Service, host: str) -> None:
    async with service.get("/healthz", headers={"Host": host.format(port=service.port)}) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("hosts", [b"", b"Host: 127.0.0.1:%d\r\nHost: evil.example\r\n"])
async def test_no_name_and_two_names_are_refused(service: Service, hosts: bytes) -> None:
    head = hosts % service.port if hosts else hosts
    answer = await raw(service.port, b"GET /metrics HTTP/1.1\r\n" + head + b"Connection: close\r\n\r\n")
    assert answer.split()[1] in {b"400", b"421"}
    assert b"technic_" not in answer


async def test_huge_headers_are_refused(service: Service) -> None:
    head = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nX: %s\r\n\r\n" % (service.port, b"x" * 9_000)
    assert (await raw(service.port, head)).split()[1] == b"400"


async def test_a_request_that_never_ends_is_cut(service: Service) -> None:
    assert await raw(service.port, b"GET /healthz HTTP/1.1\r\nX: ") == b""


async def test_the_connection_after_the_most_is_closed_at_once_and_later_ones_are_served(service: Service) -> None:
    idle = [await asyncio.open_connection("127.0.0.1", service.port) for _ in range(guard.MOST_CONNECTIONS)]
    assert await raw(service.port, b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % service.port) == b""
    async with asyncio.timeout(DEADLINE_S):
        for reader, _ in idle:
            await asyncio.wait_for(_closed(reader), DEADLINE_S)
    async with service.get("/healthz") as answer:
        assert answer.status == 200
    for _, writer in idle:
        writer.close()


async def test_nothing_is_kept_of_a_connection_that_was_used_for_long_and_is_closed(service: Service) -> None:
    asked, before = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % service.port, kept()
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    async with asyncio.timeout(DEADLINE_S):
        for _ in range(8):
            writer.write(asked)
            await reader.readuntil(b"}")
            await asyncio.sleep(guard.PATIENCE_S / 4)
    writer.close()
    await eventually(lambda: kept() <= before)


def kept() -> int:
    """Connections of which there is anything in memory."""
    gc.collect()
    return sum(type(each) is web.RequestHandler for each in gc.get_objects())


async def _closed(reader: asyncio.StreamReader) -> None:
    try:
        assert await reader.read() == b""
    except ConnectionResetError:
        return


async def test_an_address_that_is_taken_is_told_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(WebAddressError, match=rf"127.0.0.1:{port}: .*in use; set http.port to another one"):
            async with serving(HttpSection(port=port), Pages("1", Readiness(), Metrics())):
                pass


async def test_after_the_end_the_port_is_free_again() -> None:
    pages = Pages("1", Readiness(), Metrics())
    async with (
        serving(HttpSection(port=0), pages) as port,
        aiohttp.ClientSession() as http,
        http.get(f"http://127.0.0.1:{port}/healthz") as answer,
    ):
        assert answer.status == 200
    async with serving(HttpSection(port=port), pages) as again:
        assert again == port

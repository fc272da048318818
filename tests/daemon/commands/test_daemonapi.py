"""Questions to the daemon reach it, and nobody else has its token."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from daemon.commands.daemonapi import DaemonError, ask
from tests.fakes.rest import RestServer

if TYPE_CHECKING:
    from pathlib import Path


def config_of(folder: Path, port: int, host: str = "127.0.0.1") -> Any:
    (folder / "http.token").write_text("t" * 43)
    http = SimpleNamespace(enabled=True, host=host, port=port)
    return SimpleNamespace(http=http, state=SimpleNamespace(folder=folder))


async def who(request: web.Request) -> web.Response:
    return web.json_response({"token": request.headers["Authorization"], "host": request.host})


async def test_it_is_asked_past_any_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    async with RestServer(who) as daemon, RestServer(who) as proxy:
        monkeypatch.setenv("http_proxy", proxy.origin)
        port = int(daemon.origin.rpartition(":")[2])
        found = await asyncio.to_thread(ask, config_of(tmp_path, port), "/api/v1/why", {"symbol": "A"})
    assert found == {"token": f"Bearer {'t' * 43}", "host": f"127.0.0.1:{port}"}


async def test_the_token_is_not_carried_elsewhere(tmp_path: Path) -> None:
    met: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        met.append(request.headers.get("Authorization", ""))
        return web.json_response({})

    async with RestServer(elsewhere) as other:

        async def away(_: web.Request) -> web.Response:
            return web.Response(status=302, headers={"Location": f"{other.origin}/"})

        async with RestServer(away) as daemon:
            port = int(daemon.origin.rpartition(":")[2])
            with pytest.raises(DaemonError, match="302"):
                await asyncio.to_thread(ask, config_of(tmp_path, port), "/api/v1/why", {})
    assert met == []


async def test_it_is_reached_by_an_address_of_ip_6(tmp_path: Path) -> None:
    app = web.Application()
    app.router.add_get("/api/v1/why", who)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "::1", 0)
        await site.start()
        port = runner.addresses[0][1]
        found = await asyncio.to_thread(ask, config_of(tmp_path, port, "::1"), "/api/v1/why", {})
    finally:
        await runner.cleanup()
    assert found["host"] == f"[::1]:{port}"

"""An HTTP server on loopback that answers by a script, and remembers what it was asked."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Asked(NamedTuple):
    target: str
    headers: dict[str, str]


class RestServer:
    """Answers the k-th request with the k-th answer of its script, and the last one for ever.

    Attributes:
        asked: requests so far.
    """

    def __init__(self, *script: Answer) -> None:
        self.script = list(script)
        self.asked: list[Asked] = []

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._runner = web.ServerRunner(web.Server(self._answer), shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port: int = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append(Asked(str(request.rel_url), dict(request.headers)))
        answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return await answer(request)  # type: ignore[arg-type]


def says(document: object, status: int = 200, **headers: str) -> Answer:
    """JSON, or bytes as they are."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=body, headers={"Content-Type": "application/json", **headers})

    return answer


async def hangs(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    return web.Response()


async def resets(request: web.Request) -> web.StreamResponse:
    """Promises a body, and is gone in its midst."""
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"status":"OK","results":[')
    assert request.transport
    request.transport.abort()
    return response


async def drips(request: web.Request) -> web.StreamResponse:
    """A byte now and then, for ever."""
    response = web.StreamResponse()
    await response.prepare(request)
    with suppress(ConnectionError, asyncio.CancelledError):
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.02)
    return response


def grouped(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"status": "OK", "request_id": "r", "resultsCount": len(rows), "results": list(rows), **more}


def bar(symbol: str = "A", t: int = 1_736_000_000_000, **fields: Any) -> dict[str, Any]:
    return {"T": symbol, "o": 10.0, "h": 11.0, "l": 9.0, "c": 10.5, "v": 1000.0, "vw": 10.2, "t": t, "n": 5, **fields}

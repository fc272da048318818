"""What keeps strangers out of the web server: who may ask, how, how many at once, and what answers carry.

A page of another site that resolves its own name to 127.0.0.1 still sends its own name as ``Host``; so only known
names are answered. Every answer forbids scripts, frames, sniffing and keeping, errors among them.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

import structlog
from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from aiohttp.typedefs import Middleware

    Page = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = structlog.get_logger()

MOST_CONNECTIONS = 16
PATIENCE_S = 10.0
"""For the first request on a connection, for the next one, and for an answer."""

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Server": "technic",
}


API = "/api/"
"""What lies below takes the token, and bodies."""

MOST_BODY_BYTES = 4_096
TOKEN_REMEDY = "send Authorization: Bearer TOKEN; the token is in the file http.token of the state folder"  # noqa: S105 - none


def guard(
    may_ask: Callable[[str], bool],
    served: Callable[[web.RequestHandler], None],
    knows_token: Callable[[str], bool] = lambda _: False,
) -> Middleware:
    """A middleware that checks each request and finishes each answer, whatever becomes of the route's handler.

    Pages of other sites can make a browser send requests here, but not with the token: so nothing is changed by them.

    Args:
        may_ask: whether a ``Host`` header is one of ours.
        served: told the connection of each request that came in whole.
        knows_token: whether an ``Authorization`` header lets one use the API.
    """

    @web.middleware
    async def guarded(request: web.Request, handler: Page) -> web.StreamResponse:
        served(request.protocol)
        hosts = request.headers.getall("Host", [])
        if len(hosts) != 1 or not may_ask(hosts[0]):
            answer: web.StreamResponse = _plain(421, "this server does not go by that name")
        elif request.can_read_body and (refusal := _body_refused(request)):
            answer = refusal
        elif request.path.startswith(API) and not knows_token(request.headers.get("Authorization", "")):
            answer = _plain(401, TOKEN_REMEDY, {"WWW-Authenticate": "Bearer"})
        else:
            answer = await _answered(request, handler)
        answer.headers.update(HEADERS)
        return answer

    return guarded


def _body_refused(request: web.Request) -> web.Response | None:
    """None where a body may come, and is short enough."""
    if not request.path.startswith(API) or request.method != "POST":
        return _plain(413, "requests have no body here")
    if request.content_length is None:
        return _plain(411, "say the body's length")
    if request.content_length > MOST_BODY_BYTES:
        return _plain(413, f"a body has at most {MOST_BODY_BYTES:,} bytes")
    return None


async def _answered(request: web.Request, handler: Page) -> web.StreamResponse:
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await handler(request)
    except web.HTTPException as error:
        allowed = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        return _plain(error.status, error.reason, allowed)
    except TimeoutError:
        return _plain(503, "the answer took too long")
    except Exception:
        log.exception("a page failed", path=request.path)
        return _plain(500, "Internal Server Error")


def _plain(status: int, text: str, headers: dict[str, str] | None = None) -> web.Response:
    answer = web.Response(status=status, text=f"{status} {text}\n", headers=headers)
    if status in {411, 413, 421}:
        answer.force_close()
    return answer


def names(host: str, port: int, further: Iterable[str]) -> frozenset[str]:
    """How the server may be called in a ``Host`` header, in lower case."""
    own = (f"[{host}]" if ":" in host else host, "127.0.0.1", "localhost", "[::1]")
    return frozenset({f"{name}:{port}" for name in own} | {name.lower() for name in further})


class Server(Protocol):
    """What makes the protocol of one connection: aiohttp's low-level server."""

    @property
    def connections(self) -> list[web.RequestHandler]:
        """Those that are open."""

    def __call__(self) -> web.RequestHandler:
        """One more."""


class Door:
    """Makes the protocol of each connection, up to a number of them at once; more are closed at once.

    A connection on which no whole request has come within `PATIENCE_S` is cut; between requests aiohttp's own
    keep-alive does the same.

    Args:
        server: makes the protocols.
        fresh: connections on which no whole request has come yet; `guard` takes them out.
    """

    def __init__(self, server: Server, fresh: set[web.RequestHandler]) -> None:
        self._server, self._fresh = server, fresh
        self._loop = asyncio.get_running_loop()

    def __call__(self) -> asyncio.Protocol:
        """One more connection."""
        if len(self._server.connections) >= MOST_CONNECTIONS:
            return _Closed()
        connection = self._server()
        self._fresh.add(connection)
        self._loop.call_later(PATIENCE_S, self._judge, connection)
        return connection

    def _judge(self, connection: web.RequestHandler) -> None:
        if connection in self._fresh and connection.transport:
            connection.transport.abort()
        self._fresh.discard(connection)


class _Closed(asyncio.Protocol):
    """Accepted to be closed."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close it."""
        transport.close()

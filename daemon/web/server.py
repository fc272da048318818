"""The web server: status page, health, readiness, metrics, API.

Errors, and who acts::

    WebAddressError     stop: the address cannot be listened on; a person chooses another ``http.port``
"""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

from aiohttp import web

from daemon.web import page
from daemon.web.guard import PATIENCE_S, Door, guard, names
from daemon.web.token import bears

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from daemon.config import HttpSection
    from daemon.metrics import Metrics
    from daemon.web.readiness import Readiness
    from daemon.web.routes import Route
    from streams.secret import Secret

    Page = Callable[[web.Request], Awaitable[web.Response]]

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BACKLOG = 16
_STOP_S = 1.0


class WebAddressError(Exception):
    """The address cannot be listened on.

    Attributes:
        host, port: the address.
        reason: what the system says.
    """

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(host, port, reason)
        self.host, self.port, self.reason = host, port, reason

    def __str__(self) -> str:
        return (
            f"the web server cannot listen on {self.host}:{self.port}: {self.reason}; "
            "set http.port to another one (0 for any that is free), or http.enabled = false"
        )


class Pages:
    """What there is to be seen.

    Args:
        version: of technic.
        readiness: how each part stands.
        metrics: all of them.
        facts: further numbers and words for the status page, read when it is asked for.
    """

    def __init__(
        self,
        version: str,
        readiness: Readiness,
        metrics: Metrics,
        facts: Callable[[], Mapping[str, object]] = dict,
    ) -> None:
        self._version, self._readiness, self._metrics, self._facts = version, readiness, metrics, facts

    def routes(self) -> Mapping[str, Page]:
        """Every path with its page."""
        return {
            "/": self.status,
            "/style.css": self.style,
            "/healthz": self.health,
            "/readyz": self.ready,
            "/metrics": self.measures,
        }

    async def status(self, _: web.Request) -> web.Response:
        """For people."""
        text = page.status_page(self._version, self._readiness.checks(), self._facts())
        return web.Response(text=text, content_type="text/html")

    async def style(self, _: web.Request) -> web.Response:
        """Of the status page."""
        return web.Response(text=page.STYLE, content_type="text/css")

    async def health(self, _: web.Request) -> web.Response:
        """The process lives and its loop turns."""
        return web.json_response({"ok": True, "version": self._version})

    async def ready(self, _: web.Request) -> web.Response:
        """Named checks; 503 unless all are well."""
        report = self._readiness.report()
        return web.json_response(report, status=200 if report["ready"] else 503)

    async def measures(self, _: web.Request) -> web.Response:
        """For Prometheus."""
        return web.Response(body=self._metrics.text(), headers={"Content-Type": METRICS_TYPE})


class Api(NamedTuple):
    """What programs may do, and the token that they need."""

    token: Secret
    routes: Sequence[Route]


@asynccontextmanager
async def serving(http: HttpSection, pages: Pages, api: Api | None = None) -> AsyncIterator[int]:
    """Serve `pages`, and an API where there is one, for as long as the context lasts; gives the port.

    Raises:
        WebAddressError: the address cannot be listened on.
    """
    listening = _listen(http.host, http.port)
    port = listening.getsockname()[1]
    allowed = names(http.host, port, http.hosts)
    fresh: set[web.RequestHandler] = set()
    app = web.Application(middlewares=[guard(lambda host: host.lower() in allowed, fresh.discard, _knower(api))])
    for path, handler in pages.routes().items():
        app.router.add_get(path, handler)
    for route in api.routes if api else ():
        app.router.add_route(*route)
    runner = web.AppRunner(
        app,
        access_log=None,
        logger=_quiet(),
        keepalive_timeout=PATIENCE_S,
        lingering_time=0.0,
        shutdown_timeout=_STOP_S,
    )
    await runner.setup()
    if runner.server is None:
        raise RuntimeError("aiohttp has set up no server")
    door = Door(runner.server, fresh)
    listener = await asyncio.get_running_loop().create_server(door, sock=listening, backlog=_BACKLOG)
    try:
        yield port
    finally:
        listener.close()
        await runner.cleanup()


def _knower(api: Api | None) -> Callable[[str], bool]:
    return (lambda said: bears(said, api.token)) if api else (lambda _: False)


def _quiet() -> logging.Logger:
    """For what is no HTTP: a traceback for each such request would let anybody fill the log."""
    quiet = logging.getLogger("technic.web")
    quiet.setLevel(logging.CRITICAL)
    return quiet


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise WebAddressError(host, port, error.strerror or str(error)) from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        listening.close()
        raise WebAddressError(host, port, error.strerror or str(error)) from error
    return listening

"""The control port: strike a fault now, see what struck, stop market time, change its speed. HTTP and JSON, loopback.

A page of another site cannot use it: requests must name this machine as their host and, to change something, be
``application/json``, which a browser does not send elsewhere unasked.
"""

from __future__ import annotations

import math
import socket
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec
from aiohttp import web

from streams.simulator.errors import PortTakenError
from streams.simulator.faultkinds import KINDS, Wrong, settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from types import TracebackType

    from streams.simulator.server import Simulator

HOST: Final = "127.0.0.1"
_NAMES: Final = frozenset({HOST, "localhost"})
_MOST_BYTES: Final = 65_536


class Control:
    """Listens while the context lasts.

    Args:
        simulator: what is controlled; open.
        port: 0 for a free one.

    Attributes:
        port: what is listened on, once it is.

    Raises:
        PortTakenError: on entry.
    """

    def __init__(self, simulator: Simulator, port: int) -> None:
        self.port = port
        self._simulator = simulator
        app = web.Application(middlewares=[_guard], client_max_size=_MOST_BYTES)
        app.add_routes(
            [
                web.get("/v1/state", self._state),
                web.get("/v1/kinds", self._kinds),
                web.get("/v1/strikes", self._strikes),
                web.post("/v1/strike", self._strike),
                web.post("/v1/pause", self._pause),
                web.post("/v1/resume", self._resume),
                web.post("/v1/speed", self._speed),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)

    async def __aenter__(self) -> Self:
        listening = socket.socket()
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((HOST, self.port))
        except OSError as error:
            listening.close()
            raise PortTakenError(HOST, self.port, error.strerror or str(error)) from error
        self.port = listening.getsockname()[1]
        await self._runner.setup()
        await web.SockSite(self._runner, listening).start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._runner.cleanup()

    async def _state(self, _: web.Request) -> web.Response:
        return _json(self._simulator.standing())

    async def _kinds(self, _: web.Request) -> web.Response:
        return _json({name: {"meaning": kind.meaning, "settings": kind.settings} for name, kind in KINDS.items()})

    async def _strikes(self, request: web.Request) -> web.Response:
        after = request.query.get("after", "0")
        if not after.isdecimal():
            return _refused(Wrong("after", f"after cannot be {after!r:.40}", "write the number of a strike"))
        return _json({"strikes": self._simulator.chronicle.after(int(after))})

    async def _strike(self, request: web.Request) -> web.Response:
        given = await _document(request)
        kind = given.pop("kind", None)
        if not isinstance(kind, str) or kind not in KINDS:
            return _refused(Wrong("kind", f"there is no kind {kind!r:.40}", f"it is one of {', '.join(KINDS)}"))
        wrong: list[Wrong] = []
        told = settings(kind, given, wrong)
        if wrong:
            return _refused(*wrong)
        return _json({"strikes": await self._simulator.strike(kind, told)})

    async def _pause(self, _: web.Request) -> web.Response:
        self._simulator.pause()
        return _json(self._simulator.standing())

    async def _resume(self, _: web.Request) -> web.Response:
        self._simulator.resume()
        return _json(self._simulator.standing())

    async def _speed(self, request: web.Request) -> web.Response:
        given = (await _document(request)).get("speed")
        speed = math.inf if given == "max" else given
        if not isinstance(speed, int | float) or isinstance(speed, bool) or not speed > 0:
            return _refused(Wrong("speed", f"speed cannot be {given!r:.40}", 'write a number above 0, or "max"'))
        self._simulator.change_speed(float(speed))
        return _json(self._simulator.standing())


@web.middleware
async def _guard(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Only for those who mean this machine."""
    if request.host.partition(":")[0] not in _NAMES:
        foreign = Wrong("Host", "this is not the host asked for", "ask 127.0.0.1")
        return _refused(foreign, status=HTTPStatus.MISDIRECTED_REQUEST)
    if request.method == "POST" and request.content_type != "application/json":
        foreign = Wrong("Content-Type", "this is not JSON", "send Content-Type: application/json")
        return _refused(foreign, status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    try:
        return await handler(request)
    except msgspec.DecodeError as error:
        return _refused(Wrong("body", str(error), "send one JSON object"))


async def _document(request: web.Request) -> dict[str, Any]:
    return msgspec.json.decode(await request.read(), type=dict[str, Any])


def _json(document: Mapping[str, object], status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(document), content_type="application/json")


def _refused(*wrong: Wrong, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> web.Response:
    return _json({"errors": [mistake._asdict() for mistake in wrong]}, status)

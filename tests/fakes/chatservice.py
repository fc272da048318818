"""A chat service on loopback: takes what Slack, Discord, Telegram, Matrix and webhooks take, and fails on command.

It holds clients to a limit for each channel, remembers what it was asked, and answers in each service's own words.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from aiohttp import web

if TYPE_CHECKING:
    from types import TracebackType

Fault = tuple[int, dict[str, Any] | str, dict[str, str]]
"""Status, body and headers."""

CUT: Fault = (-1, "hangs up after reading", {})
HANG: Fault = (-2, "says nothing", {})
GARBAGE: Fault = (200, "\ufffd<html>Sign in to the guests' network</html>", {})


def says(status: int, body: dict[str, Any] | str = "", **headers: str) -> Fault:
    """That answer; the underscores in names of headers stand for hyphens."""
    return status, body, {name.replace("_", "-"): value for name, value in headers.items()}


class Asked(NamedTuple):
    """One request; `form` holds the parts of a multipart body, `document` its JSON, wherever it stands."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    form: dict[str, bytes]
    document: dict[str, Any]


class ChatService:
    """Serves at `origin`.

    Args:
        limit: requests that one channel (path, a Matrix room) may send within `window_s`.
        window_s: seconds.

    Attributes:
        asked: requests read so far, those that failed too.
        taken: those that were taken as messages.
    """

    def __init__(self, limit: int = 1000, window_s: float = 1.0) -> None:
        self.limit, self.window_s = limit, window_s
        self.asked: list[Asked] = []
        self.taken: list[Asked] = []
        self._faults: deque[Fault] = deque()
        self._always: Fault | None = None
        self._times: defaultdict[str, deque[float]] = defaultdict(deque)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def fail(self, *faults: Fault) -> None:
        """The next requests, one fault each."""
        self._faults.extend(faults)

    def break_down(self, fault: Fault | None) -> None:
        """All requests from now on; None for none."""
        self._always = fault

    async def __aenter__(self) -> Self:
        self._runner = web.ServerRunner(web.Server(self._answer), shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port: int = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _answer(self, base: web.BaseRequest) -> web.StreamResponse:
        request = await _read(base)
        self.asked.append(request)
        fault = self._faults.popleft() if self._faults else self._always
        if fault is not None:
            return await _failed(base, fault)
        if wait_s := self._over_limit(request.path.partition("/send/")[0]):
            return _limited(request.path, wait_s)
        self.taken.append(request)
        if "/services/" in request.path:
            return web.Response(text="ok")
        return web.json_response(_success(request, len(self.taken)))

    def _over_limit(self, channel: str) -> float:
        """Seconds until the channel may send again; 0 for now."""
        now, times = asyncio.get_running_loop().time(), self._times[channel]
        while times and times[0] <= now - self.window_s:
            times.popleft()
        if len(times) >= self.limit:
            return round(times[0] + self.window_s - now, 3) or 0.001
        times.append(now)
        return 0.0


async def _read(base: web.BaseRequest) -> Asked:
    body = b"" if base.content_type == "multipart/form-data" else await base.read()
    form = {name: _part(value) for name, value in (await base.post()).items()}
    text = form.get("payload_json", body)
    try:
        document = json.loads(text)
    except ValueError:
        document = {}
    return Asked(base.method, base.path, dict(base.query), dict(base.headers), body, form, document)


def _part(value: web.FileField | str | bytes | bytearray) -> bytes:
    if isinstance(value, web.FileField):
        with value.file:
            return value.file.read()
    return value.encode() if isinstance(value, str) else bytes(value)


async def _failed(base: web.BaseRequest, fault: Fault) -> web.StreamResponse:
    status, body, headers = fault
    if fault is HANG:
        await asyncio.sleep(60)
    if fault is CUT:
        assert base.transport
        base.transport.abort()
        return web.Response()
    return web.Response(status=status, text=body if isinstance(body, str) else json.dumps(body), headers=headers)


def _limited(path: str, wait_s: float) -> web.Response:
    """In the service's own words; the header is what all of them have."""
    body: dict[str, Any] = {"message": "You are being rate limited.", "retry_after": wait_s, "global": False}
    if path.startswith("/bot"):
        body = {"ok": False, "description": "Too Many Requests", "parameters": {"retry_after": wait_s}}
    elif path.startswith("/_matrix"):
        body = {"errcode": "M_LIMIT_EXCEEDED", "error": "Too Many Requests", "retry_after_ms": round(wait_s * 1000)}
    elif path.startswith("/chat."):
        body = {"ok": False, "error": "ratelimited"}
    return web.json_response(body, status=429, headers={"Retry-After": str(wait_s)})


def _success(request: Asked, number: int) -> dict[str, Any]:
    """One document that is enough for all services but Slack's webhooks."""
    channel, host = request.document.get("channel"), request.headers["Host"]
    slack = {"channel": channel, "ts": f"{number}.0", "file_id": f"F{number}", "upload_url": f"http://{host}/upload"}
    return {"id": str(number), "ok": True, "event_id": f"${number}", "content_uri": f"mxc://here/{number}", **slack}

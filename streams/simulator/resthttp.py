"""REST on the exchange's port: how fast, how often and how well it answers."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
from websockets.datastructures import Headers
from websockets.http11 import Response

from streams.simulator.faults import Script
from streams.simulator.limiter import TokenBucket
from streams.simulator.peer import linger
from streams.simulator.rest import JSON, Reply, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request as Upgrade

    from streams.simulator.faults import Fault
    from streams.simulator.rest import Rest
    from streams.types import Clock

DRIP_S: Final = 1.0
"""Between two bytes of an answer that drips."""

_TOO_MANY = {
    "status": "ERROR",
    "error": "You've exceeded the maximum requests per minute, please wait or upgrade your subscription to continue.",
}
_NOT_ENTITLED = {
    "status": "NOT_AUTHORIZED",
    "message": "You are not entitled to this data. Please upgrade your plan.",
}


class Terms(NamedTuple):
    """On what terms REST answers.

    Attributes:
        per_minute: requests a minute by the clock, None for any number; the others are answered 429, as the vendor
            does without saying when to try again.
        latency_s: what every answer takes.
        excluded: beginnings of paths that the plan does not include: answered 403.
        faults: what goes wrong on purpose.
    """

    per_minute: int | None = None
    latency_s: float = 0.0
    excluded: tuple[str, ...] = ()
    faults: Script | None = None


class RestHttp:
    """Answers requests that come to the port of the feed; one a connection, which is closed then.

    Args:
        rest: what is answered.
        terms: how.
        clock: counts the minutes of the limit.
        market_ms: market time.

    Attributes:
        requests: how many came, whatever was answered.
    """

    def __init__(self, rest: Rest, terms: Terms, clock: Clock, market_ms: Callable[[], int]) -> None:
        self.requests = 0
        self._rest, self._terms, self._clock, self._market_ms = rest, terms, clock, market_ms
        self._bucket = TokenBucket(terms.per_minute) if terms.per_minute else None
        self._faults = terms.faults or Script()
        self._closing = asyncio.Event()

    def close(self) -> None:
        """Let go of all that wait for an answer."""
        self._closing.set()

    async def answer(self, socket: ServerConnection, upgrade: Upgrade) -> Response:
        """The answer to a request; where the connection is broken on purpose, it is by then."""
        self.requests += 1
        fault = self._faults.strike(upgrade.path.partition("?")[0])
        await self._pause(self._terms.latency_s)
        if fault is not None and fault.kind == "answer":
            return _response(fault.status, fault.headers, fault.body)
        reply = self._reply(upgrade)
        if fault is None:
            return _replied(reply)
        if fault.kind == "page":
            return _replied(_turned(reply, fault, upgrade))
        await self._break(socket, fault, reply)
        return _response(reply.status, {"Content-Length": str(len(reply.body) + 1)}, reply.body)

    def _reply(self, upgrade: Upgrade) -> Reply:
        if self._bucket is not None and not self._bucket.take(self._clock.monotonic_s()):
            return self._refusal(HTTPStatus.TOO_MANY_REQUESTS, _TOO_MANY)
        if upgrade.path.startswith(self._terms.excluded):
            return self._refusal(HTTPStatus.FORBIDDEN, _NOT_ENTITLED)
        asked = Request(upgrade.path, upgrade.headers.get("Authorization"), upgrade.headers.get("Host"))
        return self._rest.answer(asked, self._market_ms())

    def _refusal(self, status: HTTPStatus, document: Mapping[str, str]) -> Reply:
        return Reply(status, JSON, msgspec.json.encode({"request_id": f"{self.requests:032x}", **document}))

    async def _break(self, socket: ServerConnection, fault: Fault, reply: Reply) -> None:
        """Bring an answer to a bad end, except for one that is merely cut."""
        if fault.kind == "hang":
            await self._pause(None)
        elif fault.kind == "drip":
            await self._drip(socket, _replied(reply).serialize())
        elif fault.kind == "reset":
            whole = _replied(reply).serialize()
            socket.transport.write(whole[: len(whole) - len(reply.body) // 2 - 1])
            await _reset(socket)

    async def _drip(self, socket: ServerConnection, text: bytes) -> None:
        for k in range(len(text)):
            if socket.transport.is_closing() or self._closing.is_set():
                break
            socket.transport.write(text[k : k + 1])
            await self._pause(DRIP_S)
        await _reset(socket)

    async def _pause(self, seconds: float | None) -> None:
        """Wait, None for ever, but not beyond the end of the exchange."""
        if seconds != 0.0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), seconds)


async def _reset(socket: ServerConnection) -> None:
    """End a connection in the middle of it."""
    linger(socket)
    socket.transport.abort()
    await socket.wait_closed()


def _turned(reply: Reply, fault: Fault, upgrade: Upgrade) -> Reply:
    """The same answer with another next page."""
    document = msgspec.json.decode(reply.body)
    document["next_url"] = fault.next_url or f"http://{upgrade.headers.get('Host')}{upgrade.path}"
    return reply._replace(body=msgspec.json.encode(document))


def _replied(reply: Reply) -> Response:
    return _response(reply.status, {"Content-Type": reply.content_type}, reply.body)


def _response(status: HTTPStatus, headers: Mapping[str, str], body: bytes) -> Response:
    length = {"Content-Length": str(len(body)), "Connection": "close"}
    return Response(status, status.phrase, Headers({**length, **headers}), body)

"""Silences and acknowledgements over HTTP: ``/api/v1/silences`` and ``/api/v1/alerts/{id}/ack``."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeVar

import msgspec
from aiohttp import web

from daemon import silencing
from daemon.deadlines import DeadlineError
from daemon.silencing import SilencingError, UnknownError
from daemon.web.routes import Route
from streams.redis.errors import RedisRefusedError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from daemon.engine.sessions import SessionTable
    from streams.redis.silences import Silence, Silences
    from streams.types import Clock

    Page = Callable[[web.Request], Awaitable[web.Response]]

JSON: Final = "application/json"


class Wanted(msgspec.Struct, forbid_unknown_fields=True):
    """A silence to be set; ``until`` and ``for`` as the command line takes them."""

    kind: Literal["snooze", "mute"]
    rule: str = ""
    symbol: str = ""
    until: str = ""
    lasting: str = msgspec.field(name="for", default="")
    by: str = ""


class Who(msgspec.Struct, forbid_unknown_fields=True):
    """Who acknowledges."""

    by: str = ""


Body = TypeVar("Body", Wanted, Who)


class World(NamedTuple):
    """What silences depend on.

    Attributes:
        market_ms: market time, None while it is not known.
        rules: names of those in force.
        check_symbol: raises `SilencingError` where there is no such symbol.
        sessions: the exchange's hours.
        clock: the machine's.
    """

    market_ms: Callable[[], int | None]
    rules: Callable[[], Sequence[str]]
    check_symbol: Callable[[str], Awaitable[None]]
    sessions: SessionTable
    clock: Clock


class SilencesApi:
    """Its routes. What is wrong is answered as ``{"error": what, "remedy": what to do}``."""

    def __init__(self, kept: Silences, world: World) -> None:
        self._kept, self._world = kept, world

    def routes(self) -> Sequence[Route]:
        """All of them."""
        return (
            Route("GET", "/api/v1/silences", _told(self.show)),
            Route("POST", "/api/v1/silences", _told(self.put)),
            Route("DELETE", "/api/v1/silences", _told(self.lift)),
            Route("POST", "/api/v1/alerts/{id}/ack", _told(self.acknowledge)),
        )

    async def show(self, _: web.Request) -> web.Response:
        """All silences."""
        return _json(silencing.document(await self._kept.load(), self._world.market_ms()))

    async def put(self, request: web.Request) -> web.Response:
        """Set one, which is answered."""
        wanted, world = await _body(request, Wanted), self._world
        market_ms = world.market_ms()
        silence = self._silence(wanted, market_ms)
        await world.check_symbol(silence.symbol)
        await self._kept.put(silence, market_ms or 0)
        return _json({**silence._asdict(), "in_force": True}, HTTPStatus.CREATED)

    async def lift(self, request: web.Request) -> web.Response:
        """Lift that of ``?rule=...&symbol=...``."""
        query = request.query
        rule, symbol = silencing.whose(query.get("rule", ""), query.get("symbol", ""), ())
        by = silencing.name_of(query.get("by", ""))
        if not await self._kept.lift(rule, symbol, by, self._world.clock.wall_ms()):
            raise silencing.nothing_to_lift(rule, symbol, await self._kept.load())
        return _json({"rule": rule, "symbol": symbol, "lifted": True})

    async def acknowledge(self, request: web.Request) -> web.Response:
        """Take care of an alert; answers who does so."""
        by = silencing.name_of((await _body(request, Who)).by) if request.can_read_body else ""
        beginning = silencing.beginning_of(request.match_info["id"])
        found = silencing.the_one(await self._kept.find(beginning), beginning)
        now_ms = self._world.clock.wall_ms()
        before = await self._kept.acknowledge(found, by, now_ms)
        return _json({"id": found, "by": before.by if before else by, "at_ms": before.at_ms if before else now_ms})

    def _silence(self, wanted: Wanted, market_ms: int | None) -> Silence:
        world, set_ms = self._world, self._world.clock.wall_ms()
        about = silencing.whose(wanted.rule, wanted.symbol, world.rules())
        if wanted.kind == "mute":
            if wanted.until or wanted.lasting:
                raise SilencingError("a mute has no end", 'leave out "until" and "for", or send "kind": "snooze"')
            return silencing.mute(about, wanted.by, set_ms)
        if market_ms is None:
            raise SilencingError("market time is not known yet", "mute, or ask again when the feed is there")
        times = {"now_ms": market_ms, "set_ms": set_ms}
        return silencing.snooze(about, wanted.until, wanted.lasting, wanted.by, **times, sessions=world.sessions)


def _told(page: Page) -> Page:
    """`page`, whose errors are answers."""

    async def told(request: web.Request) -> web.Response:
        try:
            return await page(request)
        except UnknownError as error:
            return _json({"error": error.what, "remedy": error.remedy}, HTTPStatus.NOT_FOUND)
        except (SilencingError, DeadlineError) as error:
            return _json({"error": error.what, "remedy": error.remedy}, HTTPStatus.BAD_REQUEST)
        except RedisRefusedError as error:
            return _json({"error": error.what, "remedy": error.remedy}, HTTPStatus.SERVICE_UNAVAILABLE)

    return told


async def _body(request: web.Request, kind: type[Body]) -> Body:
    if request.content_type != JSON:
        raise SilencingError(f"the body is no {JSON}", f"send it with Content-Type: {JSON}")
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SilencingError(f"the body makes no sense: {error}", "see docs/silences.md") from error


def _json(document: object, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    return web.Response(body=msgspec.json.encode(document), status=status, content_type=JSON)

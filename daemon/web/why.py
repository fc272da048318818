"""Why a rule fired, or did not, over HTTP: ``/api/v1/why`` and ``/api/v1/rules``."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from daemon.engine.errors import nearest
from daemon.engine.syntax import write
from daemon.web.routes import Route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from daemon.engine.engine import Engine

    Between = Callable[[Callable[[], object]], Awaitable[bool]]
    Page = Callable[[web.Request], Awaitable[web.Response]]

LISTED = 200
"""Candidates held back that are told at once."""


class StandsError(Exception):
    """The engine makes no turns, and cannot be asked. Retry."""


class WhyApi:
    """Asks the engine between two turns, in its own thread.

    Args:
        engine: to be asked there.
        between: does something in that thread, False where it makes no turns.
    """

    def __init__(self, engine: Callable[[], Engine], between: Between) -> None:
        self._engine, self._between = engine, between

    def routes(self) -> Sequence[Route]:
        """All of them."""
        return Route("GET", "/api/v1/why", _told(self.why)), Route("GET", "/api/v1/rules", _told(self.rules))

    async def why(self, request: web.Request) -> web.Response:
        """``?symbol=AAPL&rule=vwap-reclaim``, at the symbol's last closed bar."""
        symbol, rule = request.query.get("symbol", ""), request.query.get("rule", "")
        names = [own.name for own in self._engine().plan.rules]
        if rule not in names:
            return _wrong(f'there is no rule "{rule:.64}"', nearest(rule, names) or f"there are {', '.join(names)}")
        try:
            found = await self._asked(lambda: self._engine().why(symbol, rule))
        except (ValueError, KeyError) as error:
            return _wrong(str(error), "write the symbol as the exchange does: BRK.B")
        if found is None:
            return _wrong(f"{symbol:.40} has had no bar", "see how the exchange spells it, and whether it traded")
        return _json(found)

    async def rules(self, _: web.Request) -> web.Response:
        """Rules in force, their budgets, and the newest candidates that were held back."""
        return _json(await self._asked(self._standing))

    async def _asked(self, question: Callable[[], Any]) -> Any:
        answer: list[Any] = []
        if not await self._between(lambda: answer.append(question())):
            raise StandsError
        return answer[0]

    def _standing(self) -> dict[str, Any]:
        engine = self._engine()
        telling = engine.watch.telling
        rules = [
            {
                "name": rule.name,
                "version": rule.version,
                "severity": rule.severity,
                "condition": write(rule.condition),
                **telling.standing(number),
            }
            for number, rule in enumerate(engine.plan.rules)
        ]
        held = [one._asdict() for one in list(telling.held)[-LISTED:]]
        for one in held:
            one["value"] = one["value"] if one["value"] == one["value"] else None
        return {"rules": rules, "held": held}


def _told(page: Page) -> Page:
    """`page`, where the engine may stand."""

    async def told(request: web.Request) -> web.Response:
        try:
            return await page(request)
        except StandsError:
            return _wrong("the engine does not turn", "ask again later", HTTPStatus.SERVICE_UNAVAILABLE)

    return told


def _json(found: Any) -> web.Response:
    return web.Response(body=msgspec.json.encode(found), content_type="application/json")


def _wrong(what: str, remedy: str, status: HTTPStatus = HTTPStatus.NOT_FOUND) -> web.Response:
    return web.json_response({"error": what, "remedy": remedy}, status=status)

"""Why a rule fired, or did not, over HTTP: ``/api/v1/why`` and ``/api/v1/rules``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from daemon.engine.errors import nearest
from daemon.engine.syntax import write
from daemon.web.routes import Route
from daemon.web.turns import asked, document, told, wrong

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aiohttp import web

    from daemon.engine.engine import Engine
    from daemon.web.turns import Between

LISTED = 200
"""Candidates held back that are told at once."""


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
        return Route("GET", "/api/v1/why", told(self.why)), Route("GET", "/api/v1/rules", told(self.rules))

    async def why(self, request: web.Request) -> web.Response:
        """``?symbol=AAPL&rule=vwap-reclaim``, at the symbol's last closed bar."""
        symbol, rule = request.query.get("symbol", ""), request.query.get("rule", "")
        names = [own.name for own in self._engine().plan.rules]
        if rule not in names:
            return wrong(f'there is no rule "{rule:.64}"', nearest(rule, names) or f"there are {', '.join(names)}")
        try:
            found = await asked(self._between, lambda: self._engine().why(symbol, rule))
        except (ValueError, KeyError) as error:
            return wrong(str(error), "write the symbol as the exchange does: BRK.B")
        if found is None:
            return wrong(f"{symbol:.40} has had no bar", "see how the exchange spells it, and whether it traded")
        return document(found)

    async def rules(self, _: web.Request) -> web.Response:
        """Rules in force, their budgets, and the newest candidates that were held back."""
        return document(await asked(self._between, self._standing))

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

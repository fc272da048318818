"""How good each model has been, over HTTP: ``/api/v1/models``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.web.routes import Route
from daemon.web.turns import asked, document, told

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aiohttp import web

    from daemon.scoring.modelfigures import ModelFigures
    from daemon.web.turns import Between


class ModelsApi:
    """Its route.

    Args:
        figures: of every model of every target, asked for in the engine's thread.
        between: does something in that thread, False where it makes no turns.
    """

    def __init__(self, figures: Callable[[], list[ModelFigures]], between: Between) -> None:
        self._figures, self._between = figures, between

    def routes(self) -> Sequence[Route]:
        """The one."""
        return (Route("GET", "/api/v1/models", told(self.models)),)

    async def models(self, _: web.Request) -> web.Response:
        """A list of `ModelFigures`, empty without a model."""
        return document(await asked(self._between, self._figures))

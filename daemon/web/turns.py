"""Pages that the engine answers, between two of its turns."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Between = Callable[[Callable[[], object]], Awaitable[bool]]
    Page = Callable[[web.Request], Awaitable[web.Response]]


class StandsError(Exception):
    """The engine makes no turns, and cannot be asked. Retry."""


async def asked(between: Between, question: Callable[[], Any]) -> Any:
    """What `question` gives in the engine's own thread.

    Args:
        between: does something in that thread, False where it makes no turns.
        question: what to do there.

    Raises:
        StandsError: it makes no turns.
    """
    answer: list[Any] = []
    if not await between(lambda: answer.append(question())):
        raise StandsError
    return answer[0]


def told(page: Page) -> Page:
    """`page`, where the engine may stand."""

    async def answered(request: web.Request) -> web.Response:
        try:
            return await page(request)
        except StandsError:
            return wrong("the engine does not turn", "ask again later", HTTPStatus.SERVICE_UNAVAILABLE)

    return answered


def document(found: Any) -> web.Response:
    """What was found, as JSON."""
    return web.Response(body=msgspec.json.encode(found), content_type="application/json")


def wrong(what: str, remedy: str, status: HTTPStatus = HTTPStatus.NOT_FOUND) -> web.Response:
    """What is wrong, and what to do."""
    return web.json_response({"error": what, "remedy": remedy}, status=status)

"""One thing that can be asked of the web server."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import web


class Route(NamedTuple):
    """Method, path and what answers."""

    method: str
    path: str
    page: Callable[[web.Request], Awaitable[web.Response]]

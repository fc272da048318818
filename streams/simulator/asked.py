"""What a request asks, and how a list is handed out page by page."""

from __future__ import annotations

import binascii
from base64 import b64decode, urlsafe_b64encode
from datetime import date
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MARKER = "page_marker"
_FIRST_YEAR, _LAST_YEAR = 1970, 9_000


class RefusedError(Exception):
    """The request is answered with an error.

    Attributes:
        status: of the answer.
        document: its body, without the request's id.
    """

    def __init__(self, status: HTTPStatus, document: Mapping[str, Any]) -> None:
        super().__init__(status, document)
        self.status, self.document = status, document


def bad_request(text: str) -> RefusedError:
    """The request makes no sense."""
    return RefusedError(HTTPStatus.BAD_REQUEST, {"status": "ERROR", "error": text})


def not_found(text: str) -> RefusedError:
    """There is no such thing."""
    return RefusedError(HTTPStatus.NOT_FOUND, {"status": "NOT_FOUND", "message": text})


class Asked(NamedTuple):
    """One request.

    Attributes:
        path: without the query.
        query: parameters by name; those of a cursor if there is one.
        origin: scheme, host and port under which the exchange was reached: pages that follow are there, too.
        now_ms: market time.
        request_id: goes into the answer.
    """

    path: str
    query: Mapping[str, str]
    origin: str
    now_ms: int
    request_id: str

    def flag(self, name: str, default: bool) -> bool:
        """A parameter that is true or false."""
        return {"true": True, "false": False}.get(self.query.get(name, "").lower(), default)

    def number(self, name: str, default: int, most: int) -> int:
        """A whole number from 1 to `most`.

        Raises:
            RefusedError: it is none.
        """
        text = self.query.get(name, str(default))
        if not (text.isascii() and text.isdigit() and 1 <= int(text[:18]) <= most):
            raise bad_request(f"'{name}' must be a number from 1 to {most}")
        return int(text)

    def next_url(self, path: str | None = None, **changed: str) -> str:
        """Where the next page is: the same query with some of it changed, as an opaque cursor. Carries no key."""
        kept = {name: value for name, value in self.query.items() if name != "apiKey"}
        text = urlencode({**kept, **changed})
        return f"{self.origin}{path or self.path}?cursor={urlsafe_b64encode(text.encode()).decode().rstrip('=')}"


def unfolded(query: str) -> dict[str, str]:
    """The parameters of a query string; a cursor among them goes before all others.

    Raises:
        RefusedError: the cursor is not one of ours.
    """
    given = dict(parse_qsl(query, keep_blank_values=True))
    cursor = given.pop("cursor", None)
    if cursor is None:
        return given
    try:
        text = b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise bad_request("'cursor' is not valid") from None
    return given | dict(parse_qsl(text, keep_blank_values=True))


def page(asked: Asked, found: Sequence[Mapping[str, Any]], default: int, most: int) -> dict[str, Any]:
    """One page of a list: ``limit`` items, and where the next page is.

    Args:
        asked: the request.
        found: the list as a whole, in order.
        default: ``limit`` if none is given.
        most: the greatest that may be given.

    Raises:
        RefusedError: ``limit`` or the cursor make no sense.
    """
    limit = asked.number("limit", default, most)
    marker = asked.query.get(_MARKER, "0")
    if not (marker.isascii() and marker.isdigit()):
        raise bad_request("'cursor' is not valid")
    start = int(marker[:18])
    items = list(found[start : start + limit])
    document: dict[str, Any] = {"results": items, "status": "OK", "request_id": asked.request_id, "count": len(items)}
    if start + limit < len(found):
        document["next_url"] = asked.next_url(**{_MARKER: str(start + limit)})
    return document


def date_in(text: str, name: str) -> date:
    """A date like 2025-01-31.

    Raises:
        RefusedError: it is none.
    """
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = date.min
    if not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        raise bad_request(f"Could not parse the time parameter: '{name}'. Use YYYY-MM-DD or Unix MS Timestamps")
    return found

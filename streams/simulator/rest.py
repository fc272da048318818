"""The exchange's REST side, without a socket: what it answers to a request."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

import msgspec

from streams.simulator.hours import NEW_YORK, date_of, trading_day

if TYPE_CHECKING:
    from collections.abc import Mapping

JSON: Final = "application/json"
TEXT: Final = "text/plain; charset=utf-8"

_MARKET = {"early": "extended-hours", "open": "open", "late": "extended-hours", "closed": "closed"}


class Reply(NamedTuple):
    """An HTTP answer."""

    status: HTTPStatus
    content_type: str
    body: bytes


NOT_FOUND: Final = Reply(HTTPStatus.NOT_FOUND, TEXT, b"404 page not found")


def answer(target: str, authorization: str | None, key: str, now_ms: int) -> Reply:
    """Answer a GET.

    Args:
        target: path and query as they stand in the request.
        authorization: the header of that name.
        key: the key that is accepted. One that is given must be right; for convenience none need be given.
        now_ms: market time.
    """
    url = urlsplit(target)
    given = parse_qs(url.query).get("apiKey", [(authorization or "").removeprefix("Bearer ")])[0]
    if given and not hmac.compare_digest(given.encode(), key.encode()):
        return _json(HTTPStatus.UNAUTHORIZED, _UNKNOWN_KEY)
    if url.path == "/v1/marketstatus/now":
        return _json(HTTPStatus.OK, market_status(now_ms))
    if url.path == "/v1/marketstatus/upcoming":
        return _json(HTTPStatus.OK, [])
    return NOT_FOUND


def market_status(now_ms: int) -> Mapping[str, Any]:
    """What ``/v1/marketstatus/now`` says at market time `now_ms`; no holidays, other markets are always closed."""
    phase = trading_day(date_of(now_ms)).phase(now_ms)
    market = _MARKET[phase]
    return {
        "market": market,
        "serverTime": server_time(now_ms),
        "earlyHours": phase == "early",
        "afterHours": phase == "late",
        "exchanges": {"nyse": market, "nasdaq": market, "otc": market},
        "currencies": {"fx": "closed", "crypto": "closed"},
        "indicesGroups": {},
    }


def server_time(now_ms: int) -> str:
    """RFC 3339 with milliseconds and New York's offset."""
    seconds, ms = divmod(now_ms, 1000)
    local = datetime.fromtimestamp(seconds, UTC).astimezone(NEW_YORK)
    return local.replace(microsecond=ms * 1000).isoformat(timespec="milliseconds")


_UNKNOWN_KEY = {"status": "ERROR", "request_id": "simulated", "error": "Unknown API Key"}


def _json(status: HTTPStatus, document: object) -> Reply:
    return Reply(status, JSON, msgspec.json.encode(document))

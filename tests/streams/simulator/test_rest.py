from __future__ import annotations

from datetime import date, time
from http import HTTPStatus

import msgspec
import pytest

from streams.simulator import rest
from streams.simulator.book import Book
from streams.simulator.hours import at, server_time
from streams.simulator.marketstatus import market_status

OPEN_MS = at(date(2025, 3, 10), time(9, 30))


def answer(target: str, authorization: str | None = None, key: str = "k") -> rest.Reply:
    return rest.Rest(Book(), key=key).answer(rest.Request(target, authorization), OPEN_MS)


def test_market_status_tells_market_time_to_the_millisecond_in_new_york() -> None:
    status = market_status(OPEN_MS + 7)
    assert status["serverTime"] == "2025-03-10T09:30:00.007-04:00"
    assert status["market"] == "open"
    assert status["exchanges"] == {"nyse": "open", "nasdaq": "open", "otc": "open"}


@pytest.mark.parametrize(
    ("ms", "market", "early", "late"),
    [
        (OPEN_MS - 1, "extended-hours", True, False),
        (OPEN_MS + 390 * 60_000, "extended-hours", False, True),
        (OPEN_MS + 700 * 60_000, "closed", False, False),
    ],
)
def test_market_status_knows_extended_hours(ms: int, market: str, early: bool, late: bool) -> None:
    status = market_status(ms)
    assert (status["market"], status["earlyHours"], status["afterHours"]) == (market, early, late)


def test_winter_time_has_its_own_offset() -> None:
    assert server_time(1_735_828_200_000) == "2025-01-02T09:30:00.000-05:00"


@pytest.mark.parametrize(
    ("target", "authorization", "status"),
    [
        ("/v1/marketstatus/now", None, HTTPStatus.OK),
        ("/v1/marketstatus/now?apiKey=secret&unknown=1", None, HTTPStatus.OK),
        ("/v1/marketstatus/now", "Bearer secret", HTTPStatus.OK),
        ("/v1/marketstatus/now", "Bearer wrong", HTTPStatus.UNAUTHORIZED),
        ("/v1/marketstatus/now?apiKey=wrong", None, HTTPStatus.UNAUTHORIZED),
        ("/v1/elsewhere", None, HTTPStatus.NOT_FOUND),
    ],
)
def test_a_key_that_is_given_must_be_right(target: str, authorization: str | None, status: HTTPStatus) -> None:
    assert answer(target, authorization, key="secret").status == status


def test_upcoming_is_a_bare_array() -> None:
    assert msgspec.json.decode(answer("/v1/marketstatus/upcoming").body) == []

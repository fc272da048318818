"""Against a real HTTP server that answers as scripted: each fault of REST by name."""

from __future__ import annotations

import asyncio
import gzip
import random
from contextlib import asynccontextmanager
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from daemon.clock import SystemClock
from streams.polygon.rest import client, retry, transport
from streams.polygon.rest.client import Rest
from streams.polygon.rest.errors import (
    AnswerRefused,
    KeyRefused,
    NotEntitled,
    RequestRefused,
    RestError,
    RestUnavailable,
)
from streams.polygon.rest.limiter import Priority, RateLimiter
from streams.polygon.rest.paging import MOST_PAGES
from streams.polygon.rest.transport import MOST_BYTES, Transport
from streams.secret import Secret
from tests.fakes.rest import RestServer, bar, drips, grouped, hangs, resets, says

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

DAY = 20_089
KEY = "a-key-that-nobody-may-see"
FINE = says(grouped(bar("A"), bar("B")))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_S", 0.01)


@asynccontextmanager
async def asking(origin: str, **options: Any) -> AsyncIterator[Rest]:
    clock = SystemClock()
    limiter = options.pop("limiter", None) or RateLimiter(60_000, 100, clock)
    async with aiohttp.ClientSession() as http:
        jitter = random.Random(1)  # noqa: S311 - pauses
        yield Rest(Transport(origin, Secret(KEY), http=http, limiter=limiter, clock=clock, jitter=jitter, **options))


async def refused(server: RestServer, kind: type[RestError], **options: Any) -> RestError:
    """Asking for a grouped day ends in an error of this kind, whose text tells no secret."""
    async with asking(server.origin, **options) as rest:
        with pytest.raises(kind) as caught:
            await rest.grouped(DAY)
    assert KEY not in str(caught.value)
    assert "apiKey" not in str(caught.value)
    return caught.value


async def test_the_key_goes_into_a_header_and_nowhere_else() -> None:
    async with RestServer(FINE) as server, asking(server.origin) as rest:
        days = await rest.grouped(DAY)
    assert days.symbol.tolist() == [b"A", b"B"]
    assert days.day.tolist() == [DAY, DAY]
    (asked,) = server.asked
    assert asked.headers["Authorization"] == f"Bearer {KEY}"
    assert asked.target == "/v2/aggs/grouped/locale/us/market/stocks/2025-01-01?adjusted=false"


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
async def test_server_error_is_asked_again(status: int) -> None:
    async with RestServer(says(b"oops", status), says(b"", status), FINE) as server, asking(server.origin) as rest:
        assert len((await rest.grouped(DAY)).day) == 2
    assert len(server.asked) == rest.calls == 3


async def test_server_error_that_stays_is_given_up_after_five_tries() -> None:
    async with RestServer(says({"error": "maintenance"}, 503)) as server:
        error = await refused(server, RestUnavailable)
    assert len(server.asked) == 5
    assert str(error) == (
        f"grouped day by REST: HTTP 503: maintenance (tried 5 times at {server.origin}); "
        "it is asked again when it is needed next"
    )


async def test_server_error_that_lasts_is_left_alone_for_a_while() -> None:
    async with RestServer(says(b"", 503)) as server, asking(server.origin) as rest:
        for _ in range(3):
            with pytest.raises(RestUnavailable):
                await rest.grouped(DAY)
    assert len(server.asked) == 5


async def test_timeout_is_asked_again_within_one_deadline() -> None:
    async with RestServer(hangs) as server:
        async with asyncio.timeout(5):
            error = await refused(server, RestUnavailable, deadline_s=0.2)
    assert "no answer in time" in str(error)


async def test_timeout_of_one_try_leaves_time_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "TRY_S", 0.1)
    async with RestServer(hangs, FINE) as server, asking(server.origin) as rest:
        async with asyncio.timeout(5):
            assert len((await rest.grouped(DAY)).day) == 2
    assert len(server.asked) == 2


async def test_server_error_that_is_over_is_over_whatever_the_trial_answers() -> None:
    unknown = says({"status": "NOT_FOUND", "message": "Ticker not found."}, 404)
    async with RestServer(*[says(b"", 503)] * 5, unknown, FINE) as server, asking(server.origin) as rest:
        with pytest.raises(RestUnavailable):
            await rest.grouped(DAY)
        rest._transport._circuit._closed_again_s = float("-inf")
        assert await rest.details("ZZZZ") is None
        assert len((await rest.grouped(DAY)).day) == 2


async def test_garbage_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MOST_RESULTS", 3)
    server = RestServer(FINE)
    numbers = iter(range(100))

    async def endless(request: Any) -> Any:
        return await says(grouped(bar(), bar(), next_url=f"{server.origin}/p?c={next(numbers)}"))(request)

    async with server:
        server.script[:] = [endless]
        await refused(server, AnswerRefused)
    assert len(server.asked) == 2


async def test_key_refused_where_no_header_can_hold_it() -> None:
    async with RestServer(FINE) as server, aiohttp.ClientSession() as http:
        clock = SystemClock()
        jitter = random.Random(1)  # noqa: S311 - pauses
        limiter = RateLimiter(60_000, 100, clock)
        key = Secret("one line\nand another")
        rest = Rest(Transport(server.origin, key, http=http, limiter=limiter, clock=clock, jitter=jitter))
        with pytest.raises(KeyRefused) as caught:
            await rest.grouped(DAY)
    assert "another" not in str(caught.value)


async def test_reset_in_body_throws_the_page_away_and_asks_again() -> None:
    async with RestServer(resets, FINE) as server, asking(server.origin) as rest:
        assert len((await rest.grouped(DAY)).day) == 2
    assert len(server.asked) == 2


async def test_nobody_there_is_an_outage() -> None:
    async with RestServer(FINE) as server:
        pass
    await refused(server, RestUnavailable)


@pytest.mark.parametrize("after", ["0.3", "1", None])
async def test_rate_limited_waits_and_asks_again(after: str | None) -> None:
    limited = says({"status": "ERROR", "error": "You've exceeded"}, 429, **({"Retry-After": after} if after else {}))
    async with RestServer(limited, FINE) as server, asking(server.origin) as rest:
        before = asyncio.get_running_loop().time()
        await rest.grouped(DAY)
        waited = asyncio.get_running_loop().time() - before
    assert waited >= (1.0 if after == "1" else 0)
    assert len(server.asked) == 2


async def test_rate_limited_pauses_all_who_ask() -> None:
    limited = says(b"", 429, **{"Retry-After": "1"})
    async with RestServer(limited, FINE) as server, asking(server.origin) as rest:
        before = asyncio.get_running_loop().time()
        first = asyncio.ensure_future(rest.grouped(DAY))
        while not server.asked:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        await rest.grouped(DAY + 1, priority=Priority.PREFETCH)
        assert asyncio.get_running_loop().time() - before >= 0.9
        await first


@pytest.mark.parametrize("after", ["172800", formatdate(4e9, usegmt=True)])
async def test_rate_limited_for_days_is_an_outage_and_is_not_asked_again(after: str) -> None:
    async with RestServer(says(b"", 429, **{"Retry-After": after})) as server:
        async with asyncio.timeout(5):
            await refused(server, RestUnavailable)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"<html>Bad gateway</html>",
        b'{"status":"OK","results":[{"T":"A"',
        b"[]",
        b"null",
        b'{"status":"OK","results":{"T":"A"}}',
        b'{"ticker":1}',
        b"\xff\xfe" + bytes(1000),
        b"[" * 100_000,
    ],
)
async def test_garbage_is_refused_and_not_asked_again(garbage: bytes) -> None:
    async with RestServer(says(garbage)) as server:
        await refused(server, AnswerRefused)
    assert len(server.asked) == 1


async def test_garbage_in_one_row_costs_that_row() -> None:
    rows = [bar("A"), bar("B", o="ten"), bar("C", h=1.0), bar("A B"), bar("D", c=1e308), bar("E", v=-1), bar("F")]
    async with RestServer(says(grouped(*rows))) as server, asking(server.origin) as rest:
        days = await rest.grouped(DAY)
    assert days.symbol.tolist() == [b"A", b"F"]
    assert days.rejected == rest.rejected == 5


async def test_garbage_that_claims_to_be_packed_is_refused() -> None:
    async with RestServer(says(b"not gzip", **{"Content-Encoding": "gzip"})) as server:
        await refused(server, AnswerRefused)


async def test_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(b" " * (MOST_BYTES * 8))
    async with RestServer(says(bomb, **{"Content-Encoding": "gzip"})) as server:
        await refused(server, AnswerRefused)
    assert len(server.asked) == 1


async def test_drip_ends_at_the_deadline() -> None:
    async with RestServer(drips) as server:
        async with asyncio.timeout(5):
            await refused(server, RestUnavailable, deadline_s=0.3)


@pytest.mark.parametrize("location", ["http://169.254.169.254/", "file:///etc/passwd", "/elsewhere"])
async def test_redirect_is_not_followed(location: str) -> None:
    async with RestServer(says(b"", 302, Location=location)) as server:
        error = await refused(server, AnswerRefused)
    assert len(server.asked) == 1
    assert "HTTP 302" in str(error)


@pytest.mark.parametrize(
    "hostile",
    [
        "http://evil.example/v2",
        "https://127.0.0.1/v2",
        "http://127.0.0.1:1/v2",
        "http://127.0.0.1@evil.example/",
        "file:///etc/passwd",
        "//evil.example/x",
        "/v2/relative",
        "http://[::1",
    ],
)
async def test_redirect_by_next_page_never_takes_the_key_elsewhere(hostile: str) -> None:
    async with RestServer(says(grouped(bar(), next_url=hostile))) as server:
        await refused(server, AnswerRefused)
    assert len(server.asked) == 1


async def test_pagination_is_followed_and_joined() -> None:
    server = RestServer(FINE)
    async with server, asking(server.origin) as rest:
        server.script[:] = [
            says(grouped(bar("A"), next_url=f"{server.origin}/page?cursor=1")),
            says(grouped(bar("B"), next_url=f"{server.origin}/page?cursor=2")),
            says({"status": "OK"}),
        ]
        assert (await rest.grouped(DAY)).symbol.tolist() == [b"A", b"B"]
    assert [asked.target for asked in server.asked[1:]] == ["/page?cursor=1", "/page?cursor=2"]


async def test_pagination_loop_is_found() -> None:
    server = RestServer(FINE)
    async with server:
        server.script[:] = [says(grouped(bar("A"), next_url=f"{server.origin}/page?cursor=1"))]
        error = await refused(server, AnswerRefused)
    assert len(server.asked) == 2
    assert "read before" in str(error)


async def test_pagination_without_end_is_cut() -> None:
    server = RestServer(FINE)
    numbers = iter(range(10_000))

    async def endless(request: Any) -> Any:
        return await says(grouped(bar(), next_url=f"{server.origin}/page?cursor={next(numbers)}"))(request)

    async with server:
        server.script[:] = [endless]
        await refused(server, AnswerRefused)
    assert len(server.asked) == MOST_PAGES


async def test_pagination_that_fails_in_its_midst_gives_nothing() -> None:
    server = RestServer(FINE)
    async with server:
        server.script[:] = [says(grouped(bar("A"), next_url=f"{server.origin}/p?c=1")), says(b"<html>")]
        await refused(server, AnswerRefused)


async def test_key_refused_stops_all_asking() -> None:
    unknown = says({"status": "ERROR", "error": "Unknown API Key"}, 401)
    async with RestServer(unknown) as server, asking(server.origin) as rest:
        for _ in range(3):
            with pytest.raises(KeyRefused, match=r"Unknown API Key; check `feed\.key`"):
                await rest.grouped(DAY)
        with pytest.raises(KeyRefused):
            await rest.snapshot()
    assert len(server.asked) == 1


async def test_key_refused_for_an_endpoint_stops_that_one() -> None:
    denied = says({"status": "NOT_AUTHORIZED", "message": "You are not entitled to this data."}, 403)
    async with RestServer(denied, FINE) as server, asking(server.origin) as rest:
        for _ in range(2):
            with pytest.raises(NotEntitled, match="not entitled"):
                await rest.snapshot()
        assert len((await rest.grouped(DAY)).day) == 2
        assert [type(error) for error in rest._transport.refusals] == [NotEntitled]
    assert len(server.asked) == 2


async def test_a_request_that_is_wrong_is_not_repeated() -> None:
    async with RestServer(says({"status": "ERROR", "error": "The parameter 'to' is wrong"}, 400)) as server:
        await refused(server, RequestRefused)
    assert len(server.asked) == 1


async def test_what_the_vendor_does_not_know_is_none() -> None:
    unknown = says({"status": "NOT_FOUND", "message": "Ticker not found."}, 404)
    async with RestServer(unknown) as server, asking(server.origin) as rest:
        assert await rest.details("ZZZZ") is None
        assert await rest.related("ZZZZ") == ()


async def test_a_complaint_in_strange_characters_stays_on_one_line() -> None:
    async with RestServer(says({"error": "a\nb\x1b[2J" + "x" * 1000}, 400)) as server:
        error = await refused(server, RequestRefused)
    assert "\n" not in str(error)
    assert "\x1b" not in str(error)
    assert len(str(error)) < 300


async def test_symbols_are_quoted_in_paths() -> None:
    async with RestServer(says({"status": "OK"})) as server, asking(server.origin) as rest:
        assert len((await rest.daily("BRK/A?x", DAY, DAY)).day) == 0
    assert server.asked[0].target.startswith("/v2/aggs/ticker/BRK%2FA%3Fx/range/1/day/2025-01-01/2025-01-01?")


async def test_outcomes_are_counted_by_endpoint() -> None:
    async with RestServer(FINE, says(b"", 404)) as server, asking(server.origin) as rest:
        await rest.grouped(DAY)
        with pytest.raises(RestError):
            await rest.grouped(DAY)
        assert rest._transport.outcomes == {("grouped day", "ok"): 1, ("grouped day", "NotFound"): 1}
        assert rest._transport.received > 100
    assert transport.DEADLINE_S == 30

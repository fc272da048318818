from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp import web

from streams.errors import MarketClockError
from streams.polygon import marketclock
from streams.polygon.marketclock import MAX_BODY_BYTES, MarketClock
from streams.secret import Secret
from tests.fakes.clock import ManualClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

NINE_THIRTY_MS = 1_737_729_000_000
BODY = '{"market":"open","serverTime":"2025-01-24T09:30:00.000-05:00"}'


@asynccontextmanager
async def asking(
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]], clock: ManualClock, speed: float = 1.0
) -> AsyncIterator[MarketClock]:
    """A market clock and the exchange that it asks."""
    app = web.Application()
    app.router.add_get("/v1/marketstatus/now", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    async with aiohttp.ClientSession() as http:
        yield MarketClock(f"http://127.0.0.1:{port}", clock=clock, http=http, speed=speed, key=Secret("the-key"))
    await runner.cleanup()


async def open_market(request: web.Request) -> web.Response:
    assert request.headers["Authorization"] == "Bearer the-key"
    return web.Response(text=BODY)


async def test_market_time_is_the_exchange_s_and_runs_on_at_its_speed() -> None:
    clock = ManualClock()
    async with asking(open_market, clock, speed=60.0) as market:
        assert market.wall_ms() == clock.wall_ms()
        assert not market.known
        assert await market.poll() == NINE_THIRTY_MS
        clock.advance(2.0)
        assert market.known
        assert market.wall_ms() == NINE_THIRTY_MS + 120_000
        assert market.monotonic_s() == clock.monotonic_s()


async def test_half_of_the_round_trip_has_passed_when_the_answer_comes() -> None:
    clock = ManualClock()

    async def slow(request: web.Request) -> web.Response:
        clock.advance(0.4)
        return await open_market(request)

    async with asking(slow, clock) as market:
        assert await market.poll() == NINE_THIRTY_MS + 200


async def missing(_: web.Request) -> web.Response:
    raise web.HTTPNotFound


async def elsewhere(_: web.Request) -> web.Response:
    raise web.HTTPFound("http://127.0.0.1:1/")


async def garbage(_: web.Request) -> web.Response:
    return web.Response(text="<html>")


async def bomb(_: web.Request) -> web.Response:
    answer = web.Response(body=b" " * 50 * MAX_BODY_BYTES)
    answer.enable_compression()
    return answer


async def rude(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@pytest.mark.parametrize("answer", [missing, elsewhere, garbage, bomb, rude])
async def test_an_exchange_that_cannot_tell_is_an_error_and_the_time_known_stands(
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> None:
    clock = ManualClock()
    answers = iter([open_market, answer])

    async def next_answer(request: web.Request) -> web.StreamResponse:
        return await next(answers)(request)

    async with asking(next_answer, clock) as market:
        await market.poll()
        clock.advance(1.0)
        with pytest.raises(MarketClockError, match="no market time from the exchange"):
            await market.poll()
        assert market.wall_ms() == NINE_THIRTY_MS + 1000


async def test_an_exchange_that_drips_is_given_up_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marketclock, "DEADLINE_S", 0.1)

    async def drip(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        await answer.write(b" ")
        await asyncio.sleep(30)
        return answer

    async with asking(drip, ManualClock()) as market:
        with pytest.raises(MarketClockError, match="TimeoutError"):
            await market.poll()

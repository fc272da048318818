"""A daemon that asks its exchange: what alerts take along, what follows, and what is told of refusals."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from daemon import standing
from daemon.clock import SystemClock
from streams.companyfile import Company
from streams.redis.connection import connect
from streams.simulator.markettime import AS_FAST_AS_READ
from streams.simulator.rest import Archive
from streams.simulator.resthttp import Terms
from streams.simulator.server import Simulator
from tests.daemon.running import KEY, Tape, config_of, in_redis, replayed, running, url_of, walk
from tests.streams.redis.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.config import Config

BARS = walk(5, 12)
NAMES = np.unique(BARS.symbol)
COMPANIES = {name.decode(): Company(f"{name.decode()} Inc", "NYSE", "CS") for name in NAMES.tolist()}


def exchange_of(**terms: object) -> Simulator:
    archive = Archive(symbols=NAMES, companies=COMPANIES)
    terms_ = Terms(**terms)  # type: ignore[arg-type]
    return Simulator(Tape(BARS), clock=SystemClock(), key=KEY, speed=AS_FAST_AS_READ, archive=archive, terms=terms_)


def asking(folder: Path, exchange: Simulator, **sections: dict[str, Any]) -> Config:
    rest = {"enabled": True, "rate_per_minute": 6_000, "burst": 1_000}
    return config_of(folder, url_of(exchange.port), rest=rest, **sections)


async def events_of(url: str, kind: str) -> list[dict[str, str]]:
    async with connect(url) as client:
        entries: list[Any] = await client.xrange("technic:events") or []
    told = [{name.decode(): value.decode() for name, value in fields.items()} for _, fields in entries]
    return [fields for fields in told if fields["kind"] == kind]


async def test_every_alert_is_published_at_once_and_what_it_lacks_follows_as_an_event(tmp_path: Path) -> None:
    async with exchange_of(latency_s=0.02) as exchange:
        config = asking(tmp_path, exchange)
        due = replayed(config, BARS)
        async with running(config) as app:
            assert app.known
            outcomes = app.known.enrichment.outcomes
            await eventually(lambda: app.sink.delivered == len(due))
            await eventually(lambda: outcomes["whole"] + outcomes["followed"] == len(due))
            alerts, enriched = await in_redis(app.redis_url), await events_of(app.redis_url, "alert.enriched")
    assert [alert.id for alert in alerts] == [alert.id for alert in due]
    whole = {alert.id: set(alert.about) for alert in alerts}
    for event in enriched:
        whole[event["id"]] |= set(msgspec.json.decode(event["about"]))
    assert all({"details", "news", "related", "history"} <= kinds for kinds in whole.values())
    first = msgspec.json.decode(enriched[0]["about"])
    assert first["details"]["known"]["name"] == f"{enriched[0]['symbol']} Inc"


async def test_a_symbol_that_alerts_again_has_all_of_it_at_once(tmp_path: Path) -> None:
    async with exchange_of() as exchange, running(asking(tmp_path, exchange)) as app:
        assert app.known
        known = app.known
        await eventually(lambda: known.enrichment.outcomes["followed"] > 0 and not known.enrichment.waiting)
        stored = app.outbox.read_beyond(0, 1)
        known.enrichment.follow(
            [stored[0]._replace(fields={"data": msgspec.json.encode(_again(app, stored[0].fields["data"])).decode()})]
        )
        assert known.enrichment.outcomes["whole"] == 1


def _again(app: Any, data: str) -> dict[str, Any]:
    """The alert as the engine's thread would store it now."""
    found: dict[str, Any] = msgspec.json.decode(data)
    return found | {"about": app.live._about(found["symbol"])}


async def test_what_the_plan_does_not_include_is_an_alarm_once_and_not_ready_and_nothing_else(tmp_path: Path) -> None:
    async with exchange_of(excluded=("/v2/reference/news", "/v1/related")) as exchange:
        config = asking(tmp_path, exchange)
        due = replayed(config, BARS)
        async with running(config) as app:
            assert app.known
            outcomes = app.known.enrichment.outcomes
            await eventually(lambda: app.sink.delivered == len(due) and outcomes["failed"] == len(due))
            check = standing.CHECKS["rest"](app)
            while len(told := await events_of(app.redis_url, "rest.refused")) < 2:
                await asyncio.sleep(0.05)
    assert not check.ok
    assert "the plan of this key does not include it" in check.detail
    assert sorted(event["endpoint"] for event in told) == ["news", "related companies"]


async def test_an_exchange_without_rest_holds_up_no_alert(tmp_path: Path) -> None:
    async with exchange_of() as exchange:
        config = asking(tmp_path, exchange, feed={"rest_url": "http://127.0.0.1:1"})
        due = replayed(config, BARS)
        async with running(config) as app:
            await eventually(lambda: app.sink.delivered == len(due))
            assert standing.CHECKS["rest"](app).ok  # it passes, and nobody has to act

"""What the daemon knows besides its feed: answers of the exchange, days before, companies, and who keeps them ready."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from daemon import upkeep
from daemon.dataplane import plane as planes
from daemon.dataplane.dayroll import DayRoll
from daemon.dataplane.enrichment import Enrichment
from daemon.dataplane.newstape import NewsTape
from daemon.dataplane.repair import Repair, Waits
from daemon.dataplane.warmup import LAG_MS, LOOK_S, WarmUp
from daemon.prefetch import exchange, memory
from daemon.prefetch.candidates import candidates
from daemon.prefetch.chances import Chances
from daemon.prefetch.demand import Demand
from daemon.prefetch.ledger import Ledger
from daemon.prefetch.outlook import Outlook
from daemon.prefetch.plan import Budget
from daemon.prefetch.prefetcher import Prefetcher, Surroundings
from streams.bars import MINUTE_MS, SYMBOL
from streams.polygon.rest.limiter import Priority
from streams.polygon.session import HEARING
from streams.redis import looks
from streams.redis.tail import Tail

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AsyncExitStack

    from daemon.app import App
    from daemon.dataplane.athand import AtHand
    from daemon.dataplane.plane import Plane
    from daemon.prefetch.demand import Candidates
    from daemon.scoring.link import Link


class Foresight(NamedTuple):
    """Who fetches ahead, and what he remembers."""

    prefetcher: Prefetcher
    demand: Demand
    link: Link


class Knowledge(NamedTuple):
    """Its parts; see their modules.

    Attributes:
        plane: exchange, cache and store.
        at_hand: what alerts take along.
        news: on all symbols.
        enrichment: what follows them.
        roll: makes each day ready; None where no history is kept.
        warm_up: gives the engine the minutes before its start; None where it begins as it is.
        repair: gives it what an outage of the feed has hidden.
        foresight: fetches ahead; None where that is switched off.
    """

    plane: Plane
    at_hand: AtHand
    news: NewsTape
    enrichment: Enrichment
    roll: DayRoll | None
    warm_up: WarmUp | None
    repair: Repair
    foresight: Foresight | None


async def of(app: App, at_hand: AtHand, jitter: random.Random, stack: AsyncExitStack) -> Knowledge:
    """That of `app`, whose feed and engine stand; `stack` closes what it opens."""
    config, clock, sessions = app.config, app.clock, app.calendar.sessions
    plane = await planes.build(config, app.redis_url, clock, jitter, stack, seen=at_hand.see)
    foresight = _foresight(app, plane, at_hand, stack) if config.prefetch.enabled else None
    enrichment = Enrichment(
        at_hand,
        plane.lookups,
        exchange.fetches(plane.rest, lambda: _today(app), Priority.LIVE),
        needed=foresight.prefetcher.alerted if foresight else lambda _: None,
        tell=app.events.enriched,
        clock=clock,
    )
    engine = None if config.feed.lossless or config.engine.daily else app.engine
    roll = DayRoll(plane, sessions, lambda: now_ms(app), engine, app.live.between_turns, at_hand, clock)
    news = NewsTape(plane.rest, plane.cache, at_hand, lambda: now_ms(app), clock)
    return Knowledge(
        plane,
        at_hand,
        news,
        enrichment,
        roll if config.history.enabled else None,
        _warm_up(app, plane),
        _repair(app, plane),
        foresight,
    )


def _warm_up(app: App, plane: Plane) -> WarmUp | None:
    """The engine is held from now on, where there is one."""
    config = app.config
    if config.feed.lossless or not config.history.enabled or not config.rest.warm_up_s:
        return None
    app.live.held = True
    minutes = [channel.partition(".")[2] for channel in config.feed.channels if channel.startswith("AM.")]
    return WarmUp(
        plane,
        app.calendar.sessions,
        app.engine,
        market_ms=app.time.now_ms,
        between=app.live.between_turns,
        listening=lambda: app.feed.state in HEARING,
        enough=lambda: app.inbox.depth > app.inbox.limit // 2,
        begin=app.live.begin,
        named=None if "*" in minutes else np.array(minutes, SYMBOL),
        within_s=config.rest.warm_up_s / config.feed.speed,
        extended=config.engine.extended_hours,
        clock=app.clock,
    )


def _repair(app: App, plane: Plane) -> Repair:
    config = app.config

    async def ready(minute_ms: int) -> None:
        while (left_ms := minute_ms + MINUTE_MS + LAG_MS - (now_ms(app) or 0)) > 0:  # noqa: ASYNC110 (market time has no event)
            await asyncio.sleep(min(LOOK_S, left_ms / 1000))

    async def waits() -> Waits:
        found: list[Waits] = []
        while not await app.live.between_turns(lambda: found.append(Waits(*app.engine.waiters()))):  # noqa: ASYNC110 (as above)
            await asyncio.sleep(LOOK_S)
        return found[0]

    return Repair(
        plane.rest,
        waits=waits,
        mend=app.live.mend,
        ready=ready,
        within_s=config.rest.repair_s / config.feed.speed,
        done=app.events.repaired,
        clock=app.clock,
    )


def _foresight(app: App, plane: Plane, at_hand: AtHand, stack: AsyncExitStack) -> Foresight:
    demand = Demand(len(app.engine.sector_names))
    link = memory.learner(app.config.state.folder / memory.FILE, demand, app.clock)
    stack.callback(link.close)
    around = Surroundings(
        market_ms=lambda: now_ms(app),
        candidates=lambda at_ms: _candidates(app, at_ms),
        waiting=lambda: plane.limiter.waiting,
        at_hand=lambda symbol, kind: at_hand.has(symbol, kind, app.clock.wall_ms()),
    )
    prefetcher = Prefetcher(
        plane.lookups,
        exchange.fetches(plane.rest, lambda: _today(app)),
        around,
        outlook=Outlook(demand, Chances(link), Budget(app.config.prefetch.calls_per_hour), Ledger()),
        clock=app.clock,
    )
    return Foresight(prefetcher, demand, link)


async def _candidates(app: App, at_ms: int) -> Candidates | None:
    """Between two steps of the engine; None while it makes none."""
    found: list[Candidates] = []
    sessions = app.calendar.sessions
    await app.live.between_turns(lambda: found.append(candidates(app.engine, sessions, at_ms)))
    return found[0] if found else None


def _today(app: App) -> int:
    """The trading day, days since 1970."""
    return int(app.calendar.sessions.date(now_ms(app) or app.clock.wall_ms()))


def now_ms(app: App) -> int | None:
    """Market time: the exchange's, or that of the newest bar where that is later; None before either is known."""
    return max(app.time.now_ms() or 0, app.live.figures.now_ms) or None


def tasks(app: App, known: Knowledge) -> dict[str, Callable[[], Awaitable[None]]]:
    """What keeps it up."""
    found: dict[str, Callable[[], Awaitable[None]]] = {
        "look-ups": known.plane.lookups.run,
        "news": known.news.run,
        "enrichment": known.enrichment.run,
        "repair": known.repair.run,
        "rest watch": lambda: upkeep.watch_rest(known.plane.transport, app.events),
    }
    if known.warm_up:
        found["warm-up"] = known.warm_up.run
    if known.roll:
        found["day"] = known.roll.run
    if ahead := known.foresight:
        path = app.config.state.folder / memory.FILE
        found["prefetch"] = ahead.prefetcher.run
        found["prefetch memory"] = lambda: memory.keep(path, ahead.demand, ahead.link)
        found["looks"] = lambda: _follow_looks(app, ahead.prefetcher)
    return found


async def _follow_looks(app: App, prefetcher: Prefetcher) -> None:
    """What other programs show is looked at, for ever."""
    jitter = random.Random()  # noqa: S311 - spreads retries
    tail = Tail(app.redis_url, f"{app.config.redis.prefix}{looks.STREAM}", jitter, lambda _: None)
    async for _, fields in tail.follow():
        prefetcher.looked(looks.symbols_of(fields))

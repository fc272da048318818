"""What the daemon knows besides its feed: answers of the exchange, days before, companies, and who keeps them ready."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from daemon import upkeep
from daemon.dataplane import plane as planes
from daemon.dataplane.dayroll import DayRoll
from daemon.dataplane.enrichment import Enrichment
from daemon.prefetch import exchange
from streams.polygon.rest.limiter import Priority

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable
    from contextlib import AsyncExitStack

    from daemon.app import App
    from daemon.dataplane.athand import AtHand
    from daemon.dataplane.plane import Plane


class Knowledge(NamedTuple):
    """Its parts; see their modules.

    Attributes:
        plane: exchange, cache and store.
        at_hand: what alerts take along.
        enrichment: what follows them.
        roll: makes each day ready; None where no history is kept.
    """

    plane: Plane
    at_hand: AtHand
    enrichment: Enrichment
    roll: DayRoll | None


async def of(app: App, at_hand: AtHand, jitter: random.Random, stack: AsyncExitStack) -> Knowledge:
    """That of `app`, whose feed and engine stand; `stack` closes what it opens."""
    config, clock, sessions = app.config, app.clock, app.calendar.sessions
    plane = await planes.build(config, app.redis_url, clock, jitter, stack, seen=at_hand.see)
    fetches = exchange.fetches(plane.rest, lambda: int(sessions.date(now_ms(app) or clock.wall_ms())), Priority.LIVE)
    enrichment = Enrichment(
        at_hand, plane.lookups, fetches, needed=lambda _: None, tell=app.events.enriched, clock=clock
    )
    engine = None if config.feed.lossless or config.engine.daily else app.engine
    roll = DayRoll(plane, sessions, lambda: now_ms(app), engine, app.live.between_turns, at_hand, clock)
    return Knowledge(plane, at_hand, enrichment, roll if config.history.enabled else None)


def now_ms(app: App) -> int | None:
    """Market time: the exchange's, or that of the newest bar where that is later; None before either is known."""
    return max(app.time.now_ms() or 0, app.live.figures.now_ms) or None


def tasks(app: App, known: Knowledge) -> dict[str, Callable[[], Awaitable[None]]]:
    """What keeps it up."""
    found: dict[str, Callable[[], Awaitable[None]]] = {
        "look-ups": known.plane.lookups.run,
        "enrichment": known.enrichment.run,
        "rest watch": lambda: upkeep.watch_rest(known.plane.transport, app.events),
    }
    if known.roll:
        found["day"] = known.roll.run
    return found

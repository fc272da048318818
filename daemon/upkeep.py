"""Small chores that run beside the daemon's work: the watchdog's food, a look at the time, a small outbox."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from daemon.watchdog import stuck
from streams.outbox import OutboxError

if TYPE_CHECKING:
    from collections.abc import Callable

    from daemon.events import Events
    from daemon.metrics import Metrics
    from daemon.notify import Notifier
    from daemon.scoring.link import Link
    from daemon.steadyclock import Punctuality
    from daemon.watchdog import Pulse
    from daemon.web.readiness import Check
    from streams.outbox import Backlog, Outbox
    from streams.polygon.rest.transport import Transport
    from streams.types import Clock

log = structlog.get_logger()

PRUNE_S = 60.0
BACKLOG_S = 1.0
TIME_S = 1.0
CLOCK_S = 1.0
REST_S = 1.0
MODELS_S = 1.0


class BacklogWatch:
    """Looks at the outbox now and then, in a thread, for a disk that hangs must not hold whoever asks.

    Attributes:
        newest: how far Redis is behind; None while the disk does not tell.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self.newest: Backlog | None = None

    async def run(self) -> None:
        """Look for ever."""
        while True:
            self.newest = await asyncio.to_thread(self._look)
            await asyncio.sleep(BACKLOG_S)

    def _look(self) -> Backlog | None:
        with suppress(OutboxError):
            return self._outbox.backlog("redis")
        return None


async def feed_watchdog(notifier: Notifier, pulse: Callable[[], Pulse]) -> None:
    """Feed systemd's watchdog as long as nothing is stuck, for ever; say once what is."""
    told = ""
    while notifier.watchdog_s:
        what = stuck(pulse(), notifier.limit_s / 2)
        if not what:
            notifier.watchdog()
        elif what != told:
            log.error("watchdog not fed", reason=what)
        told = what
        await asyncio.sleep(notifier.watchdog_s)


async def watch_time(check: Callable[[], Check], events: Events) -> None:
    """Tell once when the exchange's time falls behind the engine's, and once when it does so no more, for ever."""
    well = True
    while True:
        now = check()
        if now.ok != well:
            events.time("" if now.ok else now.detail)
        well = now.ok
        await asyncio.sleep(TIME_S)


async def watch_clock(punctual: Punctuality, metrics: Metrics, events: Events) -> None:
    """Tell once when the market's time and the bars disagree, once when no more; and each leap of the clock."""
    skewed = leapt = False
    while True:
        punctual.look(metrics.take_quickest_ms())
        if punctual.leap_ms and not leapt:
            events.leapt(punctual.leap_ms)
        if punctual.skewed != skewed:
            events.clock(punctual.skew_ms if punctual.skewed else 0)
        skewed, leapt = punctual.skewed, punctual.leap_ms != 0
        await asyncio.sleep(CLOCK_S)


async def watch_models(link: Link, events: Events) -> None:
    """Tell what has happened to models, for ever."""
    while True:
        while link.told:
            events.models(link.told.popleft())
        await asyncio.sleep(MODELS_S)


async def watch_rest(transport: Transport, events: Events) -> None:
    """Tell once of each thing that the exchange refuses for good, for ever."""
    told: set[str] = set()
    while True:
        for refusal in transport.refusals:
            if refusal.endpoint not in told:
                told.add(refusal.endpoint)
                events.rest(refusal)
        await asyncio.sleep(REST_S)


async def prune(outbox: Outbox, clock: Clock) -> None:
    """Drop what all sinks have long delivered, for ever."""
    while True:
        with suppress(OutboxError):  # a disk that refuses is told by the memory behind the outbox
            await asyncio.to_thread(outbox.prune, clock.wall_ms())
        await asyncio.sleep(PRUNE_S)

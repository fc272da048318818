"""The daemon, put together: what is built, in what order it starts, and in what order it stops.

Start: the state folder and its lock, calendar, rules, kernels, saved state, outbox; then the tasks. The service is
ready once these stand; Redis, learner and feed may come later, and ``/readyz`` shows them.

Stop, asked for or because it cannot go on: see `daemon.stopping`.
"""

from __future__ import annotations

import asyncio
import gc
import random
import signal
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING

from daemon import (
    assembly,
    delivery,
    gauges,
    keeping,
    knowledge,
    leaderboard,
    lock,
    overload,
    reload,
    snapshot,
    standing,
    stopping,
    upkeep,
    warm,
)
from daemon.dataplane.athand import AtHand
from daemon.ending import Ending
from daemon.engine.inbox import Inbox
from daemon.exits import Exit, expected
from daemon.groupwatch import GroupWatch
from daemon.live import Live
from daemon.market import reach
from daemon.metrics import Metrics
from daemon.notify import Notifier
from daemon.overload import Overload
from daemon.stall import LoopWatch
from daemon.steadyclock import Punctuality
from daemon.supervision import Supervisor
from daemon.upkeep import BacklogWatch
from streams.errors import AuthRejected, CertificateRejected
from streams.outbox import Outbox
from streams.polygon.session import HEARING, Changed, State
from streams.polygon.spoilage import Condition
from streams.redis.embedded import EmbeddedValkey

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from daemon.config import Config
    from daemon.engine.outages import Outage
    from daemon.warm import Warm
    from streams.outbox import Stored
    from streams.polygon.session import Event
    from streams.polygon.spoilage import Verdict
    from streams.types import Clock

FATAL = (AuthRejected, CertificateRejected)


class App:
    """One daemon. Build it, then `run` it once; its parts are there to be looked at from then on.

    Args:
        config: all of it; the feed's key is set.
        clock: the machine's.
        reread: reads the configuration anew, for SIGHUP.
        warmed: what was loaded and compiled for `config` before; else that is done at the start.
    """

    def __init__(self, config: Config, clock: Clock, reread: Callable[[], Config], warmed: Warm | None = None) -> None:
        self.config, self.clock, self._reread, self._warmed = config, clock, reread, warmed
        self.metrics = Metrics()
        self.valkey = EmbeddedValkey(config.state.folder / "valkey", config.redis.port)
        self._stop, self.ending = asyncio.Event(), Ending(self.valkey.abandon)
        self._failed: list[Exception] = []

    def stop(self) -> None:
        """End cleanly, within seconds; asked again a second later, at once."""
        self._stop.set()
        self.ending.asked(self.clock.monotonic_s())

    async def run(
        self, *, beside: Mapping[str, Callable[[], Awaitable[None]]] | None = None, duration_s: float | None = None
    ) -> None:
        """Run until `stop`.

        Args:
            beside: further tasks by name, started last.
            duration_s: stop by itself after so many seconds.

        Raises:
            ExceptionGroup: of AuthRejected, CertificateRejected or TaskFailingError: the daemon cannot go on, and
                has stopped as if asked to.
            Exception: it cannot start; see the errors of lock, calendar, rules, outbox and embedded server.
        """
        loop = asyncio.get_running_loop()
        async with AsyncExitStack() as stack:
            stack.enter_context(self.ending)
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, self.stop)
            loop.add_signal_handler(signal.SIGHUP, lambda: None)  # the rules are about to be read
            await self._build(stack)
            await self._connect(stack)
            gauges.follow(self)
            await standing.show(self, stack)
            gc.collect()
            gc.freeze()  # what stands by now stays: to look for cycles in it again stops every thread for 0.1 s
            stack.callback(gc.unfreeze)
            loop.add_signal_handler(signal.SIGHUP, self.reload.ask)
            async with asyncio.TaskGroup() as group:
                runs = {**self._tasks(), **(beside or {})}
                tasks = {name: group.create_task(self._keep(name, run), name=name) for name, run in runs.items()}
                self.notifier.ready(f"{len(self.plan.rules)} rules, {len(self.engine.symbols)} symbols")
                with suppress(TimeoutError):
                    async with asyncio.timeout(duration_s):
                        await self._stop.wait()
                await stopping.stop(self, tasks)
        if self._failed:
            raise ExceptionGroup("the daemon cannot go on", self._failed)

    async def _build(self, stack: AsyncExitStack) -> None:
        """What can be had without any peer."""
        config, clock, folder = self.config, self.clock, self.config.state.folder
        stack.enter_context(lock.held(folder))
        self.notifier = stack.enter_context(Notifier(clock))
        warmed = await asyncio.to_thread(warm.parts, config, clock) if self._warmed is None else self._warmed
        self.calendar, self.plan, self.codec = warmed
        self.teacher = assembly.teacher_of(config, clock, patient=config.feed.lossless, folder=folder / "learner")
        if self.teacher:
            stack.callback(self.teacher.close)
        self.outbox = Outbox(folder / "outbox.db")
        stack.callback(self.outbox.close)
        self.engine = snapshot.restored(
            folder / snapshot.FILE,
            lambda: assembly.engine_of(config, self.plan, self.teacher, self.calendar.sessions, live=True),
            self.teacher,
            self.outbox,
        )
        if self.teacher:
            self.teacher.start()
        self.inbox = Inbox(config.feed.inbox_bars)
        self.keeper = keeping.keeper_of(config, clock)
        if self.keeper:
            stack.callback(self.keeper.abandon)

    async def _connect(self, stack: AsyncExitStack) -> None:
        """The peers, and what stands between them and the engine."""
        config, clock, jitter = self.config, self.clock, random.Random()  # noqa: S311 (spreads retries)
        if config.redis.embedded:
            await stack.enter_async_context(self.valkey)
        self.redis_url = self.valkey.url if config.redis.embedded else config.redis.url.reveal()
        self.ring, self.sink, self.events, self.event_stream = delivery.build(
            config.redis,
            self.redis_url,
            self.outbox,
            clock,
            jitter=jitter,
            on_delivered=lambda seq: self.live.delivered(seq),  # noqa: PLW0108 (made below)
        )
        self.feed, self.time, steady = await reach(
            config.feed,
            self.calendar.sessions,
            clock,
            random=jitter,
            on_frame=lambda frame, arrival_ms: self.live.take(frame, arrival_ms),  # noqa: PLW0108 (made below)
            on_event=self._heard,
            stack=stack,
        )
        self.punctuality = Punctuality(steady) if steady else None
        at_hand, self.leaderboard = AtHand(), leaderboard.of(self, jitter)
        self.live = Live(
            self.codec,
            self.inbox,
            self.engine,
            self.ring,
            market=self.time,
            clock=clock,
            metrics=self.metrics,
            lossless=config.feed.lossless,
            overflow=self._overflow,
            spoiled=self._spoiled,
            stored=self._stored,
            keeper=self.keeper,
            noticed=self.events.notice,
            about=lambda symbol: at_hand.about(symbol, clock.wall_ms()),
            judged=self.events.outcomes,
            closed=self.leaderboard.leave if self.leaderboard else None,
            missed=self._missed if config.rest.enabled else None,
        )
        self.known = await knowledge.of(self, at_hand, jitter, stack) if config.rest.enabled else None
        self.backlog, self.overload = BacklogWatch(self.outbox), Overload()
        self.loop = LoopWatch(clock, self.events.stalled)
        self.groups = GroupWatch(self.redis_url, config.redis, self.events, clock)
        self.reload = reload.of(self, self._reread)
        self.events.calendar(self.calendar.warning)
        self.snapshots = snapshot.of(self, stack)

    def _tasks(self) -> dict[str, Callable[[], Awaitable[None]]]:
        tasks: dict[str, Callable[[], Awaitable[None]]] = {
            "feed": self.feed.run,
            "engine": self.live.run,
            "market time": self.time.run,
            "redis": self.sink.run,
            "events": self.event_stream.run,
            "reload": self.reload.run,
            "backlog": self.backlog.run,
            "groups": self.groups.run,
            "snapshots": self.snapshots.run,
            "time watch": lambda: upkeep.watch_time(lambda: standing.market_time(self), self.events),
            "loop": self.loop.run,
            "watchdog": lambda: upkeep.feed_watchdog(self.notifier, lambda: standing.pulse(self)),
            "overload": lambda: overload.watch(self, self.overload),
            "prune": lambda: upkeep.prune(self.outbox, self.clock),
        }
        if punctual := self.punctuality:
            tasks["clock"] = lambda: upkeep.watch_clock(punctual, self.metrics, self.events)
        if teacher := self.teacher:
            tasks["models"] = lambda: upkeep.watch_models(teacher, self.events)
        if keeper := self.keeper:
            tasks["history"] = lambda: keeping.watch(keeper, self.events)
        if self.leaderboard:
            tasks["leaderboard"] = self.leaderboard.run
        if self.known:
            tasks |= knowledge.tasks(self, self.known)
        if self.config.redis.embedded:
            tasks["valkey"] = lambda: self.valkey.keep(self.events.server)
        return tasks

    async def _keep(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Keep a task up; where it cannot go on, the daemon stops as if asked to, and then says why."""
        try:
            await Supervisor(self.clock, self.metrics, FATAL).keep(name, run)
        except Exception as error:  # noqa: BLE001 - raised when all has stopped
            self._failed.append(error)
            self._stop.set()
            self.ending.begin(expected(error) or Exit.INTERNAL)

    def _heard(self, event: Event) -> None:
        if isinstance(event, Changed):
            if event.state is State.SUBSCRIBED and self.keeper:
                self.keeper.resumed()
            if event.state in HEARING:
                self.live.heard()
            else:
                self.live.lost()
        self.events.feed(event)

    def _missed(self, outage: Outage) -> None:
        self.events.outage(outage)
        if self.known:
            self.known.repair.missed(outage)

    def _stored(self, alerts: Sequence[Stored]) -> None:
        self.sink.wake()
        if self.leaderboard:
            self.leaderboard.follow(alerts)
        if self.known:
            self.known.enrichment.follow(alerts)

    def _overflow(self) -> None:
        self.metrics.overflows.inc()
        self.feed.drop("the engine is too slow: not even minute bars fit into the inbox")

    def _spoiled(self, verdict: Verdict) -> None:
        self.events.spoilage(verdict)
        if verdict.condition is Condition.SUSPECT:
            self.feed.drop(f"spoiled: {verdict}")

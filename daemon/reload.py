"""Rules exchanged while the daemon runs; a bad file changes nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from daemon import assembly, warm
from daemon.configfile import ConfigError
from daemon.engine.errors import RulesError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from daemon.app import App
    from daemon.config import Config
    from daemon.engine.plan import Plan
    from daemon.events import Events
    from daemon.metrics import Metrics
    from daemon.notify import Notifier

FIXED = ("feed", "model", "redis", "state", "rest", "prefetch", "history", "notify", "http", "log")
"""Sections that take a restart; of ``engine`` everything but the rules."""


def of(app: App, reread: Callable[[], Config]) -> Reloader:
    """The one that reloads the rules of `app`, whose engine stands."""
    settings = assembly.settings_of(app.config)
    return Reloader(
        app.config,
        reread,
        app.live.use,
        compiled=lambda plan: warm.kernels(plan, app.calendar.sessions, settings),
        events=app.events,
        metrics=app.metrics,
        notifier=app.notifier,
        before=app.plan,
    )


class Reloader:
    """Answers SIGHUP.

    Args:
        config: the one in force; what of it takes a restart stays so.
        reread: reads the configuration anew.
        compiled: compiles what a new plan needs, in a thread of its own, while the engine goes on with the old one.
        apply: hands a new plan to the engine, which takes it between two steps; gives whether it has.
        events, metrics, notifier: told the outcome.
        before: the plan at the start, whose features and targets stay; None for those that the configuration names.

    Attributes:
        failed: the last reload was refused and older rules are in force.
    """

    def __init__(
        self,
        config: Config,
        reread: Callable[[], Config],
        apply: Callable[[Plan], Awaitable[bool]],
        *,
        compiled: Callable[[Plan], None],
        events: Events,
        metrics: Metrics,
        notifier: Notifier,
        before: Plan | None = None,
    ) -> None:
        self._config, self._reread, self._apply, self._compiled = config, reread, apply, compiled
        self._events, self._metrics, self._notifier = events, metrics, notifier
        self._before, self._watching = before, before is None or bool(before.rules)
        self._asked = asyncio.Event()
        self.failed = False

    def ask(self) -> None:
        """Reload soon; several asks before it begins are one."""
        self._asked.set()

    async def run(self) -> None:
        """Reload whenever asked, for ever."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            self._notifier.reloading()
            try:
                fresh = await asyncio.to_thread(self._reread)
                plan = await asyncio.to_thread(assembly.plan_of, self._merged(fresh), self._before)
                await asyncio.to_thread(self._compiled, plan)
            except (ConfigError, RulesError, OSError) as error:
                self._refused(str(error))
            else:
                if plan.rules or not self._watching:
                    await self._use(fresh, plan)
                else:  # an editor empties a file before it writes it
                    self._refused(f"{fresh.engine.rules}: there is no rule in it; a restart takes it as it is")

    def _merged(self, fresh: Config) -> Config:
        engine = self._config.engine.model_copy(update={"rules": fresh.engine.rules})
        return self._config.model_copy(update={"engine": engine})

    async def _use(self, fresh: Config, plan: Plan) -> None:
        if await self._apply(plan):
            self._done(fresh, plan)
        else:
            self._refused("the engine failed to take them, see the log")

    def _done(self, fresh: Config, plan: Plan) -> None:
        self.failed, self._watching = False, bool(plan.rules)
        self._metrics.reloads.labels("done").inc()
        waits = ", ".join(self._waits(fresh))
        self._events.tell("reload.done", rules=str(len(plan.rules)), needs_restart=waits or "nothing")
        self._notifier.ready(
            f"{len(plan.rules)} rules reloaded" + (f"; a restart is needed for {waits}" if waits else "")
        )

    def _waits(self, fresh: Config) -> list[str]:
        """What has changed and takes a restart."""
        changed = [name for name in FIXED if getattr(fresh, name) != getattr(self._config, name)]
        return changed + ["engine"] * (self._merged(fresh).engine != fresh.engine)

    def _refused(self, why: str) -> None:
        self.failed = True
        self._metrics.reloads.labels("refused").inc()
        self._events.tell("reload.refused", alarm=True, what=why, remedy="the rules in force stay: mend the file")
        self._notifier.ready(f"reload refused, older rules in force: {why}")

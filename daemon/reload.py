"""Rules exchanged while the daemon runs; a bad file changes nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from daemon import assembly
from daemon.configfile import ConfigError
from daemon.engine.errors import RulesError

if TYPE_CHECKING:
    from collections.abc import Callable

    from daemon.config import Config
    from daemon.engine.plan import Plan
    from daemon.events import Events
    from daemon.metrics import Metrics
    from daemon.notify import Notifier

FIXED = ("feed", "model", "redis", "state", "http", "log")
"""Sections that take a restart; of ``engine`` everything but the rules."""


class Reloader:
    """Answers SIGHUP.

    Args:
        config: the one in force; what of it takes a restart stays so.
        reread: reads the configuration anew.
        apply: hands a new plan to the engine, which takes it between two steps.
        events, metrics, notifier: told the outcome.

    Attributes:
        failed: the last reload was refused and older rules are in force.
    """

    def __init__(
        self,
        config: Config,
        reread: Callable[[], Config],
        apply: Callable[[Plan], None],
        *,
        events: Events,
        metrics: Metrics,
        notifier: Notifier,
    ) -> None:
        self._config, self._reread, self._apply = config, reread, apply
        self._events, self._metrics, self._notifier = events, metrics, notifier
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
                plan = await asyncio.to_thread(assembly.plan_of, self._merged(fresh))
            except (ConfigError, RulesError, OSError) as error:
                self._refused(str(error))
            else:
                self._done(fresh, plan)

    def _merged(self, fresh: Config) -> Config:
        engine = self._config.engine.model_copy(update={"rules": fresh.engine.rules})
        return self._config.model_copy(update={"engine": engine})

    def _done(self, fresh: Config, plan: Plan) -> None:
        self._apply(plan)
        self.failed = False
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

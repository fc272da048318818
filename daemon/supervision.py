"""Keeps tasks alive: one that fails is started again; one that fails for ever ends the daemon."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from daemon.metrics import Metrics
    from streams.types import Clock

log = structlog.get_logger()

MOST_FAILURES = 5
WINDOW_S = 600.0
FIRST_PAUSE_S = 0.5


class TaskFailingError(Exception):
    """A task has failed again and again. Stop: a restart by systemd is the last thing that may help."""

    def __init__(self, task: str, times: int) -> None:
        super().__init__(task, times)
        self.task, self.times = task, times

    def __str__(self) -> str:
        return f"task {self.task} has failed {self.times} times in {WINDOW_S / 60:g} minutes; see the log for why"


class Supervisor:
    """Runs tasks that never end by themselves.

    Args:
        clock: for the window in which failures count.
        metrics: counts restarts by task.
        fatal: errors that no restart mends; they end the daemon at once.
        rest: pauses for so many seconds.
    """

    def __init__(
        self,
        clock: Clock,
        metrics: Metrics,
        fatal: tuple[type[Exception], ...],
        rest: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock, self._metrics, self._fatal, self._rest = clock, metrics, fatal, rest

    async def keep(self, name: str, start: Callable[[], Awaitable[None]]) -> None:
        """Run `start` until it returns; after an error again, after a pause that doubles with each one in `WINDOW_S`.

        Raises:
            TaskFailingError: more than `MOST_FAILURES` errors within `WINDOW_S`.
        """
        failed_s: list[float] = []
        while True:
            try:
                return await start()
            except self._fatal:
                raise
            except Exception as error:
                log.exception("task failed", task=name)
                now_s = self._clock.monotonic_s()
                failed_s = [at_s for at_s in failed_s if now_s - at_s < WINDOW_S] + [now_s]
                if len(failed_s) > MOST_FAILURES:
                    raise TaskFailingError(name, len(failed_s)) from error
                self._metrics.task_restarts.labels(name).inc()
                await self._rest(FIRST_PAUSE_S * 2 ** (len(failed_s) - 1))

"""The order in which the daemon stops.

The feed, the turn under way, a second for Redis to take what is pending, another for the learner, the state on disk;
the history is stored beside these three, and holds none of them up. The same whether it was asked to or cannot go on.
What has not ended after some seconds is ended with the process (`daemon.ending`).
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Mapping

    from daemon.app import App

log = structlog.get_logger()

TURN_S = 1.5
PEER_S = 1.0


async def stop(app: App, tasks: Mapping[str, asyncio.Task[None]]) -> None:
    """Input first, delivery last; what cannot end in time is cancelled. `tasks` may have ended by themselves."""
    app.ending.begin()
    app.notifier.stopping()
    if app.teacher:
        asyncio.get_running_loop().call_later(TURN_S, app.teacher.hurry)
    await _cancel(tasks["feed"], tasks["engine"], tasks["snapshots"])
    await asyncio.gather(_delivered_and_saved(app), _kept(app))
    await _cancel(*tasks.values())


async def _delivered_and_saved(app: App) -> None:
    app.sink.wake()
    with suppress(TimeoutError):
        async with asyncio.timeout(PEER_S):
            await app.sink.drained()
    if app.teacher:
        await asyncio.to_thread(app.teacher.settle, PEER_S)
    await app.snapshots.take_last()


async def _kept(app: App) -> None:
    if app.keeper and not await app.keeper.close(PEER_S):
        log.warning("history", what="not all of it was stored", rows=app.keeper.standing.waiting)


async def _cancel(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)

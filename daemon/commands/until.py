"""Runs a command until it ends, its time is over, or somebody stops it."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

import uvloop

from daemon.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Coroutine


def run_until_stopped(main: Coroutine[None, None, None], duration_s: float | None = None) -> None:
    """Run `main` on a loop of its own; SIGINT, SIGTERM and the end of `duration_s` cancel it, which is no error.

    A second signal ends the process at once.
    """
    with suppress(asyncio.CancelledError):
        uvloop.run(_stoppable(main, duration_s))


async def _stoppable(main: Coroutine[None, None, None], duration_s: float | None) -> None:
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _stop, task)
    try:
        async with asyncio.timeout(duration_s) as limit:
            await main
    except TimeoutError:
        if not limit.expired():
            raise


def _stop(task: asyncio.Task[None] | None) -> None:
    if task is None or task.cancelling():
        os._exit(Exit.TRY_AGAIN)
    task.cancel()

"""How commands that run until stopped end."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from daemon.commands.until import run_until_stopped


async def forever() -> None:
    await asyncio.Event().wait()


def test_the_end_of_its_time_is_no_error() -> None:
    run_until_stopped(forever(), 0.01)


def test_a_signal_is_no_error_and_the_work_is_unwound() -> None:
    unwound: list[bool] = []

    async def signalled() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            await forever()
        finally:
            unwound.append(True)

    run_until_stopped(signalled())
    assert unwound == [True]


def test_errors_of_the_work_come_out_a_timeout_of_its_own_among_them() -> None:
    async def slow() -> None:
        raise TimeoutError("a peer")

    with pytest.raises(TimeoutError, match="a peer"):
        run_until_stopped(slow(), 60)

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from daemon.metrics import Metrics
from daemon.supervision import Supervisor, TaskFailingError
from tests.fakes.clock import ManualClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, MutableMapping

    Lines = list[MutableMapping[str, object]]


@pytest.fixture(autouse=True)
def logged() -> Iterator[Lines]:
    with capture_logs() as lines:
        yield lines


class Stage:
    """A supervisor whose pauses take no time but on the clock, and a task that plays a script of errors."""

    def __init__(self, *fatal: type[Exception]) -> None:
        self.clock, self.metrics = ManualClock(), Metrics()
        self.supervisor = Supervisor(self.clock, self.metrics, fatal, self._rest)
        self.pauses_s: list[float] = []
        self.starts = 0

    async def _rest(self, pause_s: float) -> None:
        self.pauses_s.append(pause_s)
        self.clock.advance(pause_s)

    def playing(self, *errors: Exception, lives_s: float = 0.0) -> Callable[[], asyncio.Future[None]]:
        """Fails once with each error, after `lives_s`; then returns."""
        script = list(errors)

        async def task() -> None:
            self.starts += 1
            self.clock.advance(lives_s)
            if script:
                raise script.pop(0)

        return lambda: asyncio.ensure_future(task())

    @property
    def restarts(self) -> float | None:
        return self.metrics.registry.get_sample_value("technic_task_restarts_total", {"task": "engine"})


def errors(number: int) -> list[OSError]:
    return [OSError(str(n)) for n in range(number)]


async def test_a_task_that_fails_is_named_logged_counted_and_started_again(logged: Lines) -> None:
    stage = Stage()
    await stage.supervisor.keep("engine", stage.playing(OSError("a"), ValueError("b")))
    assert (stage.starts, stage.restarts) == (3, 2)
    assert [(line["event"], line["task"]) for line in logged] == [("task failed", "engine")] * 2
    assert stage.pauses_s == [0.5, 1.0]


async def test_an_error_that_no_restart_mends_ends_the_task_at_once() -> None:
    stage = Stage(PermissionError)
    with pytest.raises(PermissionError):
        await stage.supervisor.keep("engine", stage.playing(PermissionError()))
    assert (stage.starts, stage.restarts) == (1, None)


async def test_more_than_five_failures_in_ten_minutes_end_the_daemon() -> None:
    stage = Stage()
    script = errors(9)
    with pytest.raises(TaskFailingError, match="task engine has failed 6 times in 10 minutes") as failing:
        await stage.supervisor.keep("engine", stage.playing(*script, lives_s=90))
    assert failing.value.__cause__ is script[5]
    assert stage.restarts == 5


async def test_failures_that_lie_ten_minutes_apart_never_end_the_daemon() -> None:
    stage = Stage()
    await stage.supervisor.keep("engine", stage.playing(*errors(40), lives_s=130))
    assert stage.starts == 41


async def test_pauses_double_and_begin_anew_after_a_quiet_time() -> None:
    stage = Stage()
    await stage.supervisor.keep("engine", stage.playing(*errors(5)))
    assert stage.pauses_s == [0.5, 1.0, 2.0, 4.0, 8.0]
    quiet = Stage()
    await quiet.supervisor.keep("engine", quiet.playing(*errors(9), lives_s=700))
    assert set(quiet.pauses_s) == {0.5}


async def test_cancelling_is_no_failure() -> None:
    stage = Stage()
    task = asyncio.ensure_future(stage.supervisor.keep("engine", asyncio.Event().wait))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stage.restarts is None

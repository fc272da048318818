"""What is compiled before the first bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from daemon import calendar, kernelcache, warm
from daemon.app import App
from daemon.clock import SystemClock
from tests.daemon.running import config_of

if TYPE_CHECKING:
    from pathlib import Path

NOWHERE = "ws://127.0.0.1:1/stocks"


class Broken:
    """Work that fails so many times, as numba does on an empty file."""

    def __init__(self, times: int) -> None:
        self.left, self.done = times, 0

    def __call__(self) -> None:
        self.done += 1
        if self.done <= self.left:
            raise EOFError


@pytest.mark.parametrize("times", [0, 1])
def test_what_fails_to_compile_is_tried_once_more_without_what_was_kept(
    monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    monkeypatch.setattr(kernelcache, "wipe", lambda: True)
    work = Broken(times)
    with capture_logs() as logged:
        warm._compiled(work)
    assert (work.done, len(logged)) == (times + 1, times)


def test_what_fails_again_ends_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernelcache, "wipe", lambda: True)
    with pytest.raises(EOFError):
        warm._compiled(Broken(2))


def test_a_foreign_cache_that_is_damaged_is_no_end_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernelcache, "wipe", lambda: False)
    with pytest.raises(RuntimeError, match="NUMBA_CACHE_DIR"):
        warm._compiled(Broken(1))


async def test_what_was_warmed_before_is_not_loaded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_of(tmp_path, NOWHERE)
    warmed = warm.up(config, SystemClock())

    def again(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(calendar, "load", again)
    monkeypatch.setattr(warm, "kernels", again)
    app = App(config, SystemClock(), lambda: config, warmed)
    await app.run(duration_s=0.0)
    assert app.plan is warmed.plan

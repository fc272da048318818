"""The progress bar."""

from __future__ import annotations

import io

from rich.console import Console

from daemon.progress import ProgressBar
from tests.fakes.clock import ManualClock


def shown(*, terminal: bool, seconds: float) -> str:
    stream, clock = io.StringIO(), ManualClock()
    with ProgressBar("replay", clock, Console(file=stream, force_terminal=terminal, width=80)) as progress:
        progress(0, 10)
        clock.advance(seconds)
        progress(5, 10)
    return stream.getvalue()


def test_it_appears_on_a_terminal_after_a_second() -> None:
    assert "replay" in shown(terminal=True, seconds=1.1)


def test_short_work_and_what_is_no_terminal_see_none() -> None:
    assert shown(terminal=True, seconds=0.5) == ""
    assert shown(terminal=False, seconds=60) == ""

"""Chance with a seed that is printed, and can be given again."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from _pytest.terminal import TerminalReporter


@pytest.fixture
def chance(record_property: Callable[[str, object], None]) -> random.Random:
    """Another one at each run; ``TECHNIC_SEED`` repeats one."""
    seed = int(os.environ.get("TECHNIC_SEED") or random.SystemRandom().getrandbits(32))
    record_property("seed", seed)
    return random.Random(seed)  # noqa: S311 (picks faults)


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Name the seed of every test that had one."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    for report in reports:
        for name, seed in report.user_properties if report.when == "call" else ():
            if name == "seed":
                terminalreporter.write_line(f"TECHNIC_SEED={seed}  {report.nodeid}")

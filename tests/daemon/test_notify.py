"""What systemd is told, on real sockets."""

from __future__ import annotations

import os
import socket
import uuid
from typing import TYPE_CHECKING

import pytest

from daemon.notify import Notifier
from tests.fakes.clock import ManualClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=["file", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """A bound socket, as systemd has one, and its name in the environment."""
    name = str(tmp_path / "notify") if request.param == "file" else f"@technic-{uuid.uuid4()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(name.replace("@", "\0"))
        listening.settimeout(5)
        yield listening, name


def heard(listening: socket.socket) -> list[str]:
    return listening.recv(4096).decode().split("\n")


def test_each_message_has_the_form_that_systemd_reads(systemd: tuple[socket.socket, str]) -> None:
    listening, name = systemd
    with Notifier(ManualClock(monotonic_s=12.5), {"NOTIFY_SOCKET": name}) as notifier:
        notifier.ready("99 symbols")
        notifier.status("feed live")
        notifier.reloading()
        notifier.watchdog()
        notifier.stopping()
    assert heard(listening) == ["READY=1", "STATUS=99 symbols"]
    assert heard(listening) == ["STATUS=feed live"]
    assert heard(listening) == ["RELOADING=1", "MONOTONIC_USEC=12500000"]
    assert heard(listening) == ["WATCHDOG=1"]
    assert heard(listening) == ["STOPPING=1", "STATUS=stopping"]


def test_a_status_cannot_smuggle_in_an_assignment(systemd: tuple[socket.socket, str]) -> None:
    listening, name = systemd
    with Notifier(ManualClock(), {"NOTIFY_SOCKET": name}) as notifier:
        notifier.status("feed\nWATCHDOG=1\r\nMAINPID=1" + "x" * 9_999)
    (line,) = heard(listening)
    assert line.startswith("STATUS=feed WATCHDOG=1 MAINPID=1xxx")
    assert len(line) < 600


@pytest.mark.parametrize("name", ["", "relative", "/nowhere/at/all", "@nobody-listens-here"])
def test_without_a_listener_nothing_happens(name: str) -> None:
    with Notifier(ManualClock(), {"NOTIFY_SOCKET": name}) as notifier:
        notifier.ready("")
        notifier.watchdog()
    with Notifier(ManualClock(), {}) as notifier:
        notifier.ready("")


def test_a_listener_that_does_not_read_never_blocks(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(str(tmp_path / "notify"))
        with Notifier(ManualClock(), {"NOTIFY_SOCKET": str(tmp_path / "notify")}) as notifier:
            for _ in range(10_000):
                notifier.watchdog()


@pytest.mark.parametrize(
    ("environ", "limit_s"),
    [
        ({}, 0.0),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, 0.0),
        ({"WATCHDOG_USEC": "soon"}, 0.0),
    ],
)
def test_the_watchdog_is_fed_more_than_twice_in_its_time_if_there_is_one(
    environ: dict[str, str], limit_s: float
) -> None:
    with Notifier(ManualClock(), environ) as notifier:
        assert notifier.limit_s == limit_s
        assert notifier.watchdog_s == (limit_s * 0.4 if limit_s else None)

"""The daemon as a service: the unit, and the notify protocol of the real process."""

from __future__ import annotations

import configparser
import json
import shutil
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, NamedTuple

import pytest

from daemon.exits import Exit
from tests.fakes.program import ROOT, started

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

UNIT = ROOT / "deploy" / "technic.service"
RULES = '[[rule]]\nname = "rise"\nwhere = "close > close[1]"\n'
START_S = 55.0
STOP_S = 5.0


class Unit(configparser.RawConfigParser):
    """A unit file without repeated keys; they keep their case."""

    optionxform = staticmethod(str)  # type: ignore[assignment]


def test_systemd_finds_nothing_wrong_with_the_unit() -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    ended = subprocess.run([program, "verify", "--man=no", UNIT], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_the_unit_says_what_the_daemon_counts_on() -> None:
    unit = Unit(delimiters="=", comment_prefixes="#")
    unit.read(UNIT)
    service = unit["Service"]
    assert (service["Type"], service["NotifyAccess"]) == ("notify", "main")
    assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert service["RestartPreventExitStatus"] == str(int(Exit.CONFIG))
    assert service["LoadCredential"].startswith("feed_key:")
    assert int(service["WatchdogSec"]) >= 30
    assert int(service["TimeoutStopSec"]) > STOP_S


class Service(NamedTuple):
    """The process, systemd's end of its notify socket, and its rules."""

    process: subprocess.Popen[str]
    systemd: socket.socket
    rules: Path

    def heard(self, wanted: str) -> dict[str, str]:
        """The next message with this assignment; others are passed over."""
        while True:
            message = dict(line.split("=", 1) for line in self.systemd.recv(4096).decode().split("\n"))
            if wanted in message:
                return message

    def said(self, event: str) -> dict[str, str]:
        """The next log line of this event."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if line.startswith("{") and (found := json.loads(line))["event"] == event:
                return found
        raise AssertionError(f"the daemon ended without saying {event!r}")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A daemon whose exchange and Redis are away."""
    rules = tmp_path / "rules.toml"
    rules.write_text(RULES)
    environ = {
        "NOTIFY_SOCKET": str(tmp_path / "notify"),
        "WATCHDOG_USEC": "3000000",
        "TECHNIC_FEED__URL": "ws://127.0.0.1:9/stocks",
        "TECHNIC_FEED__KEY": "a-key",
        "TECHNIC_REDIS__URL": "redis://127.0.0.1:9",
        "TECHNIC_ENGINE__RULES": str(rules),
        "TECHNIC_MODEL__ENABLED": "false",
        "TECHNIC_HTTP__PORT": "0",
        "TECHNIC_REST__WARM_UP_S": "0",
    }
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(environ["NOTIFY_SOCKET"])
        systemd.settimeout(START_S)
        process = started("run", folder=tmp_path, environ=environ)
        with process:
            try:
                yield Service(process, systemd, rules)
            finally:
                process.kill()


def readiness(url: str) -> tuple[int, dict[str, dict[str, object]]]:
    try:
        with urllib.request.urlopen(f"{url}readyz", timeout=10) as answer:  # noqa: S310 (loopback)
            return answer.status, json.load(answer)["checks"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)["checks"]


@pytest.mark.timeout(120)
def test_a_service_without_its_peers_is_ready_reloads_and_ends(service: Service) -> None:
    url = service.said("web server")["url"]
    assert service.heard("READY")["STATUS"].startswith("1 rules")
    service.heard("WATCHDOG")
    status, checks = readiness(url)
    assert status == 503
    assert {name for name, check in checks.items() if not check["ok"]} == {"feed", "redis"}

    service.rules.write_text(RULES + 'colour = "red"\n')
    service.process.send_signal(signal.SIGHUP)
    assert service.heard("RELOADING")["MONOTONIC_USEC"].isdecimal()
    assert "refused" in service.heard("READY")["STATUS"]
    assert not readiness(url)[1]["rules"]["ok"]

    service.rules.write_text(RULES + RULES.replace("rise", "rise-again"))
    service.process.send_signal(signal.SIGHUP)
    service.heard("RELOADING")
    assert service.heard("READY")["STATUS"].startswith("2 rules")
    assert readiness(url)[1]["rules"]["ok"]

    service.heard("WATCHDOG")
    service.process.terminate()
    service.heard("STOPPING")
    assert service.process.wait(STOP_S) == 0

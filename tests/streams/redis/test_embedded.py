"""The embedded server: private, on disk, ended with us, adopted after a kill."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from redis.exceptions import RedisError

from streams.redis import embedded
from streams.redis.connection import connect
from streams.redis.embedded import EmbeddedValkey
from streams.redis.errors import EmbeddedServerError
from tests.streams.redis.conftest import free_port
from tests.streams.redis.waiting import eventually


def alive(pid: int) -> bool:
    """Whether the process runs; one that waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_it_serves_on_a_private_socket_and_is_gone_after_the_block(tmp_path: Path) -> None:
    async with EmbeddedValkey(tmp_path / "state") as server:
        async with connect(server.url) as client:
            assert await client.ping()
            assert (await client.config_get("appendonly"))["appendonly"] == "yes"
            assert (await client.config_get("port"))["port"] == "0"
        assert alive(server.pid)
        assert not server.adopted
        assert (tmp_path / "state" / "valkey.sock").stat().st_mode & 0o077 == 0
        pid = server.pid
    assert not alive(pid)


async def test_a_loopback_port_is_opened_on_request(tmp_path: Path) -> None:
    port = free_port()
    async with EmbeddedValkey(tmp_path, port=port), connect(f"redis://127.0.0.1:{port}") as client:
        assert await client.ping()


async def test_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
    async with EmbeddedValkey(tmp_path) as server, connect(server.url) as client:
        await client.xadd("s", {"a": "1"}, id="5-0")
    async with EmbeddedValkey(tmp_path) as server, connect(server.url) as client:
        assert await client.xrange("s") == [(b"5-0", {b"a": b"1"})]


async def test_it_has_a_session_of_its_own_so_that_ctrl_c_does_not_reach_it(tmp_path: Path) -> None:
    async with EmbeddedValkey(tmp_path) as server:
        assert os.getsid(server.pid) == server.pid != os.getsid(0)


OWNER = """
import asyncio, sys
from pathlib import Path
from streams.redis.embedded import EmbeddedValkey

async def main():
    async with EmbeddedValkey(Path(sys.argv[1])) as server:
        print(server.pid, flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


def killed_owner(folder: Path) -> int:
    """Process id of a server whose owner was killed."""
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(folder)], stdout=subprocess.PIPE, text=True)
    assert owner.stdout
    pid = int(owner.stdout.readline())
    owner.kill()
    owner.wait()
    owner.stdout.close()
    return pid


async def test_a_server_left_behind_by_a_killed_owner_is_adopted_and_ended(tmp_path: Path) -> None:
    pid = killed_owner(tmp_path)
    assert alive(pid)
    port = free_port()
    async with EmbeddedValkey(tmp_path, port=port) as server:
        assert (server.adopted, server.pid) == (True, pid)
        async with connect(f"redis://127.0.0.1:{port}") as client:
            assert await client.ping()
    assert not alive(pid)


async def test_a_server_left_behind_that_hangs_is_killed_with_a_message_and_the_next_start_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "STOP_S", 0.1)
    pid = killed_owner(tmp_path)
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(EmbeddedServerError, match=rf"process {pid} in .* does not answer within 0.2 s"):
        await EmbeddedValkey(tmp_path, start_s=0.2).__aenter__()
    async with EmbeddedValkey(tmp_path) as server:
        assert server.pid != pid
    assert not alive(pid)


async def test_a_socket_left_behind_by_a_dead_server_is_no_obstacle(tmp_path: Path) -> None:
    pid = killed_owner(tmp_path)
    os.kill(pid, signal.SIGKILL)
    await eventually(lambda: not alive(pid))
    assert (tmp_path / "valkey.sock").exists()
    async with EmbeddedValkey(tmp_path) as server:
        assert not server.adopted


async def test_two_owners_of_one_folder_are_kept_apart(tmp_path: Path) -> None:
    async with EmbeddedValkey(tmp_path) as first:
        with pytest.raises(EmbeddedServerError, match="belongs to another technic that is running"):
            await EmbeddedValkey(tmp_path).__aenter__()
        assert alive(first.pid)


async def test_a_taken_port_is_told_with_the_lines_of_the_log(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EmbeddedServerError, match=rf"ended at its start(.|\n)*{port}.*in use"):
            await EmbeddedValkey(tmp_path, port=port).__aenter__()


async def test_a_folder_whose_socket_would_be_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedServerError, match="choose a shorter state folder"):
        await EmbeddedValkey(tmp_path / ("x" * 120)).__aenter__()


async def test_a_server_that_does_not_stop_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "STOP_S", 0.1)
    async with EmbeddedValkey(tmp_path) as server:
        pid = server.pid
        os.kill(pid, signal.SIGSTOP)
    assert not alive(pid)


async def test_a_server_that_ends_by_itself_is_started_again_with_its_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "RESTART_S", 0.05)
    told: list[str] = []
    async with EmbeddedValkey(tmp_path) as server:
        async with connect(server.url) as client:
            await client.xadd("s", {"a": "1"}, id="5-0")
        keeper = asyncio.ensure_future(server.keep(told.append))
        pid = server.pid
        os.kill(pid, signal.SIGKILL)

        async def serves_again() -> bool:
            with suppress(RedisError):
                async with connect(server.url) as client:
                    return await client.xlen("s") == 1
            return False

        await eventually(serves_again)
        assert server.pid != pid
        assert len(told) == 1
        keeper.cancel()

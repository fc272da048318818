"""Every command and program of docs/streams.md, run on a real server."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from streams.redis.connection import connect
from streams.redis.consumer import AlertConsumer
from streams.redis.embedded import EmbeddedValkey
from tests.fakes.program import environment
from tests.schemas import DOCS
from tests.streams.redis.conftest import free_port
from tests.streams.redis.consuming import HURRIED, alert_of
from tests.streams.redis.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

ALERTS = "technic:alerts"
NAMED = "1736173800000-0"
"""The entry that the page's commands name."""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (DOCS / "streams.md").read_text(), re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    return [line for block in blocks("sh") for line in block.splitlines()]


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    number = free_port()
    async with EmbeddedValkey(tmp_path / "v", port=number):
        yield number


async def run(*words: str, folder: Path, **environ: str) -> tuple[int, str]:
    """Run a program to its end; how it ended, and what it said."""
    process = await asyncio.create_subprocess_exec(
        *words, env={**environment(folder), **environ}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(20):
        said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


def cli(folder: Path, port: int) -> str:
    """A redis-cli that talks to this server, and fails where a command does; the folder it is in."""
    found = shutil.which("redis-cli")
    if found is None:
        pytest.skip("redis-cli is not installed: the page's commands were not run")
    folder.mkdir()
    (folder / "redis-cli").write_text(f'#!/bin/sh\nexec {found} -e -p {port} "$@"\n')
    (folder / "redis-cli").chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


async def test_every_command_of_the_page_does_what_it_says(tmp_path: Path, port: int) -> None:
    path = cli(tmp_path / "bin", port)
    async with connect(f"redis://127.0.0.1:{port}") as redis:
        await redis.xadd(ALERTS, {"id": "first", "data": json.dumps(alert_of(1))}, id=NAMED)
    said = {}
    for command in commands():
        code, said[command] = await run("/bin/sh", "-c", command, folder=tmp_path, PATH=path)
        assert code == 0, (command, said[command])
        assert "ERR" not in said[command]
    assert len(said) == 13
    for command, text in said.items():
        if re.search(r"XREVRANGE technic:alerts|XRANGE|'>'", command):
            assert NAMED in text, command
        if "XACK" in command:
            assert text == "1\n"


async def test_the_user_of_the_page_may_all_that_a_consumer_needs_and_nothing_else(tmp_path: Path, port: int) -> None:
    path = cli(tmp_path / "bin", port)
    command = next(line for line in commands() if "ACL SETUSER" in line)
    assert (await run("/bin/sh", "-c", command, folder=tmp_path, PATH=path))[0] == 0
    url = f"redis://orders:secret@127.0.0.1:{port}"
    async with connect(f"redis://127.0.0.1:{port}") as redis:
        for number in range(1, 5):
            await redis.xadd(ALERTS, {"data": json.dumps(alert_of(number)) if number != 2 else "poison"})
        async with AlertConsumer(url, group="orders", name="dead", start="0", policy=HURRIED) as dead:
            await anext(dead)
        async with AlertConsumer(url, group="orders", name="one", policy=HURRIED) as consumer:
            async with asyncio.timeout(20):
                seen = {(await anext(consumer)).id for _ in range(3)}
            assert (seen, consumer.buried) == ({"alert-1", "alert-3", "alert-4"}, 1)
        for words in ("GET technic:scores", "XADD technic:events * a b", "XTRIM technic:alerts MAXLEN 0", "KEYS *"):
            code, said = await run(
                *f"redis-cli --user orders --pass secret --no-auth-warning {words}".split(), folder=tmp_path, PATH=path
            )
            assert (code, "NOPERM" in said) == (1, True), words


async def test_the_program_of_the_page_runs(tmp_path: Path, port: int) -> None:
    (program,) = blocks("python")
    program = program.replace("redis://127.0.0.1:6379", f"redis://127.0.0.1:{port}")
    reader = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, env=environment(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert reader.stdout
    async with connect(f"redis://127.0.0.1:{port}") as redis:
        await eventually(lambda: redis.exists(ALERTS), 20)
        await redis.xadd(ALERTS, {"data": json.dumps(alert_of(7, score=0.5))})
        async with asyncio.timeout(20):
            assert await reader.stdout.readline() == b"alert-7 AAPL busy 10.5 0.5\n"
    reader.terminate()
    await reader.wait()

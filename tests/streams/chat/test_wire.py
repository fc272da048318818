"""Peers that are worse than any service: too much, never done, not who they say they are, not there."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from streams.chat.message import Fate, Message
from streams.chat.open import sender
from streams.chat.wire import key_of
from tests.fakes.certificate import self_signed
from tests.fakes.rest import RestServer, says
from tests.streams.chat.channels import CHART, MESSAGE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import aiohttp


async def refuses_for_ever(request: web.Request) -> web.StreamResponse:
    """Its status comes at once, its body never ends."""
    response = web.StreamResponse(status=404)
    await response.prepare(request)
    with suppress(ConnectionError, asyncio.CancelledError):
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.02)
    return response


async def test_a_refusal_counts_though_its_words_never_end(session: aiohttp.ClientSession) -> None:
    async with RestServer(refuses_for_ever) as peer:
        answer = await sender("webhook", {"url": peer.origin}, session, 0.4).send(MESSAGE)
    assert answer.fate is Fate.REFUSED
    assert answer.what == "HTTP 404"


async def test_of_an_endless_answer_only_the_beginning_is_read(session: aiohttp.ClientSession) -> None:
    async with RestServer(says(b"x" * (32 << 20), status=403)) as peer:
        answer = await sender("webhook", {"url": peer.origin}, session).send(MESSAGE)
    assert answer.fate is Fate.REFUSED
    assert answer.what == f"HTTP 403: {'x' * 200}"


@pytest.mark.parametrize("garbage", [b"\0" * 100, b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\nA" + b"b" * 100_000])
async def test_what_does_not_speak_http_leaves_it_unknown(garbage: bytes, session: aiohttp.ClientSession) -> None:
    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(garbage)
        writer.close()

    async with await asyncio.start_server(peer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        answer = await sender("webhook", {"url": f"http://127.0.0.1:{port}"}, session, 2.0).send(CHART)
    assert answer.fate is Fate.UNKNOWN


async def test_nothing_is_sent_to_one_who_does_not_prove_its_name(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*self_signed(tmp_path, "DNS:elsewhere"))
    heard: list[bytes] = []

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            heard.append(await reader.read())
        writer.close()

    async with await asyncio.start_server(peer, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        answer = await sender("webhook", {"url": f"https://127.0.0.1:{port}/x"}, session).send(MESSAGE)
    assert answer.fate is Fate.LATER
    assert answer.what == "there is no connection (ClientConnectorCertificateError)"
    assert b"".join(heard) == b""


@pytest.fixture
def full() -> Iterator[int]:
    """Port of one who has no room for a further connection: whoever knocks there waits."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


async def test_who_never_lets_one_in_has_taken_nothing(full: int, session: aiohttp.ClientSession) -> None:
    answer = await sender("webhook", {"url": f"http://127.0.0.1:{full}"}, session, 0.6).send(MESSAGE)
    assert (answer.fate, answer.what) == (Fate.LATER, "there is no connection (ConnectionTimeoutError)")


def test_the_key_is_that_of_the_alerts_and_of_nothing_else() -> None:
    message = Message("t", ("a",), ids=("1", "2"))
    assert key_of(message) == key_of(message._replace(title="again: t", lines=()))
    assert key_of(message) != key_of(message._replace(ids=("12",)))
    assert key_of(message._replace(ids=())) != key_of(message._replace(ids=()))


@pytest.mark.parametrize("host", ["a..b", "a" * 64 + ".com"])
async def test_a_host_that_cannot_be_is_refused(host: str, session: aiohttp.ClientSession) -> None:
    answer = await sender("webhook", {"url": f"http://{host}/x"}, session).send(MESSAGE)
    assert answer == (Fate.REFUSED, "its address names a host that cannot be", 0.0)

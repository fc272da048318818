"""A scriptable exchange on loopback: each connection plays the next script, the last one again and again."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from websockets.asyncio.server import ServerConnection

    Script = Callable[["Peer"], Awaitable[None]]

KEY = "the-right-key"


class Peer:
    """One connection, from the exchange's side."""

    def __init__(self, connection: ServerConnection, asked: list[list[str]]) -> None:
        self.connection = connection
        self._asked = asked

    async def send(self, *elements: Any) -> None:
        await self.connection.send(json.dumps(elements, separators=(",", ":")))

    async def status(self, status: str, message: str = "") -> None:
        await self.send({"ev": "status", "status": status, "message": message})

    async def hear(self) -> dict[str, str]:
        heard: dict[str, str] = json.loads(await self.connection.recv())
        return heard

    async def greet(self) -> None:
        await self.status("connected", "Connected Successfully")

    async def login(self) -> None:
        await self.greet()
        request = await self.hear()
        if request != {"action": "auth", "params": KEY}:
            await self.status("auth_failed", "authentication failed")
            self.cut()
            return
        await self.status("auth_success", "authenticated")

    async def subscribe(self, *, denied: tuple[str, ...] = (), ignored: tuple[str, ...] = ()) -> None:
        """Log in, and answer one request for channels as the vendor does."""
        await self.login()
        request = await self.hear()
        channels = request["params"].split(",")
        self._asked.append(channels)
        for _ in denied:
            await self.status("error", "not authorized")
        for channel in channels:
            if channel not in denied and channel not in ignored:
                await self.status("success", f"subscribed to: {channel}")

    async def wait(self) -> None:
        """Until the client goes."""
        await self.connection.wait_closed()

    def cut(self) -> None:
        """Vanish without a close frame: end of file on the client's side."""
        self.connection.transport.abort()

    def reset(self) -> None:
        """Vanish with RST."""
        sock = self.connection.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.transport.abort()

    def cut_in_frame(self) -> None:
        """End of file in the middle of a text frame of 100 bytes."""
        self.connection.transport.write(b'\x81\x64[{"ev":"A"')
        self.connection.transport.close()


class FakeExchange:
    """What the server has seen.

    Attributes:
        url: where it listens.
        asked: channels of each subscription, in order.
        opened: connections so far.
    """

    def __init__(self, scripts: tuple[Script, ...]) -> None:
        self._scripts = scripts
        self.url = ""
        self.asked: list[list[str]] = []
        self.opened = 0

    async def accept(self, connection: ServerConnection) -> None:
        script = self._scripts[min(self.opened, len(self._scripts) - 1)]
        self.opened += 1
        with suppress(ConnectionClosed):
            await script(Peer(connection, self.asked))


@asynccontextmanager
async def exchange(*scripts: Script, **options: Any) -> AsyncIterator[FakeExchange]:
    """A server on a free port of 127.0.0.1; `options` go to `websockets.serve`."""
    fake = FakeExchange(scripts)
    async with serve(fake.accept, "127.0.0.1", 0, **({"close_timeout": 0.2} | options)) as server:
        port = server.sockets[0].getsockname()[1]
        fake.url = f"ws://127.0.0.1:{port}/stocks"
        yield fake


async def eventually(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Wait until `condition` holds."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.005)

"""A loopback TCP proxy that misbehaves when told."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, Self

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter
    from collections.abc import Callable
    from types import TracebackType

Mode = Literal["pass", "refuse", "hang", "drop", "cut", "slow"]
SLOW_S = 0.02
CHUNK_BYTES = 65_536


class Proxy:
    """Stands between a client and ``host:port``, or a unix socket; ends its connections on the way out.

    Modes, for all connections from the moment they are set:

    - ``pass``: everything passes.
    - ``refuse``: who connects is cut off at once.
    - ``hang``: nothing passes either way, until the mode changes.
    - ``drop``: requests reach the server, its replies vanish.
    - ``cut``: the next reply is not passed on: the connection is cut instead, and the mode is ``pass`` again.
    - ``slow``: every chunk waits `SLOW_S`.

    Attributes:
        on_request: sees every chunk on its way to the server; may set `mode` before it goes there.
        connections: made so far.
    """

    def __init__(self, host: str = "", port: int = 0, *, path: str = "") -> None:
        self.on_request: Callable[[bytes], None] = lambda _: None
        self.connections = 0
        self._upstream = (host, port, path)
        self._mode: Mode = "pass"
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._serving: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        await self.cut_all()
        await self._server.wait_closed()

    @property
    def mode(self) -> Mode:
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        self._mode = mode
        if mode == "hang":
            self._flowing.clear()
        else:
            self._flowing.set()

    async def cut_all(self) -> None:
        """Cut every connection."""
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        self.connections += 1
        if self.mode == "refuse":
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task
        self._serving.add(task)
        try:
            with suppress(OSError, asyncio.CancelledError):
                await self._join(reader, writer)
        finally:
            self._serving.discard(task)
            writer.transport.abort()

    async def _join(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Pump both ways until one end closes."""
        host, port, path = self._upstream
        opening = asyncio.open_unix_connection(path) if path else asyncio.open_connection(host, port)
        server_reader, server_writer = await opening
        pumps = [
            asyncio.ensure_future(self._requests(reader, server_writer)),
            asyncio.ensure_future(self._replies(server_reader, writer)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            server_writer.transport.abort()
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _requests(self, reader: StreamReader, server: StreamWriter) -> None:
        while chunk := await reader.read(CHUNK_BYTES):
            self.on_request(chunk)
            await self._hold()
            server.write(chunk)
            await server.drain()

    async def _replies(self, server: StreamReader, writer: StreamWriter) -> None:
        while chunk := await server.read(CHUNK_BYTES):
            await self._hold()
            if self.mode == "cut":
                self.mode = "pass"
                return
            if self.mode != "drop":
                writer.write(chunk)
                await writer.drain()

    async def _hold(self) -> None:
        await self._flowing.wait()
        if self.mode == "slow":
            await asyncio.sleep(SLOW_S)

"""The exchange's port: listened on, refused for a while, and listened on again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from websockets.asyncio.server import serve

from streams.simulator.errors import PortTakenError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from websockets.asyncio.server import Server, ServerConnection

RETRY_S: Final = 0.2
"""Between two tries to listen again."""


class Doors:
    """Owns the listening socket, from `open` to `close`.

    Args:
        converse: serves a connection.
        host: address to listen on.
        port: 0 for a free one.
        options: of `websockets.serve`.

    Attributes:
        port: the port that is or was listened on.
    """

    def __init__(
        self,
        converse: Callable[[ServerConnection], Awaitable[None]],
        host: str,
        port: int,
        options: Mapping[str, Any],
    ) -> None:
        self.port = port
        self._converse, self._host, self._options = converse, host, options
        self._servers: list[Server] = []
        self._outage: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Listen.

        Raises:
            PortTakenError: somebody else does.
        """
        try:
            server = await serve(self._converse, self._host, self.port, **self._options)
        except OSError as error:
            raise PortTakenError(self._host, self.port, error.strerror or str(error)) from error
        self.port = server.sockets[0].getsockname()[1]
        self._servers.append(server)

    def shut(self, seconds: float) -> None:
        """Refuse connections for so long from now on; those that stand stay."""
        if self._outage is not None:
            self._outage.cancel()
        self._servers[-1].server.close()
        self._outage = asyncio.create_task(self._open_after(seconds), name="simulated outage")

    async def close(self) -> None:
        """Listen no more, and close all connections (1001)."""
        if self._outage is not None:
            self._outage.cancel()
            await asyncio.wait({self._outage})
        for server in self._servers:
            server.close()
        await asyncio.gather(*(server.wait_closed() for server in self._servers))

    async def _open_after(self, seconds: float) -> None:
        """Try until it works: nobody would be told that somebody else has taken the port meanwhile."""
        await asyncio.sleep(seconds)
        while True:
            try:
                return await self.open()
            except PortTakenError:
                await asyncio.sleep(RETRY_S)

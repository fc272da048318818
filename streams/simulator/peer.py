"""One client's connection: its conversation, and bars written to it within bounds."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from websockets.asyncio.server import broadcast
from websockets.exceptions import ConnectionClosed

from streams.simulator.exchange import AUTH_TIMEOUT, GREETING, SLOW_CONSUMER, Fate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from websockets.asyncio.server import ServerConnection

    from streams.simulator.exchange import Session

POLICY_VIOLATION = 1008
NORMAL = 1000


class Limits(NamedTuple):
    """How long and how far a client is waited for.

    Attributes:
        auth_s: until it has sent its key.
        buffer_bytes: unread bytes held for it when time sets the pace; beyond, it is cut off.
        stall_s: until it reads on, when clients set the pace; beyond, it is cut off.
        ping_s: a ping is sent this often, and its pong waited for as long; beyond, close 1011. None: no pings.
    """

    auth_s: float = 10.0
    buffer_bytes: int = 16 << 20
    stall_s: float = 300.0
    ping_s: float | None = None


class Peer:
    """Owns one connection; whoever cancels `converse` closes it.

    Args:
        socket: the connection, open.
        session: what the client may and wants.
        limits: what it is granted.
        changed: called when its subscriptions have changed.

    Attributes:
        session: as given.
        leaving: nothing more is to be written: it is cut off.
    """

    def __init__(self, socket: ServerConnection, session: Session, limits: Limits, changed: Callable[[], None]) -> None:
        self.session = session
        self.leaving = False
        self._socket, self._limits, self._changed = socket, limits, changed
        self._last_words = AUTH_TIMEOUT
        self._leash: asyncio.Timeout | None = None

    async def converse(self) -> None:
        """Greet and answer until the client leaves, is refused, or is cut off."""
        self._write(GREETING)
        try:
            async with asyncio.timeout(self._limits.auth_s) as self._leash:
                async for message in self._socket:
                    self._answer(message)
        except ConnectionClosed:
            return
        except TimeoutError:
            self.leaving = True
            self._write(self._last_words)
            await self._socket.close(POLICY_VIOLATION)
        finally:
            self.leaving = True

    def push(self, frames: Sequence[bytes]) -> None:
        """Write without waiting; cuts the client off when too much lies unread."""
        for frame in frames:
            if self.leaving:
                return
            self._write(frame)
            self._cut_if_slow()

    async def send(self, frames: Sequence[bytes]) -> None:
        """Write at the pace at which the client reads; cuts it off when it reads no more."""
        for frame in frames:
            if self.leaving:
                return
            try:
                async with asyncio.timeout(self._limits.stall_s):
                    await self._socket.send(frame, text=True)
            except TimeoutError:
                self._cut()
            except ConnectionClosed:
                self.leaving = True

    async def finish(self) -> None:
        """Close in peace, once the client has read everything or has had its time to."""
        with suppress(ConnectionClosed, TimeoutError):
            async with asyncio.timeout(self._limits.stall_s):
                await (await self._socket.ping())
        await self._socket.close(NORMAL)

    def _answer(self, message: str | bytes) -> None:
        answer = self.session.receive(message)
        if answer.frame:
            self._write(answer.frame)
        if answer.fate is Fate.ABORTED:
            self.leaving = True
            self._socket.transport.close()  # sends what is written, but no close frame
            return
        self._cut_if_slow()
        if self._leash and self.session.authenticated and not self.leaving:
            self._leash.reschedule(None)
        self._changed()

    def _cut_if_slow(self) -> None:
        if self._socket.transport.get_write_buffer_size() > self._limits.buffer_bytes:
            self._cut()

    def _cut(self) -> None:
        """End the conversation from outside: its time is up now."""
        if self._leash and not self.leaving:
            self.leaving = True
            self._last_words = SLOW_CONSUMER
            self._leash.reschedule(0)

    def _write(self, frame: bytes) -> None:
        """Write at once, whatever lies unread: what is written next, a pong too, comes after it."""
        broadcast([self._socket], frame, text=True)

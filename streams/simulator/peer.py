"""One client's connection: its conversation, and bars written to it within bounds."""

from __future__ import annotations

import asyncio
import socket as sockets
import struct
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
        number: of the connection, from 1.

    Attributes:
        session, number: as given.
        leaving: nothing more is to be written: it is cut off.
        packs: whether it allows compression.
    """

    def __init__(
        self, socket: ServerConnection, session: Session, limits: Limits, changed: Callable[[], None], number: int = 1
    ) -> None:
        self.session, self.number = session, number
        self.leaving = False
        self.packs = bool(socket.protocol.extensions)
        self._stalls = self._deaf = 0
        self._socket, self._limits, self._changed = socket, limits, changed
        self._last_words: bytes | None = AUTH_TIMEOUT
        self._last_code = POLICY_VIOLATION
        self._leash: asyncio.Timeout | None = None

    async def converse(self) -> None:
        """Greet and answer until the client leaves, is refused, or is cut off."""
        self.write(GREETING)
        try:
            async with asyncio.timeout(self._limits.auth_s) as self._leash:
                async for message in self._socket:
                    self._answer(message)
        except ConnectionClosed:
            return
        except TimeoutError:
            self.leaving = True
            if self._last_words is not None:
                self.write(self._last_words)
            await self._socket.close(self._last_code)
        finally:
            self.leaving = True

    def push(self, frames: Sequence[bytes]) -> None:
        """Write without waiting; cuts the client off when too much lies unread."""
        for frame in frames:
            if self.leaving or self._stalls:
                return
            self.write(frame)
            self._cut_if_slow()

    async def send(self, frames: Sequence[bytes]) -> None:
        """Write at the pace at which the client reads; cuts it off when it reads no more."""
        for frame in frames:
            if self.leaving or self._stalls:
                return
            try:
                async with asyncio.timeout(self._limits.stall_s):
                    await self._socket.send(frame, text=True)
            except TimeoutError:
                self._cut()
            except ConnectionClosed:
                self.leaving = True

    async def finish(self) -> None:
        """Close in peace, once the client has read everything or has had its time to; at once if it is not heard."""
        if self._deaf:
            self._socket.transport.abort()
            return
        with suppress(ConnectionClosed, TimeoutError):
            async with asyncio.timeout(self._limits.stall_s):
                await (await self._socket.ping())
        await self._socket.close(NORMAL)

    def _answer(self, message: str | bytes) -> None:
        answer = self.session.receive(message)
        if answer.frame:
            self.write(answer.frame)
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
        self.dismiss(SLOW_CONSUMER)

    def write(self, frame: bytes) -> None:
        """Write at once, whatever lies unread: what is written next, a pong too, comes after it."""
        if not self._stalls:
            broadcast([self._socket], frame, text=True)

    def write_raw(self, wire: bytes) -> None:
        """Write bytes that are no frame of the library's."""
        self._socket.transport.write(wire)

    def dismiss(self, words: bytes | None, code: int = POLICY_VIOLATION) -> None:
        """End the conversation from outside, with a close frame: its time is up now."""
        if self._leash and not self.leaving:
            self.leaving = True
            self._last_words, self._last_code = words, code
            self._leash.reschedule(0)

    def drop(self) -> None:
        """End of file without a close frame, once what is written is out."""
        self.leaving = True
        self._socket.transport.close()

    def cut(self) -> None:
        """End of file in the middle of a text frame of 100 bytes."""
        self.leaving = True
        self._socket.transport.write(b'\x81\x64[{"ev":"A"')
        self._socket.transport.close()

    def reset(self) -> None:
        """End with RST."""
        self.leaving = True
        linger(self._socket)
        self._socket.transport.abort()

    def stall(self) -> None:
        """Send nothing any more but pongs, until `resume`."""
        self._stalls += 1

    def resume(self) -> None:
        """Send again."""
        self._stalls -= 1

    def deafen(self) -> None:
        """Neither read nor write, until `hear`: no pong, no answer to a close."""
        self._stalls += 1
        self._deaf += 1
        with suppress(RuntimeError):
            self._socket.transport.pause_reading()

    def hear(self) -> None:
        """Read and write again; a connection that has ended by then is found out."""
        self._stalls -= 1
        self._deaf -= 1
        if not self._deaf:
            with suppress(RuntimeError):
                self._socket.transport.resume_reading()


def linger(connection: ServerConnection) -> None:
    """Let an abort of the connection send RST."""
    connection.transport.get_extra_info("socket").setsockopt(
        sockets.SOL_SOCKET, sockets.SO_LINGER, struct.pack("ii", 1, 0)
    )

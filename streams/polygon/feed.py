"""The socket to the exchange: a thin shell around `session`, which reads, stamps, hands on, and connects again.

The reader does nothing else: overload is a matter of whoever takes the frames. Past the library's high-water mark its
own pings would go unanswered, and the exchange would hang up.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, InvalidURI, WebSocketException

from streams.errors import AuthRejected, CertificateRejected
from streams.polygon.backoff import EVICTED, LOST, SILENT, Backoff
from streams.polygon.codec import Codec
from streams.polygon.session import Ending, Session

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from random import Random

    from websockets.asyncio.client import ClientConnection

    from streams.polygon.session import Event, State
    from streams.secret import Secret
    from streams.types import Clock

MAX_FRAME_BYTES: Final = 4 << 20
"""Longest message taken, after decompression; a longer one closes with 1009. The vendor's stay below 1 MB."""

PING_S: Final = 5.0
CLOSE_S: Final = 3.0
"""A peer that has gone without a word is found within twice `PING_S` and this."""

OPEN_S: Final = 10.0
HANG_UP_S: Final = 1.0
"""How long a close of ours may take before the connection is cut."""

TICK_S: Final = 0.5
"""The session learns the time at least this often."""

ASLEEP_S: Final = 30.0
"""Who has not looked at the connection for so long was stopped, machine and all: it is not to be trusted any more."""

CERTIFICATE_TRIES: Final = 3

_LOGGER: Final = "websockets.client"
_STATUS: Final = b'"status"'
_STATUS_WITHIN: Final = 32
_LADDERS: Final = {Ending.EVICTED: EVICTED, Ending.STALE: SILENT}


@dataclass(slots=True)
class Counts:
    """What a feed has seen since it began; only grows."""

    frames: int = 0
    bytes: int = 0
    connections: int = 0
    losses: int = 0


class _Connect(connect):
    """Connects to the configured address and no other: after a redirect the key would go to someone else."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class Feed:
    """One subscription to the exchange, kept up for ever.

    Owns the connection and the only retry there is. Cancelling `run` closes the connection within a second.

    Args:
        url: ``wss://`` or ``ws://``, with the market's path.
        key: API key; goes over the socket once a connection, and nowhere else.
        channels: what to subscribe to, such as ``A.*``; all of them anew after each connection.
        clock: its wall time is the market's and stamps the frames, its monotonic time is for deadlines.
        random: spreads the delays between attempts.
        on_frame: takes a frame's bytes and the market time in milliseconds at which it came, and must not wait. What
            it returns, in lossless mode, is awaited before the next frame is read.
        on_event: takes each `session.Event`, among them every change of state; must not wait.
        silence_s: for how long there may be no data now, None for ever; asked all the time.
        lossless: for simulated exchanges faster than real time: a slow engine slows the exchange, and no
            keepalive times out meanwhile.
    """

    def __init__(
        self,
        url: str,
        key: Secret,
        channels: Sequence[str],
        *,
        clock: Clock,
        random: Random,
        on_frame: Callable[[bytes, int], Awaitable[None] | None],
        on_event: Callable[[Event], None],
        silence_s: Callable[[], float | None] = lambda: None,
        lossless: bool = False,
    ) -> None:
        self._url, self._clock, self._lossless = url, clock, lossless
        self._on_frame, self._on_event, self._silence_s = on_frame, on_event, silence_s
        self._session = Session(key, channels)
        self._backoff = Backoff(random)
        self._codec = Codec()
        self._connection: ClientConnection | None = None
        self._reading = False
        self._certificates = 0
        self._dropped = ""
        self.counts = Counts()

    @property
    def state(self) -> State:
        """Where the session stands."""
        return self._session.state

    @property
    def silent_s(self) -> float:
        """For how long there has been no data where there should have been."""
        return self._session.silent_s(self._clock.monotonic_s())

    async def run(self) -> None:
        """Connect, subscribe, read; and again, whatever ends a connection.

        Raises:
            AuthRejected: the key is wrong.
            CertificateRejected: the certificate is, three times running.
            ValueError: the address is none.
        """
        logging.getLogger(_LOGGER).setLevel(logging.WARNING)  # at DEBUG it prints what is sent, the key too
        try:
            while True:
                delay_s = await self._once()
                await asyncio.sleep(delay_s)
        finally:
            self._session.closed()
            self._tell()

    def drop(self, reason: str) -> None:
        """Hang up on purpose and connect again, because what came could not be taken; what has come since is left."""
        self._dropped = reason
        if self._connection is not None:
            self._connection.transport.abort()

    async def quiet(self, timeout_s: float) -> bool:
        """Whether everything that the exchange sent before now has been handed on, and nothing more has come since.

        A pong comes behind all that was sent before its ping was answered. False when frames came meanwhile, when
        the last is still being taken, or when there is no connection or no pong in time.
        """
        connection, before = self._connection, self.counts.frames
        if connection is None:
            return False
        try:
            async with asyncio.timeout(timeout_s):
                await (await connection.ping())
        except (ConnectionClosed, TimeoutError):
            return False
        return connection is self._connection and self._reading and self.counts.frames == before

    async def _once(self) -> float:
        """One connection from attempt to end; returns how long to wait before the next."""
        self._dropped = ""
        try:
            connection = await self._connect()
        except ssl.SSLCertVerificationError as error:
            self._certificates += 1
            if self._certificates >= CERTIFICATE_TRIES:
                raise CertificateRejected(error.verify_message) from error
            return self._lost(f"certificate refused: {error.verify_message}")
        except InvalidURI as error:
            raise ValueError(f"not a websocket address: {self._url!r}") from error
        except (OSError, WebSocketException) as error:
            return self._lost(f"cannot connect: {_described(error)}")
        self._certificates = 0
        self.counts.connections += 1
        try:
            reason = await self._converse(connection)
        finally:
            self._connection = None
            await _hang_up(connection)
        return self._lost(reason)

    async def _connect(self) -> ClientConnection:
        return await _Connect(
            self._url,
            proxy=None,
            open_timeout=OPEN_S,
            ping_interval=PING_S,
            ping_timeout=None if self._lossless else PING_S,
            close_timeout=CLOSE_S,
            max_size=MAX_FRAME_BYTES,
            logger=logging.getLogger(_LOGGER),
        )

    def _lost(self, reason: str) -> float:
        self.counts.losses += 1
        session = self._session
        if session.over is Ending.REFUSED:
            raise AuthRejected(session.message)
        ladder = LOST if session.over is None else _LADDERS.get(session.over, LOST)
        delay_s = self._backoff.next_s(ladder, session.healthy_s(self._clock.monotonic_s()))
        session.lost(reason)
        self._tell()
        return delay_s

    async def _converse(self, connection: ClientConnection) -> str:
        """Read until the end; returns its reason."""
        looked_s = self._clock.monotonic_s()
        self._session.opened(looked_s)
        self._connection = connection
        try:
            while self._session.over is None and not self._dropped:
                frame = await self._receive(connection)
                looked_s, slept_s = self._clock.monotonic_s(), self._clock.monotonic_s() - looked_s
                if frame is not None:
                    await self._take(frame)
                if slept_s > ASLEEP_S and not self._lossless:
                    self.drop(f"nothing was read for {slept_s:.0f} s: machine or process had been stopped")
                silence_s = self._silence_s() if frame is None else None
                self._session.tick(self._clock.monotonic_s(), silence_s)
                for text in self._session.take_texts():
                    await connection.send(text)
                self._tell()
        except ConnectionClosed as error:
            return self._dropped or f"connection closed: {_described(error)}"
        except AssertionError:  # the library's own, where a wait is given up while it fails the connection
            return self._dropped or "connection closed: the message was refused"
        return self._dropped or f"{self._session.over}: {self._session.message}"

    async def _receive(self, connection: ClientConnection) -> bytes | None:
        """The next frame, None when none came within a tick."""
        self._reading = True
        try:
            async with asyncio.timeout(TICK_S):
                return await connection.recv(decode=False)
        except TimeoutError:
            return None
        finally:
            self._reading = False

    async def _take(self, frame: bytes) -> None:
        arrival_ms = self._clock.wall_ms()
        self.counts.frames += 1
        self.counts.bytes += len(frame)
        self._inspect(frame, arrival_ms)
        waiting = self._on_frame(frame, arrival_ms)
        if waiting is not None:
            await waiting

    def _inspect(self, frame: bytes, arrival_ms: int) -> None:
        """Show the session what concerns it: everything until the channels are settled, then frames of statuses."""
        now_s = self._clock.monotonic_s()
        if self._session.settled and _STATUS not in frame[:_STATUS_WITHIN]:
            self._session.heard(now_s)
            return
        decoded = self._codec.decode(frame, arrival_ms)
        self._session.statuses(decoded.statuses, now_s)
        if decoded.bars.size or decoded.bands.size:
            self._session.heard(now_s)

    def _tell(self) -> None:
        for event in self._session.take_events():
            self._on_event(event)


async def _hang_up(connection: ClientConnection) -> None:
    """Close, and cut what does not close in time; also when cancelled."""
    try:
        async with asyncio.timeout(HANG_UP_S):
            await connection.close()
    except TimeoutError:
        pass
    finally:
        connection.transport.abort()


def _described(error: BaseException) -> str:
    """An exception in one line without addresses: they may hold what must not be logged."""
    if isinstance(error, ConnectionClosed):
        close = error.rcvd or error.sent
        return f"{close.code} {close.reason}".strip() if close else "no close frame"
    if isinstance(error, InvalidStatus):
        return f"HTTP status {error.response.status_code}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__

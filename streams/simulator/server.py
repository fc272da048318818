"""The simulated exchange on a loopback port: ``/stocks`` for the feed, REST beside it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Literal, Protocol, Self

from websockets.asyncio.server import serve

from streams.simulator import wire
from streams.simulator.book import Book
from streams.simulator.errors import PortTakenError
from streams.simulator.exchange import ENTITLED, Session
from streams.simulator.irregular import irregular
from streams.simulator.markettime import MarketTime
from streams.simulator.peer import Limits, Peer
from streams.simulator.rest import Rest
from streams.simulator.resthttp import RestHttp, Terms
from streams.simulator.tape import emissions

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from types import TracebackType

    from websockets.asyncio.server import Server, ServerConnection
    from websockets.http11 import Request, Response

    from streams.simulator.irregular import Irregularity
    from streams.simulator.rest import Archive
    from streams.simulator.tape import Emission, Minute
    from streams.types import Clock

FEED_PATH: Final = "/stocks"

SETTLE_S: Final = 0.1
"""From the first subscription to the start of the market: what a client asks for in several messages counts whole."""

OPEN_S: Final = 120.0
"""How long a client may take to ask for something, and an answer by REST may take."""

CLOSE_S: Final = 2.0
"""How long a client may take to answer a close."""

_WRITE_AHEAD_BYTES: Final = 1 << 20
"""Unread bytes up to which sending does not wait, when clients set the pace."""


class Source(Protocol):
    """Where the bars come from."""

    @property
    def start_ms(self) -> int:
        """Start of the first minute."""

    @property
    def end_ms(self) -> int:
        """End of the last bar."""

    def minutes(self) -> Iterator[Minute]:
        """All minutes in order, made as they are asked for. Asked once."""


class Simulator:
    """An exchange while the context lasts: listens from entry, closes all connections (1001) on exit.

    Market time starts with the first subscription and runs on, whoever listens. As fast as the clients read, it
    stands while nobody has subscribed. After the last bar there is silence, or every connection is closed.

    Args:
        source: the bars.
        clock: paces them.
        host: address to listen on; meant for loopback.
        port: 0 for a free one.
        key: the API key that is accepted.
        speed: market seconds a second, or `markettime.AS_FAST_AS_READ`.
        on_end: what follows the last bar: ``silence``, or ``close`` with code 1000 once clients have read everything.
        entitled: prefixes the plan includes.
        frame_events: events a frame holds at most, up to `wire.MOST_EVENTS`.
        decimals: False leaves out ``dv`` and ``dav``, as feeds did before February 2026.
        irregularity: bars that come late or are sent again; None for a tidy feed.
        limits: what clients are granted.
        archive: what REST knows beyond the bars that were sent.
        terms: on what terms it answers.

    Attributes:
        bars: second and minute bars that were due so far, whether or not anybody asked for them.

    Raises:
        PortTakenError: on entry.
        streams.barfile.BarFileError: on `wait_finished` and on exit, if the file could not be read to its end.
    """

    def __init__(
        self,
        source: Source,
        *,
        clock: Clock,
        host: str = "127.0.0.1",
        port: int = 0,
        key: str = "demo",
        speed: float = 1.0,
        on_end: Literal["silence", "close"] = "silence",
        entitled: Collection[str] = ENTITLED,
        frame_events: int = 500,
        decimals: bool = True,
        irregularity: Irregularity | None = None,
        limits: Limits | None = None,
        archive: Archive | None = None,
        terms: Terms | None = None,
    ) -> None:
        if not 1 <= frame_events <= wire.MOST_EVENTS:
            raise ValueError(f"a frame holds 1 to {wire.MOST_EVENTS} events, not {frame_events}")
        self.bars = 0
        self._source, self._clock = source, clock
        self._address = (host, port)
        self._key, self._entitled = key, entitled
        self._on_end, self._frame_events, self._decimals = on_end, frame_events, decimals
        self._irregularity = irregularity
        self._limits = limits or Limits()
        self._book = Book()
        self._http = RestHttp(Rest(self._book, key=key, archive=archive), terms or Terms(), clock, self.now_ms)
        self._time = MarketTime(source.start_ms, source.end_ms, speed)
        self._peers: set[Peer] = set()
        self._audience = asyncio.Event()
        self._server: Server
        self._market: asyncio.Task[None]

    @property
    def port(self) -> int:
        """The port that is listened on."""
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def clients(self) -> int:
        """Connections that are served; those being cut off are not among them."""
        return sum(not peer.leaving for peer in self._peers)

    @property
    def requests(self) -> int:
        """Requests by REST that came so far."""
        return self._http.requests

    def now_ms(self) -> int:
        """Market time, milliseconds since the epoch, UTC; all bars due by then have been sent."""
        return self._time.now_ms(self._clock.monotonic_s())

    async def wait_finished(self) -> None:
        """Return when the last bar has been sent and, if so asked, all connections are closed."""
        await asyncio.shield(self._market)

    async def __aenter__(self) -> Self:
        host, port = self._address
        try:
            self._server = await serve(
                self._converse,
                host,
                port,
                process_request=self._answer,
                open_timeout=OPEN_S,
                compression=None,
                ping_interval=self._limits.ping_s,
                ping_timeout=self._limits.ping_s,
                close_timeout=CLOSE_S,
                write_limit=_WRITE_AHEAD_BYTES,
            )
        except OSError as error:
            raise PortTakenError(host, port, error.strerror or str(error)) from error
        self._market = asyncio.create_task(self._run_market(), name="simulated market")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._market.cancel()
        self._http.close()
        self._server.close()
        await self._server.wait_closed()
        await asyncio.wait({self._market})
        if not self._market.cancelled():
            self._market.result()

    async def _run_market(self) -> None:
        await self._audience.wait()
        await asyncio.sleep(SETTLE_S)
        self._time.begin(self._clock.monotonic_s())
        for emission in self._emissions():
            self._time.hold(emission.due_ms)
            await self._until(emission.due_ms)
            await self._deliver(emission)
            self._time.sent(emission.due_ms)
        self._time.finish(self._clock.monotonic_s())
        if self._on_end == "close":
            await asyncio.gather(*(peer.finish() for peer in self._peers))

    def _emissions(self) -> Iterator[Emission]:
        tidy = emissions(self._source.minutes())
        return irregular(tidy, self._irregularity) if self._irregularity else tidy

    async def _until(self, due_ms: int) -> None:
        """Wait until bars are due: by time, or until somebody reads. Lets others run in any case."""
        await asyncio.sleep(self._time.wait_s(due_ms, self._clock.monotonic_s()))
        if not self._time.paced:
            self._count_audience()
            await self._audience.wait()

    async def _deliver(self, emission: Emission) -> None:
        """Send bars to all who asked for them; each is encoded once."""
        self.bars += emission.prints.bars.size
        if emission.prefix == "AM":
            self._book.add(emission.prints)
        objects: Sequence[bytes] = ()
        shared: Sequence[bytes] = ()
        for peer in tuple(self._peers):
            wanted = peer.session.wanted(emission.prefix, emission.prints.bars.symbol)
            if wanted is not None and not wanted:
                continue
            objects = objects or wire.events(emission, decimals=self._decimals)
            if wanted is None:
                shared = shared or wire.frames(objects, self._frame_events)
                await self._send(peer, shared)
            else:
                await self._send(peer, wire.frames([objects[k] for k in wanted], self._frame_events))

    async def _send(self, peer: Peer, frames: Sequence[bytes]) -> None:
        if self._time.paced:
            peer.push(frames)
        else:
            await peer.send(frames)

    async def _converse(self, socket: ServerConnection) -> None:
        peer = Peer(socket, Session(self._key, self._entitled), self._limits, self._count_audience)
        self._peers.add(peer)
        try:
            await peer.converse()
        finally:
            self._peers.discard(peer)
            self._count_audience()

    def _count_audience(self) -> None:
        if any(peer.session.channels and not peer.leaving for peer in self._peers):
            self._audience.set()
        else:
            self._audience.clear()

    async def _answer(self, socket: ServerConnection, request: Request) -> Response | None:
        """REST, unless the request is for the feed."""
        if request.path.partition("?")[0] == FEED_PATH:
            return None
        return await self._http.answer(socket, request)

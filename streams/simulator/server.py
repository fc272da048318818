"""The simulated exchange on a loopback port: ``/stocks`` for the feed, REST beside it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, Self

from streams.simulator import wire
from streams.simulator.agenda import Agenda
from streams.simulator.book import Book
from streams.simulator.chronicle import Chronicle
from streams.simulator.doors import Doors
from streams.simulator.exchange import ENTITLED, Session
from streams.simulator.floor import Floor, Style
from streams.simulator.hours import server_time
from streams.simulator.irregular import irregular
from streams.simulator.markettime import MarketTime
from streams.simulator.packing import Packing
from streams.simulator.peer import Limits, Peer
from streams.simulator.rest import Rest
from streams.simulator.resthttp import RestHttp, Terms
from streams.simulator.schedule import Faults, Strike, strikes
from streams.simulator.striker import Striker
from streams.simulator.tape import MINUTE_DELAY_MS, emissions

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from types import TracebackType

    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request, Response

    from streams.simulator.chronicle import Record
    from streams.simulator.irregular import Irregularity
    from streams.simulator.rest import Archive
    from streams.simulator.tape import Minute
    from streams.types import Clock

FEED_PATH: Final = "/stocks"

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
        irregularity: bars that come late or are sent again; None for a tidy feed, or for what `faults` say.
        faults: what goes wrong when; None for nothing, and no compression either.
        tell: called with each record of what struck, see `chronicle`.
        limits: what clients are granted.
        archive: what REST knows beyond the bars that were sent.
        terms: on what terms it answers.

    Attributes:
        chronicle: what struck.
        planned: every strike of `faults` within the time that is served, in order.

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
        faults: Faults | None = None,
        tell: Callable[[Record], None] = lambda _: None,
        limits: Limits | None = None,
        archive: Archive | None = None,
        terms: Terms | None = None,
    ) -> None:
        if not 1 <= frame_events <= wire.MOST_EVENTS:
            raise ValueError(f"a frame holds 1 to {wire.MOST_EVENTS} events, not {frame_events}")
        plan = faults or Faults()
        start_ms, end_ms = source.start_ms, source.end_ms + MINUTE_DELAY_MS
        irregularity = irregularity or plan.irregularity
        tape = emissions(source.minutes())
        self.chronicle = Chronicle(tell)
        self.planned = strikes(plan, start_ms, end_ms)
        self._clock, self._start_ms = clock, start_ms
        self._key, self._entitled, self._on_end, self._seed = key, entitled, on_end, plan.seed
        self._limits = limits or Limits()
        options = {
            "process_request": self._answer,
            "open_timeout": OPEN_S,
            "compression": None,
            "extensions": [Packing()] if faults is not None else None,
            "ping_interval": self._limits.ping_s,
            "ping_timeout": self._limits.ping_s,
            "close_timeout": CLOSE_S,
            "write_limit": _WRITE_AHEAD_BYTES,
        }
        self._doors = Doors(self._converse, host, port, options)
        self._peers: list[Peer] = []
        self._comers = self._by_hand = 0
        self._time = MarketTime(start_ms, source.end_ms, speed)
        book = Book()
        rest = Rest(book, key=key, archive=archive)
        self._http = RestHttp(rest, terms or Terms(), clock, self.now_ms)
        self._agenda = Agenda(irregular(tape, irregularity) if irregularity else tape, self.planned)
        self._striker = Striker(self._peers, self._agenda, rest, self.chronicle, clock, self._time, self._doors.shut)
        self._floor = Floor(
            self._agenda,
            self._striker,
            self.chronicle,
            book,
            self._time,
            clock,
            Style(frame_events, decimals),
            self._peers,
        )
        self._market: asyncio.Task[None]

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self._doors.port

    @property
    def bars(self) -> int:
        """Second and minute bars that were due so far, whether or not anybody asked for them."""
        return self._floor.bars

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

    def standing(self) -> Mapping[str, object]:
        """What can be told of it now: market time, speed (None as fast as read), clients, bars, strikes."""
        now_ms = self.now_ms()
        clients = [
            {"number": peer.number, "channels": sorted(map(str, peer.session.channels))}
            for peer in self._peers
            if not peer.leaving
        ]
        return {
            "market_ms": now_ms,
            "at": server_time(now_ms),
            "speed": self._time.speed if self._time.paced else None,
            "paused": self._time.stopped,
            "bars": self.bars,
            "clients": clients,
            "struck": self.chronicle.count,
        }

    def pause(self) -> None:
        """Let market time stand; connections, REST and strikes by hand go on."""
        self._time.stop(self._clock.monotonic_s())
        self._floor.look_again()

    def resume(self) -> None:
        """Let market time run again."""
        self._time.go(self._clock.monotonic_s())
        self._floor.look_again()

    def change_speed(self, speed: float) -> None:
        """Let market time run at another speed, or as fast as clients read; ValueError unless it is above 0."""
        self._time.change_speed(speed, self._clock.monotonic_s())
        self._floor.look_again()

    async def strike(self, kind: str, settings: Mapping[str, Any]) -> list[Record]:
        """Let a fault strike now.

        Args:
            kind: see `faultkinds.KINDS`.
            settings: all of that kind.

        Returns:
            What it has touched by now; nothing if it waits for bars.
        """
        before = self.chronicle.count
        await self._floor.strike(Strike(self.now_ms(), kind, settings, number=self._by_hand, seed=self._seed))
        self._by_hand += 1
        return self.chronicle.after(before)

    async def wait_finished(self) -> None:
        """Return when the last bar has been sent and, if so asked, all connections are closed."""
        await asyncio.shield(self._market)

    async def __aenter__(self) -> Self:
        await self._doors.open()
        for strike in self._agenda.early(self._start_ms):
            await self._floor.strike(strike)
        self._market = asyncio.create_task(self._floor.run(self._on_end), name="simulated market")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._market.cancel()
        self._http.close()
        await self._doors.close()
        await asyncio.wait({self._market})
        if not self._market.cancelled():
            self._market.result()

    async def _converse(self, socket: ServerConnection) -> None:
        self._comers += 1
        session = Session(self._key, self._entitled, self._striker.conduct)
        peer = Peer(socket, session, self._limits, self._floor.count_audience, self._comers)
        self._peers.append(peer)
        try:
            await peer.converse()
        finally:
            self._peers.remove(peer)
            self._floor.count_audience()

    async def _answer(self, socket: ServerConnection, request: Request) -> Response | None:
        """REST, unless the request is for the feed."""
        if request.path.partition("?")[0] == FEED_PATH:
            return None
        return await self._http.answer(socket, request)

"""The floor: sends bars to those who asked for them when they are due, and lets faults strike between."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Literal, NamedTuple

from streams.simulator import spoiled, wire
from streams.simulator.distortion import Delivery
from streams.simulator.halts import Words
from streams.simulator.schedule import Strike
from streams.simulator.tape import Emission

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streams.simulator.agenda import Agenda
    from streams.simulator.book import Book
    from streams.simulator.chronicle import Chronicle
    from streams.simulator.halts import Halting
    from streams.simulator.markettime import MarketTime
    from streams.simulator.peer import Peer
    from streams.simulator.striker import Striker
    from streams.types import Clock, Symbols

SETTLE_S = 0.1
"""From the first subscription to the start of the market: what a client asks for in several messages counts whole."""


class Style(NamedTuple):
    """How bars are put on the wire.

    Attributes:
        frame_events: events a frame holds at most, up to `wire.MOST_EVENTS`.
        decimals: False leaves out ``dv`` and ``dav``, as feeds did before February 2026.
    """

    frame_events: int = 500
    decimals: bool = True


class Floor:
    """Runs the market; whoever cancels `run` ends it.

    Args:
        agenda: what there is to do.
        striker: does what strikes say.
        chronicle: told what they touched.
        book: gets every minute bar that is traded, whatever becomes of it on the way.
        time: market time.
        clock: paces it.
        style: how bars are written.
        peers: all connections, the oldest first; the caller keeps it up, and calls `count_audience` when it changes.

    Attributes:
        bars: second and minute bars that were due so far, whether or not anybody asked for them.
    """

    def __init__(
        self,
        agenda: Agenda,
        striker: Striker,
        chronicle: Chronicle,
        book: Book,
        time: MarketTime,
        clock: Clock,
        style: Style,
        peers: Sequence[Peer],
    ) -> None:
        self.bars = 0
        self._agenda, self._striker, self._chronicle, self._book = agenda, striker, chronicle, book
        self._time, self._clock, self._style, self._peers = time, clock, style, peers
        self._audience, self._changed = asyncio.Event(), asyncio.Event()

    async def run(self, on_end: Literal["silence", "close"]) -> None:
        """From the first subscription to the last bar."""
        await self._audience.wait()
        await asyncio.sleep(SETTLE_S)
        self._time.begin(self._clock.monotonic_s())
        while (due_ms := self._agenda.peek_ms()) is not None:
            self._time.hold(due_ms)
            if await self._is_time(due_ms):
                await self._do_next()
                self._time.sent(due_ms)
        self._time.finish(self._clock.monotonic_s())
        if on_end == "close":
            await asyncio.gather(*(peer.finish() for peer in self._peers))

    async def strike(self, strike: Strike) -> None:
        """Let a fault strike now."""
        if halting := self._striker.strike(strike):
            await self._begin(halting)
        self.look_again()

    def look_again(self) -> None:
        """Something about market time or about what is to be done has changed."""
        self._changed.set()

    def count_audience(self) -> None:
        """Somebody has come, gone, or subscribed."""
        self._striker.crowd(self._time.now_ms(self._clock.monotonic_s()))
        if any(peer.session.channels and not peer.leaving for peer in self._peers):
            self._audience.set()
            self.look_again()
        else:
            self._audience.clear()

    async def _is_time(self, due_ms: int) -> bool:
        """Wait until something is due: by time, or until somebody reads. Lets others run in any case.

        Returns:
            False if something has changed before: the next thing to do may be another one, or at another time.
        """
        self._changed.clear()
        wait_s = self._time.wait_s(due_ms, self._clock.monotonic_s())
        if not self._time.paced and not self._time.stopped:
            await asyncio.sleep(0)
            self.count_audience()
            if self._audience.is_set():
                return True
            wait_s = math.inf
        try:
            async with asyncio.timeout(None if math.isinf(wait_s) else wait_s):
                await self._changed.wait()
        except TimeoutError:
            return True
        return False

    async def _do_next(self) -> None:
        due = self._agenda.pop()
        match due and due.item:
            case Emission() as bars:
                await self._trade(bars)
            case Strike() as strike:
                await self.strike(strike)
            case Delivery() | Words() as leaving:
                await self._send(leaving, due.due_ms if due else 0)
            case ending if callable(ending):
                ending()

    async def _trade(self, emission: Emission) -> None:
        """Bars are due: what was traded goes into the book, and, distorted or not, to the clients."""
        for halting in self._striker.halts.begin(emission):
            await self._begin(halting)
        traded = self._striker.halts.traded(emission)
        if traded is None:
            return
        self.bars += traded.prints.bars.size
        if traded.prefix == "AM":
            self._book.add(traded.prints)
        deliveries, touched = self._striker.distortion.take(traded)
        for strike, what in touched:
            self._chronicle.note(strike, traded.due_ms, what)
        for delivery in deliveries:
            if delivery.emission.due_ms > traded.due_ms:
                self._agenda.add(delivery.emission.due_ms, delivery)
            else:
                await self._send(delivery, traded.due_ms)

    async def _begin(self, halting: Halting) -> None:
        told = {"symbols": halting.symbols, "until_ms": halting.end.due_ms}
        self._chronicle.note(halting.strike, halting.begin.due_ms, told)
        self._agenda.add(halting.end.due_ms, halting.end)
        await self._send(halting.begin, halting.begin.due_ms)

    async def _send(self, leaving: Delivery | Words, due_ms: int) -> None:
        """Send to all who asked for it; each object is encoded once. In a flood it waits for its end."""
        held_ms = self._striker.distortion.held_ms(due_ms)
        if held_ms > due_ms:
            self._agenda.add(held_ms, leaving)
        elif isinstance(leaving, Words):
            await self._send_objects(leaving.prefix, leaving.symbol, lambda: leaving.objects)
        else:
            bars = leaving.emission.prints.bars
            await self._send_objects(leaving.emission.prefix, bars.symbol, lambda: self._written(leaving))

    def _written(self, delivery: Delivery) -> Sequence[bytes]:
        """The bars as JSON objects; a bad one is put behind its like, as part of it."""
        objects = wire.events(delivery.emission, decimals=self._style.decimals)
        for place, how in delivery.bad.items():
            objects[place] += b"," + spoiled.element(objects[place], how)
        return objects

    async def _send_objects(self, prefix: str, symbols: Symbols, write: Callable[[], Sequence[bytes]]) -> None:
        objects: Sequence[bytes] = ()
        shared: Sequence[bytes] = ()
        for peer in tuple(self._peers):
            wanted = peer.session.wanted(prefix, symbols)
            if wanted is not None and not wanted:
                continue
            objects = objects or write()
            if wanted is None:
                shared = shared or wire.frames(objects, self._style.frame_events)
                await self._hand(peer, shared)
            else:
                await self._hand(peer, wire.frames([objects[k] for k in wanted], self._style.frame_events))

    async def _hand(self, peer: Peer, frames: Sequence[bytes]) -> None:
        if self._time.paced:
            peer.push(frames)
        else:
            await peer.send(frames)

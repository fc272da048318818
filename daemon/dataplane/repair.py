"""Brings what an outage of the feed has hidden: one look at the whole market first, then minutes, symbol by symbol.

Of most names the look settles it: whose volume of the day is what it was before has not traded. Of others the last
minute of the look is all that is missing. What is left is asked for by symbol, the likeliest first, within the plan's
rate; answers are given to the engine some at a time, and each symbol goes on as soon as its own is there.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import numpy as np
import structlog

from daemon.dataplane.fetch import carry_out
from streams.bars import MINUTE_MS, concat, empty
from streams.polygon.rest.errors import RestError
from streams.polygon.rest.limiter import Priority

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from daemon.engine.outages import Outage
    from streams.bars import BarBatch
    from streams.polygon.rest.answers import Snapshot
    from streams.types import Clock, Flags, Floats, Symbols

log = structlog.get_logger()

AT_ONCE: Final = 32
"""Calls under way."""

GIVEN: Final = 256
"""Answers that are given to the engine together, at most."""

GIVE_S: Final = 0.25
"""What is there is given to the engine so often."""

SHARE: Final = 0.5
"""Volumes that differ by less are the same: that of a bar is whole shares, that of the look may have a fraction."""

AGAIN_S: Final = 2.0
"""Pause before those are asked for again whose calls have failed."""


class Exchange(Protocol):
    """Of `streams.polygon.rest.client.Rest` what is needed here."""

    async def snapshot(self, *, priority: Priority) -> Snapshot:
        """All symbols at a glance."""

    async def minutes(self, symbol: str, from_ms: int, to_ms: int, *, priority: Priority) -> BarBatch:
        """Minute bars of one symbol that start in ``[from_ms, to_ms]``."""


class Mend(Protocol):
    """Gives bars to the engine, see `daemon.live.Live.mend`."""

    def __call__(self, symbols: Symbols, missing: BarBatch, *, hole: bool = False) -> Awaitable[bool]:
        """False while the engine has no place."""


class Waits(NamedTuple):
    """Who waits, the likeliest first.

    Attributes:
        symbols: ``S16[n]``.
        day_volume: ``float64[n]``, shares of the day so far as the feed told last, NaN where it told nothing.
    """

    symbols: Symbols
    day_volume: Floats


class Repaired(NamedTuple):
    """What became of an outage.

    Attributes:
        quiet: symbols that had not traded.
        glanced: symbols of which the look at the market had all that was missing.
        asked: symbols that were asked for.
        bars: that were missing, and are there.
        left: symbols of which nothing could be learned: they go on with a hole.
        seconds: it took, on the machine's clock.
    """

    quiet: int = 0
    glanced: int = 0
    asked: int = 0
    bars: int = 0
    left: int = 0
    seconds: float = 0.0


class Repair:
    """Mends outages, one after the other; those that come meanwhile are mended together.

    Args:
        exchange: whom to ask.
        waits: who waits now, once the engine has a place.
        mend: gives bars to the engine, or tells (``hole``) that there are none to be had; False while it has no place.
        ready: waits until the exchange has the bars of a minute, by its start.
        within_s: how long is asked; then those that still wait go on with a hole.
        done: told what became of each outage.
        clock: the machine's.
    """

    def __init__(
        self,
        exchange: Exchange,
        *,
        waits: Callable[[], Awaitable[Waits]],
        mend: Mend,
        ready: Callable[[int], Awaitable[None]],
        within_s: float,
        done: Callable[[Outage, Repaired], None],
        clock: Clock,
    ) -> None:
        self._exchange, self._waits, self._mend, self._ready = exchange, waits, mend, ready
        self._within_s, self._done, self._clock = within_s, done, clock
        self._outage: Outage | None = None
        self._came = asyncio.Event()

    def missed(self, outage: Outage) -> None:
        """Symbols wait for what this outage has hidden."""
        self._outage = outage.joined(self._outage) if self._outage else outage
        self._came.set()

    async def run(self) -> None:
        """Mend for ever."""
        while True:
            await self._came.wait()
            outage = self._outage
            if outage is not None:
                repaired = await self._repair(outage)
                if self._outage == outage:
                    self._outage = None
                    self._came.clear()
                    self._done(outage, repaired)

    async def _repair(self, outage: Outage) -> Repaired:
        """All of it, or as far as it goes until another outage comes."""
        began_s = self._clock.monotonic_s()
        await self._ready(outage.last_ms)
        waits = await self._waits()
        quiet, glanced, bars = await self._glance(waits, outage)
        settled = quiet | glanced
        await self._mend(waits.symbols[settled], bars)
        asked = waits.symbols[~settled]
        found, left = await self._ask(asked, outage, began_s + self._within_s)
        if len(left) and self._outage == outage:
            await self._mend(left, empty(), hole=True)
        seconds = self._clock.monotonic_s() - began_s
        return Repaired(int(quiet.sum()), int(glanced.sum()), len(asked), bars.size + found, len(left), seconds)

    async def _glance(self, waits: Waits, outage: Outage) -> tuple[Flags, Flags, BarBatch]:
        """Who has not traded, of whom the last minute is all that is missing, and those minutes."""
        nobody = np.zeros(len(waits.symbols), np.bool_)
        try:
            now = await self._exchange.snapshot(priority=Priority.LIVE)
        except RestError as error:
            log.warning("no look at the whole market, every symbol is asked for", what=str(error))
            return nobody, nobody, empty()
        return glance(waits, now, outage)

    async def _ask(self, symbols: Symbols, outage: Outage, until_s: float) -> tuple[int, Symbols]:
        """Symbol by symbol, again and again until the time is over; bars found, and whose never were."""
        giving = _Giving(self._mend, self._clock)
        left = symbols
        while len(left) and self._outage == outage:
            within_s = until_s - self._clock.monotonic_s()
            if within_s <= 0.0:
                break
            await self._once(left, outage, within_s, giving)
            await giving.give()
            left = left[~np.isin(left, np.array(giving.names, left.dtype))]
            if len(left) and self._outage == outage:
                await asyncio.sleep(min(AGAIN_S, max(until_s - self._clock.monotonic_s(), 0.0)))
        return giving.bars, left

    async def _once(self, symbols: Symbols, outage: Outage, within_s: float, giving: _Giving) -> None:
        async def ask(symbol: bytes) -> int:
            bars = await self._exchange.minutes(
                symbol.decode(), outage.first_ms, outage.last_ms, priority=Priority.LIVE
            )
            await giving.take(symbol, bars)
            return bars.size

        def calls() -> Iterator[Callable[[], Awaitable[int]]]:
            for symbol in symbols.tolist():
                if self._outage != outage:
                    return
                yield lambda symbol=symbol: ask(symbol)  # type: ignore[misc]

        await carry_out(calls(), lambda _done: None, at_once=AT_ONCE, within_s=within_s)


class _Giving:
    """Answers on their way to the engine: some together, but none waits long."""

    def __init__(self, mend: Mend, clock: Clock) -> None:
        self._mend, self._clock = mend, clock
        self._waiting: list[tuple[bytes, BarBatch]] = []
        self._given_s = clock.monotonic_s()
        self._turn = asyncio.Lock()
        self.names: list[bytes] = []
        self.bars = 0

    async def take(self, symbol: bytes, bars: BarBatch) -> None:
        """One answer; given with those before it once they are many, or the last were given a while ago."""
        self._waiting.append((symbol, bars))
        if len(self._waiting) >= GIVEN or self._clock.monotonic_s() - self._given_s >= GIVE_S:
            await self.give()

    async def give(self) -> None:
        """All that is there."""
        async with self._turn:
            taken, self._waiting = self._waiting, []
            self._given_s = self._clock.monotonic_s()
            names = [symbol for symbol, _ in taken]
            bars = concat([bars for _, bars in taken if bars.size])
            if names and await self._mend(np.array(names, "S16"), bars):
                self.names += names
                self.bars += bars.size


def glance(waits: Waits, now: Snapshot, outage: Outage) -> tuple[Flags, Flags, BarBatch]:
    """What one look at the whole market settles. Pure.

    Returns:
        ``bool[n]`` of those that wait: who has not traded since the feed told last; of whom all that traded since is
        one minute of the outage, the last of the look; and those minutes.
    """
    place = np.minimum(np.searchsorted(now.symbol, waits.symbols), max(len(now.symbol) - 1, 0))
    known = now.symbol[place] == waits.symbols if len(now.symbol) else np.zeros(len(waits.symbols), np.bool_)
    had = np.nan_to_num(waits.day_volume)
    has = np.where(known, np.nan_to_num(now.accumulated_volume[place]), np.nan) if len(now.symbol) else had * np.nan
    quiet = known & (np.abs(has - had) < SHARE)
    if not known.any():
        return quiet, quiet, empty()
    start_ms, volume = now.minute_start_ms[place], now.minute[4, place]
    within = (start_ms >= outage.first_ms) & (start_ms <= outage.last_ms)
    whole = known & ~quiet & within & (np.abs(has - volume - had) < SHARE)
    bars = empty(int(whole.sum()))
    bars.symbol[:], bars.start_ms[:], bars.length_ms[:] = waits.symbols[whole], start_ms[whole], MINUTE_MS
    bars.arrival_ms[:] = bars.start_ms + MINUTE_MS
    bars.values[:6], bars.values[6] = now.minute[:, place[whole]], has[whole]
    lawful: Flags = np.asarray(np.isfinite(bars.values[:5]).all(axis=0))
    whole[np.flatnonzero(whole)[~lawful]] = False
    return quiet, whole, bars.take(lawful)

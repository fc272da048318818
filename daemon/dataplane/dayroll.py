"""What has to be known when a trading day begins, fetched once a day: splits, the list, the days before.

It is made ready half an hour before the first bars of the day, and at a start. What cannot be had is tried again; the
engine goes on with what it has.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import structlog

from daemon.dataplane import dayprofile
from daemon.dataplane.athand import Morning
from daemon.dataplane.dayprofile import DAYS as PROFILE_DAYS
from daemon.dataplane.daystable import days_table
from daemon.dataplane.daystatistics import Days, are_split, renew_splits, splits, statistics
from daemon.dataplane.fetch import fetch, plan_for
from daemon.dataplane.renames import renames
from daemon.dataplane.universe import renew, universe
from daemon.engine.periods import DAILY
from daemon.engine.sessions import DAY_MS, NO_DAY
from streams.bars import MINUTE_MS, SYMBOL
from streams.history.errors import HistoryError
from streams.polygon.rest.errors import RestError
from streams.polygon.rest.limiter import Priority

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from daemon.dataplane.athand import AtHand
    from daemon.dataplane.panel import Split
    from daemon.dataplane.plane import Plane
    from daemon.dataplane.universe import Universe
    from daemon.engine.engine import Engine
    from daemon.engine.sessions import SessionTable
    from streams.types import Clock

log = structlog.get_logger()

LEAD_MS: Final = 30 * MINUTE_MS
"""So long before its pre-market a day is made ready."""

LOOK_S: Final = 5.0
AGAIN_S: Final = 60.0
"""Until the next try, where something could not be had."""

LONG_DAYS: Final = 260
"""Days before that the engine is told where a rule has indicators on them."""

SHORT_DAYS: Final = 10
"""The same where none has: for the previous close alone."""

TURN_S: Final = 0.1

ROWS: Final = 512
"""Rows of the engine whose days are exchanged between two of its steps: some 20 ms where they had none."""


class Standing(NamedTuple):
    """How the day stands.

    Attributes:
        day: that was made ready last, days since 1970; `NO_DAY` before the first.
        done, total: calls of the one that is being made ready.
        trouble: what could not be had, in words; "" if nothing.
    """

    day: int = NO_DAY
    done: int = 0
    total: int = 0
    trouble: str = ""


class DayRoll:
    """Makes each trading day ready.

    Args:
        plane: exchange, cache and store.
        sessions: the exchange's calendar.
        market_ms: tells market time, None while it is not known.
        engine: is told of splits and of official daily bars; None where it is to be left alone.
        between: does something between two steps of the engine; False if it makes none.
        at_hand: is shown what is known of all symbols.
        clock: the machine's.

    Attributes:
        standing: see `Standing`.
    """

    def __init__(
        self,
        plane: Plane,
        sessions: SessionTable,
        market_ms: Callable[[], int | None],
        engine: Engine | None,
        between: Callable[[Callable[[], object]], Awaitable[bool]],
        at_hand: AtHand,
        clock: Clock,
    ) -> None:
        self.standing, self._told = Standing(), 0
        self._plane, self._sessions, self._market_ms = plane, sessions, market_ms
        self._engine, self._between, self._at_hand, self._clock = engine, between, at_hand, clock

    async def run(self) -> None:
        """Look at the calendar now and then, until cancelled."""
        while True:
            trouble = await self.look()
            await asyncio.sleep(AGAIN_S if trouble else LOOK_S)

    async def look(self) -> str:
        """Make the day ready if it is not; what could not be had, in words."""
        now_ms = self._market_ms()
        if now_ms is None:
            return ""
        days = Days(*self._sessions.dates(now_ms + LEAD_MS, LONG_DAYS))
        depth = self._depth()
        if days.today == NO_DAY or (days.today == self.standing.day and depth <= self._told):
            return ""
        trouble = await self._ready(days)
        self.standing = Standing(self.standing.day if trouble else days.today, trouble=trouble)
        self._told = depth
        return trouble

    def _depth(self) -> int:
        """Days before that the engine wants; a reload may bring rules that want more."""
        return LONG_DAYS if self._engine and self._engine.plan.longer.get(DAILY) else SHORT_DAYS

    async def _ready(self, days: Days) -> str:
        """What is known already comes first: the exchange may be away."""
        plane = self._plane
        try:
            listed = await self._listed()
            lacking = await plan_for(plane.shelf, listed.symbols, days.window)
            split = len(days.window) > 0 and await are_split(plane.shelf, days)
            await self._begin(days, listed, whole=bool(listed.symbols.size) and not lacking.calls and split)
            asked = plane.rest.calls
            troubles = [
                await _trying(renew_splits(plane.shelf, plane.rest, self._clock, days, Priority.LIVE)),
                await _trying(renew(plane.shelf, plane.rest, self._clock, days.today, Priority.WARM_UP)),
            ]
            listed = await self._listed()
            troubles.append(await self._fetch(days, listed))
            if plane.rest.calls > asked:
                await self._begin(days, listed, whole=not any(troubles), changed=True)
            begins_ms = self._sessions.pre_ms[np.isin(self._sessions.open_ms // DAY_MS, days.before[-PROFILE_DAYS:])]
            await dayprofile.keep(plane.shelf, plane.lookups, listed.symbols, begins_ms, days.today)
        except HistoryError as error:
            return str(error)
        return "; ".join(filter(None, troubles))

    async def _listed(self) -> Universe:
        known = await universe(self._plane.shelf)
        return known.take(known.active)

    async def _fetch(self, days: Days, listed: Universe) -> str:
        """Daily bars that the store lacks."""
        shelf, rest = self._plane.shelf, self._plane.rest
        plan = await plan_for(shelf, listed.symbols, days.window)
        result = await fetch(plan, rest, shelf, self._clock, priority=Priority.WARM_UP, progress=self._progress)
        return f"{result.failed} calls for daily bars: {result.error}" if result.failed else ""

    def _progress(self, done: int, total: int) -> None:
        self.standing = self.standing._replace(done=done, total=total)

    async def _begin(self, days: Days, listed: Universe, *, whole: bool, changed: bool = False) -> None:
        """What the store knows by now is told to the engine, and is at hand for alerts.

        Statistics of days that are not all there are not kept: the cache would have them until tomorrow.
        """
        shelf = self._plane.shelf
        today = await splits(shelf, days.today - 1, days.today)
        if self._engine is not None:
            await self._tell(self._engine, days, today)
        now_ms = self._clock.wall_ms()
        lookups = self._plane.lookups if whole else None
        known = await statistics(shelf, lookups, listed.symbols, days, changed=changed)
        self._at_hand.begin(Morning(now_ms, known, listed, today))

    async def _tell(self, engine: Engine, days: Days, today: Sequence[Split]) -> None:
        """The table first: what is split today is told of it, too."""
        table = await days_table(self._plane.shelf, days.before[-self._depth() :], days.today)
        await self._do(lambda: engine.know(table))
        for old, new in await renames(self._plane.shelf):
            await self._do(partial(engine.rename, old.decode(), new.decode()))
        for one in today:
            if len(one.symbol) > SYMBOL.itemsize:
                continue  # no symbol of the feed's
            await self._do(partial(engine.split, one.symbol.decode(), one.old, one.new, one.day))
        for first in range(0, len(engine.symbols), ROWS):
            await self._do(partial(engine.catch_up, first, first + ROWS))

    async def _do(self, act: Callable[[], object]) -> None:
        """Between two steps of the engine, as soon as it makes any."""
        done = await self._between(act)
        while not done:
            await asyncio.sleep(TURN_S)
            done = await self._between(act)


async def _trying(asked: Awaitable[object]) -> str:
    """Why it could not be had, in words; "" if it was."""
    try:
        await asked
    except RestError as error:
        log.warning("not known for the day", what=str(error))
        return str(error)
    return ""

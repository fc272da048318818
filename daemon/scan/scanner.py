"""One scan: what is known already, what has to be asked, and the table that comes of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from daemon.dataplane import dayprofile
from daemon.dataplane.daystatistics import Days, are_split, renew_splits, statistics
from daemon.dataplane.fetch import fetch, plan_for
from daemon.dataplane.profile import BUCKET_MINUTES, BUCKETS
from daemon.dataplane.universe import is_listed, renew, universe, with_sectors
from daemon.engine.sessions import PRE_MS
from daemon.scan.judged import judged
from daemon.scan.quotes import quotes
from daemon.scan.table import table
from streams.bars import MINUTE_MS, SYMBOL
from streams.polygon.rest.errors import RestError
from streams.polygon.rest.limiter import Priority

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from daemon.dataplane.fetch import Fetched
    from daemon.dataplane.lookups import Lookups
    from daemon.dataplane.shelf import Shelf
    from daemon.dataplane.universe import Universe
    from daemon.engine.sessions import SessionTable
    from daemon.scan.table import Table
    from streams.polygon.rest.client import Rest
    from streams.types import Clock, Symbols

RECENT_DAYS = 7
"""Trading days among which the last known one tells what is traded most."""

NAMED = 5
"""Examples in a trouble."""

SINGLY = 100
"""Up to so many symbols are named in a request for quotes; for more the whole market is asked."""


class Wish(NamedTuple):
    """What is to be scanned.

    Attributes:
        symbols: ``S16[n]``, sorted; None for all that is listed.
        most_symbols: of all that is listed only so many, those traded most; None for all.
        by: order of the table, see `daemon.scan.table.ORDERS`.
        most_rows: rows of the table; None for all.
    """

    symbols: Symbols | None = None
    most_symbols: int | None = None
    by: str = "score"
    most_rows: int | None = None


class Scan(NamedTuple):
    """A table, and what it took.

    Attributes:
        table: best first.
        universe: what was scanned.
        as_of_ms: market time of the quotes.
        judged_ms: start of the last minute that scores and rules know of, None if they know nothing of today.
        calls: requests that were made.
        wanted, had: daily bars needed, and those of them that were known before; silent days are known, too.
        seconds: all of it.
        troubles: what could not be had, in words; the table is without it.
        profiles: symbols whose relative volume goes by their own usual day; that of the others by a typical one.
    """

    table: Table
    universe: Universe
    as_of_ms: int
    judged_ms: int | None
    calls: int
    wanted: int
    had: int
    seconds: float
    troubles: tuple[str, ...]
    profiles: int = 0

    @property
    def hit_rate(self) -> float:
        """Share of the daily bars needed that were known before; 1 where none was needed."""
        return self.had / self.wanted if self.wanted else 1.0


async def _no_poll() -> None:
    """The machine's clock is the market's."""


class Scanner:
    """Scans again and again; what is the same all day is made ready once.

    Args:
        rest: the exchange.
        shelf: the store.
        lookups: the cache, None for none.
        sessions: the exchange's calendar.
        sectors: of symbols, by configuration; what it does not name is as the store knows it.
        state: the engine's saved state.
        clock: the machine's.
        market_ms: tells market time.
        poll: asks for it anew, where it does not run by the machine's clock.
    """

    def __init__(
        self,
        rest: Rest,
        shelf: Shelf,
        lookups: Lookups | None,
        sessions: SessionTable,
        sectors: Mapping[str, str],
        state: Path,
        clock: Clock,
        market_ms: Callable[[], int],
        poll: Callable[[], Awaitable[None]] = _no_poll,
    ) -> None:
        self._rest, self._shelf, self._lookups, self._sessions = rest, shelf, lookups, sessions
        self._sectors, self._state, self._clock, self._market_ms = sectors, state, clock, market_ms
        self._poll = poll
        self._troubles: list[str] = []

    async def scan(
        self,
        wish: Wish,
        *,
        explain: Callable[[str], None] = lambda _text: None,
        progress: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> Scan:
        """Scan now.

        Args:
            wish: what.
            explain: told what will be asked, and why, before it is: first of the list, then of all that it is about.
            progress: told calls done and calls planned while history is fetched.

        Raises:
            HistoryError: the store cannot be used.
            RestError: the exchange does not tell what is traded now; for anything else the table goes without.
        """
        began_s, calls = self._clock.monotonic_s(), self._rest.calls
        self._troubles = []
        await self._poll()
        days = self._days()
        chosen = await self._choose(wish, days, explain)
        plan = await plan_for(self._shelf, chosen.symbols, days.window, today=True)
        if len(days.window) and not await are_split(self._shelf, days):
            explain("1 call or more for splits, of all symbols over the days needed: not asked today")
        explain(plan.explain())
        result = await fetch(plan, self._rest, self._shelf, self._clock, priority=Priority.NEEDED, progress=progress)
        self._note(result)
        asked = await self._trying(renew_splits(self._shelf, self._rest, self._clock, days, Priority.NEEDED))
        whole = asked is not None and not result.failed
        lookups, changed = self._lookups if whole else None, bool(asked) or result.calls > 0
        known = await statistics(self._shelf, lookups, chosen.symbols, days, changed=changed)
        few = len(chosen.symbols) <= SINGLY
        names = [symbol.decode() for symbol in chosen.symbols.tolist()]
        found = await self._rest.snapshot(names if few else None, priority=Priority.NEEDED)
        await self._poll()
        now_ms = self._market_ms()
        begins_ms = self._begins_ms(now_ms)
        now, previous = quotes(found, chosen.symbols, begins_ms)
        known = known._replace(previous_close=np.where(np.isnan(known.previous_close), previous, known.previous_close))
        self._note_strangers(wish, chosen.symbols[np.isnan(known.previous_close) & np.isnan(now.price)])
        usual = await dayprofile.kept(self._lookups, chosen.symbols, days.today)
        share = usual.by(min((now_ms - begins_ms) / MINUTE_MS, BUCKETS * BUCKET_MINUTES))
        thought = judged(self._state, chosen.symbols, begins_ms)
        wanted = len(chosen.symbols) * len(days.window)
        return Scan(
            table(known, chosen.sector, now, share, thought.judgement, by=wish.by, most=wish.most_rows),
            chosen,
            now_ms,
            thought.closed_ms,
            self._rest.calls - calls,
            wanted,
            wanted - plan.cells,
            self._clock.monotonic_s() - began_s,
            tuple(self._troubles),
            int(np.isfinite(usual.share[:, -1]).sum()),
        )

    def _days(self) -> Days:
        return Days(*self._sessions.dates(self._market_ms(), 260))

    def _begins_ms(self, now_ms: int) -> int:
        return int(self._sessions.open_ms[max(int(self._sessions.day(now_ms)), 0)]) - PRE_MS

    async def _choose(self, wish: Wish, days: Days, explain: Callable[[str], None]) -> Universe:
        """What is scanned, with sectors by configuration where it names them."""
        if wish.symbols is None:
            if not await is_listed(self._shelf, days.today):
                explain("1 call for every thousand symbols that are listed: the list was not asked for today")
            await self._trying(renew(self._shelf, self._rest, self._clock, days.today, Priority.NEEDED))
        listed = await universe(self._shelf)
        if wish.symbols is not None:
            listed = listed.of(wish.symbols)
        else:
            listed = listed.take(listed.active)
            if wish.most_symbols is not None and wish.most_symbols < len(listed.symbols):
                listed = listed.take(np.isin(listed.symbols, await self._traded_most(wish.most_symbols, days)))
        listed = with_sectors(listed, self._sectors)
        self._note_schemes(listed)
        return listed

    async def _traded_most(self, most: int, days: Days) -> Symbols:
        """The symbols of the largest turnover on the last day that is known; that day is fetched if need be."""
        window = days.before[-RECENT_DAYS:]
        if not len(window):
            return np.zeros(0, SYMBOL)
        first, last = int(window[0]), int(window[-1])
        bars = await self._shelf.ask(lambda history: history.daily(None, first, last))
        if len(np.unique(bars.symbol)) < most:
            everything = (await universe(self._shelf)).symbols
            plan = await plan_for(self._shelf, everything, window[-1:])
            self._note(await fetch(plan, self._rest, self._shelf, self._clock, priority=Priority.NEEDED))
            bars = await self._shelf.ask(lambda history: history.daily(None, first, last))
        symbols, row = np.unique(bars.symbol, return_inverse=True)
        turnover = np.zeros(len(symbols))
        np.maximum.at(turnover, row, np.nan_to_num(bars.values[3] * bars.values[4]))
        chosen: Symbols = symbols[np.argsort(-turnover, kind="stable")[:most]]
        return chosen

    def _note_strangers(self, wish: Wish, strangers: Symbols) -> None:
        if wish.symbols is not None and len(strangers):
            named = ", ".join(symbol.decode() for symbol in strangers[:NAMED].tolist())
            more = f" and {len(strangers) - NAMED:,} more" if len(strangers) > NAMED else ""
            self._troubles.append(f"{named}{more}: not known to the exchange")

    def _note_schemes(self, listed: Universe) -> None:
        """A sector that has two names is two sectors."""
        names = [symbol.decode() for symbol in listed.symbols.tolist()]
        own = {sector for name, sector in zip(names, listed.sector, strict=True) if name in self._sectors}
        others = {sector for name, sector in zip(names, listed.sector, strict=True) if name not in self._sectors}
        stored = others - {""}
        if own and stored - own:
            named = ", ".join(sorted(stored - own)[:NAMED])
            self._troubles.append(
                f"one scheme of sectors: the file in engine.sectors has none of {named}, which the list of companies "
                "names; ranks are within each name"
            )

    def _note(self, result: Fetched) -> None:
        if result.failed:
            calls = "1 call" if result.failed == 1 else f"{result.failed} calls"
            self._troubles.append(f"{calls} for daily bars failed: {result.error}")

    async def _trying(self, asked: Awaitable[bool]) -> bool | None:
        """Something the table can go without; None if it could not be had."""
        try:
            return await asked
        except RestError as error:
            self._troubles.append(str(error))
            return None

"""Carries out a fetch plan: from the exchange into the store, call by call, so that a stop costs one call."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import structlog

from daemon.dataplane.planner import Known, Range, fetch_plan
from streams.history.protocol import Span
from streams.polygon.rest.errors import KeyRefused, NotEntitled, RestError
from streams.polygon.rest.limiter import Priority

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from daemon.dataplane.planner import FetchPlan
    from daemon.dataplane.shelf import Shelf
    from streams.dailyfile import DailyBars
    from streams.types import Clock, Longs, Symbols

log = structlog.get_logger()

GROUPED: Final = "grouped days"
DAILY: Final = "daily bars"
"""Kinds of spans that the store notes."""

AT_ONCE: Final = 4
"""Calls under way; more would only wait for the plan's rate."""


class Exchange(Protocol):
    """Of `streams.polygon.rest.client.Rest` what is needed here."""

    async def grouped(self, day: int, *, priority: Priority) -> DailyBars:
        """All symbols of a day."""

    async def daily(self, symbol: str, first_day: int, last_day: int, *, priority: Priority) -> DailyBars:
        """All days of a symbol."""


class Fetched(NamedTuple):
    """What became of a plan.

    Attributes:
        calls: that were answered and stored.
        rows: daily bars stored.
        failed: calls that were not; what they would have told is still missing.
        error: why the first of them was not, None if all were.
    """

    calls: int = 0
    rows: int = 0
    failed: int = 0
    error: RestError | None = None


async def known(shelf: Shelf, symbols: Symbols, days: Longs) -> Known:
    """What the store has of these symbols and days (days since 1970, ascending)."""
    if not len(days):
        first, last = 0, -1
    else:
        first, last = int(days[0]), int(days[-1])
    bars = await shelf.ask(lambda history: history.daily(symbols, first, last))
    grouped = await shelf.ask(lambda history: history.fetched(GROUPED))
    ranges = await shelf.ask(lambda history: history.fetched(DAILY))
    whole = days[[any(span.first <= day <= span.last for span in grouped) for day in days.tolist()]]
    return Known(bars, whole, [Range(span.key.encode(), span.first, span.last) for span in ranges])


async def plan_for(shelf: Shelf, symbols: Symbols, days: Longs, *, today: bool = False) -> FetchPlan:
    """The fewest calls for what the store lacks; see `daemon.dataplane.planner.fetch_plan`."""
    return fetch_plan(symbols, days, await known(shelf, symbols, days), today=today)


async def fetch(
    plan: FetchPlan,
    exchange: Exchange,
    shelf: Shelf,
    clock: Clock,
    *,
    priority: Priority = Priority.WARM_UP,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Fetched:
    """Fetch whole days and ranges; the snapshot of today is the caller's.

    Each answer is stored and noted before it counts, so whatever ends this early, nothing is asked twice.

    Args:
        plan: what to ask.
        exchange: whom.
        shelf: where it is kept.
        clock: when it was asked.
        priority: among others who ask.
        progress: told calls done and calls planned.

    Raises:
        streams.history.errors.HistoryError: the store does not take the answers.
    """
    calls = _Calls(exchange, shelf, clock, priority)
    total = len(plan.days) + len(plan.ranges)
    result = await carry_out(calls.of(plan), lambda done: progress(done, total))
    unasked = total - result.calls - result.failed
    return result._replace(failed=result.failed + unasked)


async def carry_out(
    calls: Iterator[Callable[[], Awaitable[int]]],
    progress: Callable[[int], None],
    *,
    at_once: int = AT_ONCE,
    within_s: float | None = None,
) -> Fetched:
    """Make calls in order, some at once, until they end, the time is over, or the key or the plan is refused.

    Args:
        calls: each gives the rows that it stored.
        progress: told calls done, failed ones too.
        at_once: so many.
        within_s: seconds; what is under way then is dropped. None: as long as it takes.

    Raises:
        streams.history.errors.HistoryError: the store does not take the answers.
    """
    result = Fetched()

    async def work() -> None:
        nonlocal result
        for call in calls:
            if isinstance(result.error, KeyRefused | NotEntitled):
                return
            outcome = await _outcome(call)
            result = _added(result, outcome)  # of what the others have added meanwhile
            progress(result.calls + result.failed)

    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s), asyncio.TaskGroup() as group:
                for _ in range(at_once):
                    group.create_task(work())
    except ExceptionGroup as several:
        raise several.exceptions[0] from None
    return result


class _Calls:
    """The calls of a plan, made when they are awaited."""

    def __init__(self, exchange: Exchange, shelf: Shelf, clock: Clock, priority: Priority) -> None:
        self._exchange, self._shelf, self._clock, self._priority = exchange, shelf, clock, priority

    def of(self, plan: FetchPlan) -> Iterator[Callable[[], Awaitable[int]]]:
        """The newest day first: should it end early, the most useful is there."""
        for day in reversed(plan.days):
            yield lambda day=day: self._day(day)  # type: ignore[misc]
        for span in plan.ranges:
            yield lambda span=span: self._range(span)  # type: ignore[misc]

    async def _day(self, day: int) -> int:
        asked_ms = self._clock.wall_ms()
        bars = await self._exchange.grouped(day, priority=self._priority)
        return await self._keep(bars, GROUPED, Span("", day, day, asked_ms))

    async def _range(self, span: Range) -> int:
        asked_ms, symbol = self._clock.wall_ms(), span.symbol.decode()
        bars = await self._exchange.daily(symbol, span.first_day, span.last_day, priority=self._priority)
        return await self._keep(bars, DAILY, Span(symbol, span.first_day, span.last_day, asked_ms))

    async def _keep(self, bars: DailyBars, kind: str, span: Span) -> int:
        rows = await self._shelf.ask(lambda history: history.write_daily(bars, "rest", span.as_of_ms))
        await self._shelf.ask(lambda history: history.mark_fetched(kind, [span]))
        return rows


async def _outcome(call: Callable[[], Awaitable[int]]) -> int | RestError:
    try:
        return await call()
    except RestError as error:
        log.warning("not fetched", what=str(error))
        return error


def _added(before: Fetched, outcome: int | RestError) -> Fetched:
    if isinstance(outcome, RestError):
        return before._replace(failed=before.failed + 1, error=before.error or outcome)
    return before._replace(calls=before.calls + 1, rows=before.rows + outcome)

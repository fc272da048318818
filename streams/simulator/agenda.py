"""What the exchange has to do next: bars, strikes, and what was put off, in order of market time. Pure."""

from __future__ import annotations

import heapq
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from streams.simulator.schedule import Strike
    from streams.simulator.tape import Emission


class Due(NamedTuple):
    """Something to do at a market time."""

    due_ms: int
    item: object


class Agenda:
    """Merges three sources; at the same time, strikes come first, then what was put off, then bars.

    Args:
        tape: bars as the exchange would send them, in order; read as they are asked for.
        plan: strikes in order.
    """

    def __init__(self, tape: Iterator[Emission], plan: Sequence[Strike]) -> None:
        self._tape, self._plan = tape, iter(plan)
        self._later: list[tuple[int, int, object]] = []
        self._order = count()
        self._bars: Emission | None = None
        self._strike: Strike | None = next(self._plan, None)
        self._ended = False
        self._endings = 0

    def add(self, due_ms: int, item: object) -> None:
        """Put something off until then."""
        heapq.heappush(self._later, (due_ms, next(self._order), item))

    def add_ending(self, due_ms: int, ending: Callable[[], None]) -> None:
        """Put off what nobody waits for: it is forgotten when nothing else is left."""
        self.add(due_ms, ending)
        self._endings += 1

    def early(self, until_ms: int) -> Iterator[Strike]:
        """The strikes planned up to `until_ms`, which are taken out."""
        while self._strike is not None and self._strike.at_ms <= until_ms:
            strike, self._strike = self._strike, next(self._plan, None)
            yield strike

    def peek_ms(self) -> int | None:
        """When there is something to do next; None for never."""
        if self._bars is None and not self._ended:
            self._bars = next(self._tape, None)
            self._ended = self._bars is None
        if self._bars is None and self._strike is None and len(self._later) == self._endings:
            return None
        times = (
            self._strike.at_ms if self._strike else None,
            self._later[0][0] if self._later else None,
            self._bars.due_ms if self._bars else None,
        )
        return min((at_ms for at_ms in times if at_ms is not None), default=None)

    def pop(self) -> Due | None:
        """What comes next, which is taken out; None if there is nothing."""
        due_ms = self.peek_ms()
        if due_ms is None:
            return None
        if self._strike is not None and self._strike.at_ms == due_ms:
            strike, self._strike = self._strike, next(self._plan, None)
            return Due(due_ms, strike)
        if self._later and self._later[0][0] == due_ms:
            item = heapq.heappop(self._later)[2]
            self._endings -= callable(item)
            return Due(due_ms, item)
        bars, self._bars = self._bars, None
        return Due(due_ms, bars)

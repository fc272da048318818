"""What makes a real feed untidy: bars that come late, and bars sent again because a trade came late."""

from __future__ import annotations

import heapq
from itertools import count
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from streams.bars import SECOND_MS
from streams.simulator.tape import Emission

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from streams.simulator.tape import Prints
    from streams.types import Flags, Floats

OPEN_FOR_MS: Final = 15 * 60_000
"""How long after its start a bar can still change."""

_LATE_MS: Final = (1_000, 10_000)
_OPEN, _HIGH, _CLOSE, _VOLUME, _DAY_VOLUME = 0, 1, 3, 4, 6


class Irregularity(NamedTuple):
    """How untidy.

    Attributes:
        late: share of bars sent 1 to 10 seconds late, behind bars of later starts.
        revised: share of bars first sent without some of their trades, and sent again whole, with the same start,
            while the bar is open.
        seed: another seed picks other bars.
    """

    late: float = 0.005
    revised: float = 0.01
    seed: int = 0


def irregular(emissions: Iterable[Emission], how: Irregularity) -> Iterator[Emission]:
    """The same bars in the order of an untidy feed, repeatable; what is said last of a bar is what it was."""
    rng = np.random.default_rng(how.seed)
    order = count()
    waiting: list[tuple[int, int, Emission]] = []
    for emission in emissions:
        while waiting and waiting[0][0] <= emission.due_ms:
            yield heapq.heappop(waiting)[2]
        lot = rng.random(emission.prints.bars.size)
        for later in _postponed(emission, lot, how, rng):
            heapq.heappush(waiting, (later.due_ms, next(order), later))
        punctual = lot >= how.late
        if punctual.any():
            yield emission._replace(prints=incomplete(emission.prints, lot < how.late + how.revised).take(punctual))
    while waiting:
        yield heapq.heappop(waiting)[2]


def _postponed(emission: Emission, lot: Floats, how: Irregularity, rng: np.random.Generator) -> Iterator[Emission]:
    """The bars that come late, and the whole ones that follow incomplete ones, each on its own."""
    end_ms = int(emission.prints.bars.start_ms[0]) + OPEN_FOR_MS
    for k in np.flatnonzero(lot < how.late + how.revised):
        latest_ms = emission.due_ms + _LATE_MS[1] if lot[k] < how.late else end_ms
        due_ms = int(rng.integers(emission.due_ms + _LATE_MS[0], latest_ms)) // SECOND_MS * SECOND_MS
        yield Emission(max(due_ms, emission.due_ms), emission.prefix, emission.prints.take(np.array([k])))


def incomplete(prints: Prints, chosen: Flags) -> Prints:
    """The same bars, the chosen ones without the trade that made the high, and without half of their shares."""
    values = prints.bars.values.copy()
    missing = np.where(chosen, np.floor(values[_VOLUME] / 2), 0.0)
    values[_VOLUME] = (values[_VOLUME] - missing).round(6)
    values[_DAY_VOLUME] = (values[_DAY_VOLUME] - missing).round(6)
    values[_HIGH] = np.where(chosen, np.maximum(values[_OPEN], values[_CLOSE]), values[_HIGH])
    return prints._replace(bars=prints.bars._replace(values=values))

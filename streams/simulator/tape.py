"""The tape: market minutes put in the order and at the times at which an exchange would send their bars."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from streams.bars import MINUTE_MS, SECOND_MS, empty

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from streams.bars import BarBatch
    from streams.types import Longs

SECOND_DELAY_MS: Final = 2_000
"""A second bar is held this long for stragglers, then sent."""

MINUTE_DELAY_MS: Final = 4_000
"""The same of a minute bar."""


class Prints(NamedTuple):
    """n bars of one length, with what the wire says of them beyond a `BarBatch`.

    Attributes:
        bars: in order of (start, symbol), the fields of the day filled where they are known.
        trade_size: ``int64[n]``, shares an average trade had.
    """

    bars: BarBatch
    trade_size: Longs

    def take(self, index: NDArray[np.intp] | NDArray[np.bool_] | slice) -> Prints:
        """The bars at `index` (positions, a mask, or a slice), in that order."""
        return Prints(self.bars.take(index), self.trade_size[index])


NOTHING: Final = Prints(empty(), np.zeros(0, np.int64))


class Minute(NamedTuple):
    """One minute of the market; `start_ms` never falls from one to the next.

    Attributes:
        start_ms: its start.
        seconds: its second bars, possibly none.
        minutes: its minute bars, possibly none.
    """

    start_ms: int
    seconds: Prints
    minutes: Prints


class Emission(NamedTuple):
    """Bars of one length that leave the exchange together.

    Attributes:
        due_ms: market time at which they do.
        prefix: ``A`` or ``AM``.
        prints: the bars, at least one, in order.
    """

    due_ms: int
    prefix: str
    prints: Prints


def emissions(minutes: Iterable[Minute]) -> Iterator[Emission]:
    """The bars of all `minutes` in order of due time; holds at most two minutes at a time.

    The first second of a minute is due before the minute bars of the last one.
    """
    waiting: list[Emission] = []
    for minute in minutes:
        first_due_ms = minute.start_ms + SECOND_MS + SECOND_DELAY_MS
        yield from (emission for emission in waiting if emission.due_ms < first_due_ms)
        waiting = [emission for emission in waiting if emission.due_ms >= first_due_ms]
        waiting += _of_minute(minute)
        waiting.sort(key=lambda emission: emission.due_ms)
    yield from waiting


def _of_minute(minute: Minute) -> Iterator[Emission]:
    seconds = minute.seconds
    for piece in groups(seconds.bars.start_ms):
        due_ms = int(seconds.bars.start_ms[piece.start]) + SECOND_MS + SECOND_DELAY_MS
        yield Emission(due_ms, "A", seconds.take(piece))
    if minute.minutes.bars.size:
        yield Emission(minute.start_ms + MINUTE_MS + MINUTE_DELAY_MS, "AM", minute.minutes)


def groups(keys: Longs) -> Iterator[slice]:
    """Slices of equal neighbours in ``int64[n]``, in order."""
    bounds = [0, *(np.flatnonzero(np.diff(keys)) + 1).tolist(), len(keys)]
    if len(keys):
        yield from (slice(a, b) for a, b in pairwise(bounds))

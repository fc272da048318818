"""How long to wait before connecting again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from random import Random


@dataclass(frozen=True, slots=True)
class Ladder:
    """Delays that grow from one end to the next, each spread by chance.

    Attributes:
        first_s: the first delay, in seconds.
        factor: what each is multiplied by for the next.
        cap_s: the longest.
        least, most: between which of its multiples a delay is drawn.
        healthy_s: how long a session has to have lived for the ladder to start anew; a shorter one proves nothing.
    """

    first_s: float
    factor: float
    cap_s: float
    least: float
    most: float
    healthy_s: float

    def delay_s(self, step: int, random: Random) -> float:
        """The delay on rung `step`, from 0."""
        rung_s = min(self.first_s * self.factor ** min(step, 64), self.cap_s)
        return rung_s * random.uniform(self.least, self.most)


LOST: Final = Ladder(first_s=1.0, factor=1.6, cap_s=30.0, least=0.5, most=1.0, healthy_s=60.0)
"""After a lost connection, or none: at most a second at first, so that a gap stays small."""

SILENT: Final = Ladder(first_s=1.0, factor=1.6, cap_s=300.0, least=0.5, most=1.0, healthy_s=60.0)
"""After a silence in trading hours: up to five minutes, for the market may be closed out of calendar."""

EVICTED: Final = Ladder(first_s=60.0, factor=2.0, cap_s=960.0, least=1.0, most=1.25, healthy_s=3600.0)
"""After another session with the same key: two that take turns must not do so once a minute for ever."""


class Backoff:
    """The next delay, by what ended the last session. Pure: chance comes in."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._steps: dict[Ladder, int] = {}

    def next_s(self, ladder: Ladder, healthy_s: float) -> float:
        """Seconds to wait before the next attempt.

        Args:
            ladder: `LOST`, `SILENT` or `EVICTED`: what ended the session.
            healthy_s: how long the session was subscribed and not stale; 0 if it never was.
        """
        self._steps = {tried: step for tried, step in self._steps.items() if healthy_s < tried.healthy_s}
        step = self._steps.get(ladder, 0)
        self._steps[ladder] = step + 1
        return ladder.delay_s(step, self._random)

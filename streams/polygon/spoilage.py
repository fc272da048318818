"""Whether too much of what the feed sends cannot be read: then going on silently would hide an outage.

.. code-block:: text

    SOUND --more than 5 % bad for 60 s--> SUSPECT --again--> DEGRADED
      ^          (drop the feed)             |                  |
      +------------ 60 s at or below 5 % ----+------------------+

A new connection may mend it, so the first verdict is to drop the feed. One that is as bad again is kept, for dropping
it once more would cost the good elements too: a person has to look. Pure: the time comes in.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.polygon.messages import Decoded

SHARE: Final = 0.05
"""More than this share of bad elements spoils a slice of time."""

RUN_S: Final = 60.0
"""How long it has to last, slice by slice, before anything follows."""

SLICE_S: Final = 5.0

LEAST_BAD: Final = 10
"""So many bad elements at least: in a quiet night one or two prove nothing."""

UNKNOWN: Final = "unknown_type"
"""The reason under which elements of types that are not read are counted here."""


class Condition(StrEnum):
    """How the feed's elements stand; see the diagram of the module."""

    SOUND = "sound"
    SUSPECT = "suspect"
    DEGRADED = "degraded"


class Verdict(NamedTuple):
    """The condition is another one.

    Attributes:
        condition: the new one; `SUSPECT` asks for a new connection.
        elements: of the run of slices that led to it.
        reasons: how many of them were bad, by reason.
    """

    condition: Condition
    elements: int
    reasons: Mapping[str, int]

    def __str__(self) -> str:
        found = ", ".join(f"{reason} {count}" for reason, count in sorted(self.reasons.items()))
        return f"{sum(self.reasons.values())} of {self.elements} elements could not be read: {found or 'none'}"


class _Run(NamedTuple):
    """Slices in a row that are all spoiled, or all sound."""

    spoiled: bool
    since_s: float
    elements: int
    reasons: Counter[str]


class Spoilage:
    """Watches the elements of one feed, over all its connections.

    Slices without elements count neither way.

    Args:
        run_s: see `RUN_S`.
        slice_s: see `SLICE_S`.

    Attributes:
        condition: how the elements stand.
    """

    def __init__(self, run_s: float = RUN_S, slice_s: float = SLICE_S) -> None:
        self._run_s, self._slice_s = run_s, slice_s
        self.condition = Condition.SOUND
        self._run: _Run | None = None
        self._begin(0.0)

    def note(self, decoded: Decoded, now_s: float) -> Verdict | None:
        """Take one frame into account; returns the change of condition, if it makes one. Below a microsecond.

        Args:
            decoded: the frame.
            now_s: monotonic.
        """
        verdict = self._end(now_s) if now_s >= self._since_s + self._slice_s else None
        self._elements += decoded.bars.size + decoded.bands.size + len(decoded.statuses)
        for reason, reject in decoded.rejects.items():
            self._bad[reason] += reject.count
        for count in decoded.unknown.values():
            self._bad[UNKNOWN] += count
        return verdict

    def _begin(self, now_s: float) -> None:
        self._since_s, self._elements, self._bad = now_s, 0, Counter[str]()

    def _end(self, now_s: float) -> Verdict | None:
        """Close the slice, and begin the next."""
        since_s, bad, total = self._since_s, self._bad, self._elements + self._bad.total()
        self._begin(now_s)
        if not total:
            return None
        spoiled = bad.total() > SHARE * total
        before = self._run if self._run and self._run.spoiled == spoiled else _Run(spoiled, since_s, 0, Counter())
        self._run = before._replace(elements=before.elements + total, reasons=before.reasons + bad)
        return self._judge(self._run, since_s + self._slice_s)

    def _judge(self, run: _Run, until_s: float) -> Verdict | None:
        if until_s - run.since_s < self._run_s or (run.spoiled and run.reasons.total() < LEAST_BAD):
            return None
        before = self.condition
        if not run.spoiled:
            self.condition = Condition.SOUND
        else:
            self.condition = Condition.SUSPECT if before is Condition.SOUND else Condition.DEGRADED
        self._run = None
        return None if self.condition is before else Verdict(self.condition, run.elements, dict(run.reasons))

"""What is let go, in which order, when bars come faster than they are worked on: never a minute bar, never an alert.

1. *enrichment*: alerts go without what the exchange would have to be asked for, and nothing is fetched ahead;
2. *learning*: answers are judged, but not learned; scores go on with the view in use;
3. *coalescing*: second bars of one symbol and minute that wait together become one.

A step is taken when the oldest input has waited for longer than `HIGH_S` throughout `UP_S`, and taken back, one after
the other, when it has waited for less than `LOW_S` throughout `DOWN_S`. Each is an event.
"""

from __future__ import annotations

import asyncio
from enum import IntEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from daemon.app import App

HIGH_S: Final = 1.0
UP_S: Final = 2.0
LOW_S: Final = 0.25
DOWN_S: Final = 30.0
LOOK_S: Final = 0.25


class Step(IntEnum):
    """How much is let go: of each all that stands before it, too."""

    NOTHING = 0
    ENRICHMENT = 1
    LEARNING = 2
    COALESCING = 3


class Overload:
    """Decides, by how long the oldest input has waited. Pure.

    Attributes:
        step: what is let go now.
    """

    def __init__(self) -> None:
        self.step = Step.NOTHING
        self._high_since_s: float | None = None
        self._low_since_s: float | None = None

    def look(self, waiting_s: float, now_s: float) -> bool:
        """Whether `step` is another one now.

        Args:
            waiting_s: age of the oldest input that is not worked on.
            now_s: monotonic.
        """
        self._high_since_s = _since(self._high_since_s, now_s, holds=waiting_s > HIGH_S)
        self._low_since_s = _since(self._low_since_s, now_s, holds=waiting_s < LOW_S)
        if self.step < max(Step) and _lasted(self._high_since_s, now_s, UP_S):
            self.step, self._high_since_s = Step(self.step + 1), now_s
            return True
        if self.step > Step.NOTHING and _lasted(self._low_since_s, now_s, DOWN_S):
            self.step, self._low_since_s = Step(self.step - 1), now_s
            return True
        return False


def _since(before_s: float | None, now_s: float, *, holds: bool) -> float | None:
    if not holds:
        return None
    return now_s if before_s is None else before_s


def _lasted(since_s: float | None, now_s: float, for_s: float) -> bool:
    return since_s is not None and now_s - since_s >= for_s


async def watch(app: App, overload: Overload) -> None:
    """Let go of what the ladder says, and take it up again, for ever."""
    while True:
        await asyncio.sleep(LOOK_S)
        waiting_s, before = app.live.waiting_s, overload.step
        if overload.look(waiting_s, app.clock.monotonic_s()):
            _act(app, overload.step)
            app.events.overload(overload.step, before, waiting_s)


def _act(app: App, step: Step) -> None:
    if app.known:
        app.known.enrichment.shedding = step >= Step.ENRICHMENT
        if app.known.foresight:
            app.known.foresight.prefetcher.shedding = step >= Step.ENRICHMENT
    if app.teacher:
        app.teacher.shedding = step >= Step.LEARNING
    app.inbox.merging = step >= Step.COALESCING

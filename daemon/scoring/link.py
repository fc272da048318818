"""The engine's side of the learner: lessons out, views in, and a new learner when one dies.

Shell, driven by the engine's thread. Two modes:

* waiting (replay, and live on a simulator): `view` waits until every lesson due has been learned, so that
  the same bars give the same views at the same bars. A learner that cannot be had is an error.
* not waiting (live): nothing here ever blocks. A view that is late is counted, and the last one stays in use.
"""

from __future__ import annotations

import select
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from daemon.scoring import wire
from daemon.scoring.child import Child
from daemon.scoring.errors import LearnerError, LearnerFailingError, StateError, WireError
from daemon.scoring.features import fingerprint
from daemon.scoring.view import from_arrays, to_arrays, untaught

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from daemon.scoring.errors import ScoringError
    from daemon.scoring.questions import Lesson
    from daemon.scoring.view import View
    from daemon.scoring.wire import Frame
    from streams.types import Clock

BACKLOG = 30
"""Lessons that may wait to be learned: half an hour of market minutes, about 30 MB at 10,000 symbols."""

WAITING_VIEWS = 64
"""Views that may wait to come into use; the oldest gives way. The engine fetches one a minute."""

MAX_DEATHS = 3
"""Deaths without a view between them, after which the lesson that is next is taken to be what kills."""

_SLICE_S = 0.1
"""How long one wait for the learner lasts before it is seen whether to go on waiting."""

_BACKOFF_S = 1.0
_MAX_BACKOFF_S = 30.0


class _Pending(NamedTuple):
    number: int
    minute_ms: int
    frame: bytes


class Link:
    """Teaches a learner's process and hands out its views.

    Args:
        features: texts of the features; a state saved with others is refused.
        clock: for deadlines and pauses.
        patience_s: how long to wait for the learner; 0 never waits. The first wait includes the import of
            River.
        backlog: lessons that may wait to be learned. When full: waits with patience, drops the new one
            without.

    Attributes:
        dropped: lessons that were never learned.
        late: views that had not come when they were due.
        deaths: learners that ended without being told to.
    """

    def __init__(self, features: Sequence[str], clock: Clock, patience_s: float = 0.0, backlog: int = BACKLOG) -> None:
        self._features = tuple(features)
        self._clock, self._patience_s, self._backlog = clock, patience_s, backlog
        self._child: Child | None = None
        self._number = 0
        self._unlearned: deque[_Pending] = deque()
        self._views: deque[View] = deque(maxlen=WAITING_VIEWS)
        self._newest = untaught(len(self._features))
        self._in_use: View | None = None
        self._deaths_in_a_row, self._last_death, self._start_at_s = 0, "", 0.0
        self.dropped = self.late = self.deaths = 0

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the learner's process, see `close`."""
        self.close()

    @property
    def unlearned(self) -> int:
        """Lessons taught and not yet learned."""
        return len(self._unlearned)

    @property
    def pid(self) -> int | None:
        """Of the learner's process, None while there is none."""
        return self._child.pid if self._child else None

    def start(self) -> None:
        """Start the process now instead of at the first lesson; it gets ready by itself."""
        if self._child is None and self._clock.monotonic_s() >= self._start_at_s:
            self._child = Child(self._backlog + 1)
            self._child.send(wire.hello(self._features, self._newest))
            for pending in self._unlearned:
                self._child.send(pending.frame)

    def teach(self, lesson: Lesson) -> None:
        """Hand over the answers of one market minute; lessons come in the order of their minutes.

        Raises:
            LearnerFailingError: with patience only, see `view`.
        """
        self._pump(0.0)
        if not self._wait(self._has_room):
            self._give_up()
            self.dropped += 1
            return
        self._number += 1
        pending = _Pending(self._number, lesson.minute_ms, wire.lesson(self._number, lesson))
        self.start()
        self._unlearned.append(pending)
        if self._child:
            self._child.send(pending.frame)

    def view(self, minute_ms: int) -> View | None:
        """The newest view that has learned no answer later than `minute_ms`.

        With patience it has learned every answer up to that minute; without, a view that is not there yet is
        late.

        Returns:
            None when there is none newer than the one handed out before.

        Raises:
            LearnerFailingError: with patience only: the learner died again and again, or gave no view in
                time.
        """
        self._pump(0.0)
        if not self._wait(lambda: not self._owes(minute_ms)):
            self._give_up()
            self.late += 1
        newest = None
        while self._views and self._views[0].minute_ms <= minute_ms:
            newest = self._views.popleft()
        self._in_use = newest or self._in_use
        return newest

    def settle(self, wait_s: float) -> bool:
        """Wait up to `wait_s` seconds until all lessons are learned; True if they are."""
        return self._wait(lambda: not self._unlearned, wait_s)

    def hurry(self) -> None:
        """Have no patience from now on, not in a call under way either: the end is near. From any thread."""
        self._patience_s = 0.0

    def close(self) -> None:
        """End the learner's process, at once; safe to call twice."""
        child, self._child = self._child, None
        self._start_at_s = np.inf
        if child:
            child.end()

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The view in use and those that wait, in order; lessons not yet learned are not among the state."""
        views = [view for view in (self._in_use, *self._views) if view is not None]
        return {**to_arrays(views, len(self._features)), "features": fingerprint(self._features)}

    def load_arrays(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on where `to_arrays` left off, before the first lesson.

        The next call of `view` hands out the view that was in use.

        Raises:
            StateError: the arrays are no views of as many features; nothing was changed.
        """
        if self._number or self._child:
            raise StateError("a state can be loaded only before the first lesson")
        if not np.array_equal(arrays.get("features", ()), fingerprint(self._features)):
            raise StateError("the state was learned on other features")
        self._views.extend(from_arrays(arrays, len(self._features)))
        self._newest = self._views[-1] if self._views else self._newest

    def _has_room(self) -> bool:
        return self.unlearned < self._backlog

    def _owes(self, minute_ms: int) -> bool:
        return bool(self._unlearned) and self._unlearned[0].minute_ms <= minute_ms

    def _wait(self, ready: Callable[[], bool], wait_s: float | None = None) -> bool:
        """Pump until `ready`; False when that takes longer than `wait_s`, or will not come at all.

        Without `wait_s` it is patience that ends.
        """
        since_s = self._clock.monotonic_s()
        while not ready():
            limit_s = self._patience_s if wait_s is None else wait_s
            left_s = since_s + limit_s - self._clock.monotonic_s()
            if left_s <= 0 or (self._patience_s and self._deaths_in_a_row >= MAX_DEATHS):
                return False
            self._pump(min(left_s, _SLICE_S))
        return True

    def _give_up(self) -> None:
        if self._patience_s:
            raise LearnerFailingError(self._last_death or f"none came within {self._patience_s:g} s")

    def _pump(self, wait_s: float) -> None:
        """Take in what the learner has sent, waiting up to `wait_s` seconds; see to it that one lives."""
        if self._unlearned:
            self.start()
        if self._child is None:
            pause_s = min(wait_s, max(0.0, self._start_at_s - self._clock.monotonic_s()))
            select.select([], [], [], pause_s)
            return
        try:
            for frame in self._child.receive(wait_s):
                self._take(frame)
        except (LearnerError, WireError, StateError) as error:
            self._bury(error)

    def _take(self, frame: Frame) -> None:
        if not self._unlearned or frame.kind != "view" or frame.number != self._unlearned[0].number:
            raise WireError(f"unexpected {frame.kind} {frame.number}")
        view = wire.view_of(frame, len(self._features))
        self._unlearned.popleft()
        self._views.append(view)
        self._newest, self._deaths_in_a_row, self._last_death = view, 0, ""

    def _bury(self, error: ScoringError) -> None:
        """A learner is lost: the next goes on from the newest view, with the lessons not yet learned."""
        if self._child:
            self._child.end()
            self._child = None
        self.deaths += 1
        self._deaths_in_a_row += 1
        pause_s = min(_BACKOFF_S * 2 ** (self._deaths_in_a_row - 2), _MAX_BACKOFF_S)
        self._start_at_s = self._clock.monotonic_s() + (pause_s if self._deaths_in_a_row > 1 else 0.0)
        self._last_death = str(error)
        if self._deaths_in_a_row >= MAX_DEATHS and self._unlearned and not self._patience_s:
            self._unlearned.popleft()
            self.dropped += 1

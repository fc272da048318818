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

import msgspec
import numpy as np

from daemon.scoring import wire
from daemon.scoring.child import Child
from daemon.scoring.errors import LearnerError, LearnerFailingError, StateError, WireError
from daemon.scoring.features import VERSION_1, fingerprint
from daemon.scoring.modelfigures import ModelFigures
from daemon.scoring.recipes import PLAIN, Course
from daemon.scoring.saved import checked, shaped, under
from daemon.scoring.scaling import Moments
from daemon.scoring.view import View, from_arrays, level

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from daemon.scoring.errors import ScoringError
    from daemon.scoring.questions import Lesson
    from daemon.scoring.wire import Frame
    from streams.types import Clock, Floats

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


STATE_VERSION = 2
"""Of what `Link.to_arrays` gives; version 1 was the numbers of one linear model, and is still read."""

NEWS = 64
"""Things to be told that wait to be taken out; the oldest give way."""

_SINCE_STATE = 10  # lessons between two states of a learner, see daemon.scoring.learner


class _Pending(NamedTuple):
    number: int
    target: int
    minute_ms: int
    frame: bytes


class Link:
    """Teaches a learner's process and hands out its views.

    Args:
        features: texts of the features.
        clock: for deadlines and pauses.
        patience_s: how long to wait for the learner; 0 never waits. The first wait includes the import of
            River.
        backlog: lessons that may wait to be learned. When full: waits with patience, drops the new one
            without.
        courses: how each target is learned; one plain logistic regression where none is given.
        folder: where answers are remembered across processes, None for nowhere.
        learns: whether there is a learner at all; else views are those of the state that is loaded, for good.

    Attributes:
        dropped: lessons that were never learned.
        late: views that had not come when they were due.
        deaths: learners that ended without being told to.
        shedding: whether lessons are let go of for want of time; with patience they never are.
        shed: lessons that were.
        told: JSON of what people should know about models, for whoever tells them to take out.
        figures: JSON of how good every model has been, as it was known last; empty before that.
    """

    def __init__(
        self,
        features: Sequence[str],
        clock: Clock,
        patience_s: float = 0.0,
        backlog: int = BACKLOG,
        courses: Sequence[Course] = (Course("plain", recipes=(PLAIN,), memory_rows=0),),
        folder: Path | None = None,
        *,
        learns: bool = True,
    ) -> None:
        self._learns = learns
        self._features, self._courses, self._folder = tuple(features), tuple(courses), folder
        self._clock, self._patience_s, self._backlog = clock, patience_s, backlog
        self._child: Child | None = None
        self._number = self._viewed = 0
        self._taught: deque[_Pending] = deque()  # since the newest state
        self._state: dict[str, NDArray[Any]] = {}
        self._views: list[deque[View]] = [deque(maxlen=WAITING_VIEWS) for _ in self._courses]
        self._in_use: list[View | None] = [None for _ in self._courses]
        self._deaths_in_a_row, self._last_death, self._start_at_s = 0, "", 0.0
        self.dropped = self.late = self.deaths = self.shed = 0
        self.shedding = False
        self._asked = False
        self.told: deque[str] = deque(maxlen=NEWS)
        self.figures = ""

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the learner's process, see `close`."""
        self.close()

    @property
    def unlearned(self) -> int:
        """Lessons taught and not yet learned."""
        return self._number - self._viewed

    @property
    def pid(self) -> int | None:
        """Of the learner's process, None while there is none."""
        return self._child.pid if self._child else None

    def start(self) -> None:
        """Start the process now instead of at the first lesson; it gets ready by itself."""
        if self._learns and self._child is None and self._clock.monotonic_s() >= self._start_at_s:
            self._child, self._asked = Child(self._backlog + _SINCE_STATE + 3), False
            self._child.send(wire.hello(self._features, self._courses, self._folder, self._state))
            for pending in self._taught:
                self._child.send(pending.frame)

    def teach(self, lesson: Lesson) -> None:
        """Hand over the answers of one market minute; those of a target come in the order of their minutes.

        Raises:
            LearnerFailingError: with patience only, see `view`.
        """
        if not self._learns:
            return
        if self.shedding and not self._patience_s:
            self.shed += 1
            return
        self._pump(0.0)
        if not self._wait(self._has_room):
            self._give_up()
            self.dropped += 1
            return
        self._number += 1
        frame = wire.lesson(self._number, lesson)
        pending = _Pending(self._number, lesson.target, lesson.minute_ms, frame)
        self.start()
        self._taught.append(pending)
        if self._child:
            self._child.send(pending.frame)

    def view(self, minute_ms: int, target: int = 0) -> View | None:
        """The newest view of a target that has learned no answer later than `minute_ms`.

        With patience it has learned every answer up to that minute; without, a view that is not there yet is
        late.

        Returns:
            None when there is none newer than the one handed out before.

        Raises:
            LearnerFailingError: with patience only: the learner died again and again, or gave no view in
                time.
        """
        self._pump(0.0)
        if not self._wait(lambda: not self._owes(minute_ms, target)):
            self._give_up()
            self.late += 1
        newest, views = None, self._views[target]
        while views and views[0].minute_ms <= minute_ms:
            newest = views.popleft()
        self._in_use[target] = newest or self._in_use[target]
        return newest

    def settle(self, wait_s: float) -> bool:
        """Wait up to `wait_s` seconds until all lessons are learned; True if they are."""
        return self._wait(lambda: not self.unlearned, wait_s)

    def ask(self, wait_s: float) -> str:
        """The figures of all models as they are after all that was taught, waiting up to `wait_s` seconds for them."""
        self.settle(wait_s)
        if self._child and self._viewed and not self._asked:
            self._asked = True
            self._child.send(wire.ask(self._number))
            self._wait(lambda: not self._asked, wait_s)
        return self.figures

    def models(self, wait_s: float = 0.0) -> list[ModelFigures]:
        """How good every model has been, as far as it is known by now; newer figures are asked for."""
        self.ask(wait_s)
        return self.known()

    def known(self) -> list[ModelFigures]:
        """How good every model had been when that was told last; asks for nothing, so that any thread may call it."""
        text = self.figures
        return msgspec.json.decode(text, type=list[ModelFigures]) if text else []

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
        """The newest state, the lessons taught since, and the views in use and those that wait, in order."""
        views = [
            wire.answer(0, target, view)
            for target, in_use in enumerate(self._in_use)
            for view in (in_use, *self._views[target])
            if view is not None
        ]
        return {
            "version": np.array([STATE_VERSION], np.int64),
            "numbered": np.array([self._number, self._viewed], np.int64),
            "views": _joined(views),
            "lessons": _joined([pending.frame for pending in self._taught]),
            **{f"state/{name}": array for name, array in self._state.items()},
        }

    def load_arrays(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on where `to_arrays` left off, before the first lesson.

        The next call of `view` hands out the view that was in use. Where features or models are others now, or it was
        saved by version 1, what still fits is taken over, and scores begin with the first new view.

        Raises:
            StateError: the arrays are no state of a link; nothing was changed.
        """
        if self._number or self._child:
            raise StateError("a state can be loaded only before the first lesson")
        if "version" not in arrays:
            saved = _version_1(arrays, self._features)
            self._state = {f"0/{name}": array for name, array in saved.items()}
            if saved and np.array_equal(arrays["features"], fingerprint(self._features)):
                self._views[0].append(_view_of_version_1(saved["numbers"][-1]))
            return
        state = {name: array.copy() for name, array in under(arrays, "state").items()}
        self._try_out(state)
        if self._knows(state):
            self._go_on(arrays)
        self._state = state

    def _try_out(self, state: wire.Columns) -> None:
        """What no frame can hold would kill each learner at its start."""
        try:
            list(wire.Decoder().feed(wire.hello(self._features, self._courses, self._folder, state)))
        except WireError as error:
            raise StateError(f"no state of a link: {error}") from None

    def _go_on(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        number, viewed = checked(arrays, "numbered", np.int64, (2,), 0).tolist()
        views = [
            (frame.target, from_arrays(frame.arrays, len(self._features))) for frame in self._saved(arrays, "view")
        ]
        lessons = [
            _Pending(frame.number, frame.target, frame.minute_ms, wire.encoded(frame))
            for frame in self._saved(arrays, "lesson")
        ]
        numbers = [pending.number for pending in lessons]
        due = [one for one in numbers if one > viewed]
        if (
            viewed > number
            or numbers != sorted(set(numbers))
            or due != list(range(viewed + 1, number + 1))
            or len(due) > self._backlog
        ):
            raise StateError("no state of a link: its lessons are not those that were still to be learned")
        if len(lessons) > self._backlog + _SINCE_STATE:
            raise StateError(f"no state of a link: it holds {len(lessons)} lessons")
        for target, view in views:
            self._views[target].append(view)
        self._taught.extend(lessons)
        self._number, self._viewed = number, viewed

    def _saved(self, arrays: Mapping[str, NDArray[Any]], kind: wire.Kind) -> list[Frame]:
        """Frames of a kind that were saved."""
        try:
            frames = list(wire.Decoder().feed(shaped(arrays, f"{kind}s", np.uint8, (None,)).tobytes()))
        except WireError as error:
            raise StateError(f"no state of a link: {error}") from None
        if any(frame.kind != kind or not 0 <= frame.target < len(self._courses) for frame in frames):
            raise StateError(f"no state of a link: among its {kind}s is something else, or one of an unknown target")
        return frames

    def _knows(self, state: Mapping[str, NDArray[Any]]) -> bool:
        """Whether a state is of these features and models."""
        wanted = [msgspec.json.encode((self._features, course.recipes)) for course in self._courses]
        found = [state[f"{n}/spec"].tobytes() if f"{n}/spec" in state else b"" for n in range(len(wanted))]
        return not any(found) or found == wanted

    def _has_room(self) -> bool:
        return self.unlearned < self._backlog

    def _owes(self, minute_ms: int, target: int) -> bool:
        return self._learns and any(
            p.number > self._viewed and p.target == target and p.minute_ms <= minute_ms for p in self._taught
        )

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
        if self._taught:
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
        match frame.kind:
            case "view" if frame.number <= self._number and frame.target < len(self._courses):
                self._take_view(frame)
            case "state" if frame.number <= self._viewed:
                self._state, self.figures = frame.arrays, frame.text or self.figures
                self._asked = self._asked and not frame.text
                while self._taught and self._taught[0].number <= frame.number:
                    self._taught.popleft()
            case "news":
                self.told.append(frame.text)
            case _:
                raise WireError(f"unexpected {frame.kind} {frame.number}")

    def _take_view(self, frame: Frame) -> None:
        """Views of lessons that are learned again, by a new learner, are known already."""
        if frame.number > self._viewed + 1 and any(p.number == self._viewed + 1 for p in self._taught):
            raise WireError(f"a view of lesson {frame.number}, where {self._viewed + 1} is next")
        view = from_arrays(frame.arrays, len(self._features))
        if frame.number > self._viewed:
            self._views[frame.target].append(view)
            self._viewed = frame.number
        self._deaths_in_a_row, self._last_death = 0, ""

    def _bury(self, error: ScoringError) -> None:
        """A learner is lost: the next goes on from the newest state, with the lessons taught since."""
        if self._child:
            self._child.end()
            self._child = None
        self.deaths += 1
        self._deaths_in_a_row += 1
        pause_s = min(_BACKOFF_S * 2 ** (self._deaths_in_a_row - 2), _MAX_BACKOFF_S)
        self._start_at_s = self._clock.monotonic_s() + (pause_s if self._deaths_in_a_row > 1 else 0.0)
        self._last_death = str(error)
        if self._deaths_in_a_row >= MAX_DEATHS and self.unlearned and not self._patience_s:
            poison = next(pending for pending in self._taught if pending.number > self._viewed)
            self._taught.remove(poison)
            self._viewed = poison.number
            self.dropped += 1


def _joined(frames: Sequence[bytes]) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(frames), np.uint8)


def _view_of_version_1(numbers: Floats) -> View:
    intercept, *rest = numbers.tolist()
    slopes, *moments = np.array(rest).reshape(4, -1)
    return View(0, 0, Moments(*moments), level(len(slopes), intercept)._replace(slopes=slopes))


def _version_1(arrays: Mapping[str, NDArray[Any]], features: Sequence[str]) -> dict[str, NDArray[Any]]:
    """What version 1 saved, with the names of its features, of which it kept a hash only."""
    for names in (tuple(features), VERSION_1):
        if np.array_equal(arrays.get("features", ()), fingerprint(names)):
            numbers = arrays.get("numbers")
            if numbers is None or numbers.dtype != np.float64 or numbers.shape[1:] != (1 + 4 * len(names),):
                raise StateError("the state of version 1 has no numbers of its features")
            kept = {"numbers": numbers.copy(), "names": np.frombuffer(msgspec.json.encode(names), np.uint8)}
            return kept if len(numbers) else {}
    raise StateError("the state was learned on other features, by a version that did not keep their names")

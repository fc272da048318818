"""The learner's process: lessons in, views and states out, over one inherited socket.

Run as ``python -m daemon.scoring.learner FD``. Owns the River models and nothing else: a new process goes on from the
last state that was sent, and from the lessons taught since, so it may be killed at any time. It ends when the socket
closes, that is, when the engine's process ends in whatever way.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from daemon import kernelcache
from daemon.scoring.errors import StateError, WireError
from daemon.scoring.model import Model, Questions
from daemon.scoring.questions import PHASES
from daemon.scoring.saved import checked, shaped, under
from daemon.scoring.wire import Decoder, Syllabus, answer, news, state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from daemon.scoring.news import ModelNews
    from daemon.scoring.wire import Frame

NICENESS = 5
"""Where cores are short, scoring goes before learning."""

STATE_ROWS = 2_000
STATE_LESSONS = 10
"""A state is sent after so many rows or lessons, whichever comes first: what has to be learned again stays small, and
so does what states cost."""

FIGURES_STATES = 3
"""Figures go along with one state in so many: they take 2 ms a model."""

_CHUNK_BYTES = 1 << 18
_STEPS = 10
"""Of progress, where models learn anew."""


class School:
    """Every target's models, and what is sent of them.

    Args:
        syllabus: what is learned.
        send: takes frames.
    """

    def __init__(self, syllabus: Syllabus, send: Callable[[bytes], object]) -> None:
        self._syllabus, self._send = syllabus, send
        self.models = [self._fresh(number) for number in range(len(syllabus.courses))]
        self._rows = self._lessons = self._unfigured = 0

    def begin(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Go on from a state; what of it does not fit costs the model it belongs to what it had learned."""
        for number in range(len(self.models)):
            if own := under(arrays, str(number)):
                self._begin(number, own)
        self._tell()

    def learn(self, frame: Frame) -> None:
        """Learn a lesson and answer it.

        Raises:
            WireError: there is no such target.
        """
        if frame.target >= len(self.models):
            raise WireError(f"a lesson of target {frame.target}, of {len(self.models)}")
        model = self.models[frame.target]
        try:
            asked = _questions(frame, len(self._syllabus.features))
            model.learn(asked)
            self._rows += len(asked.answer)
        except StateError as error:
            model.tell("refused", "", f"a lesson was left out: {error}", frame.minute_ms)
        self._send(answer(frame.number, frame.target, model.view))
        self._lessons += 1
        if self._rows >= STATE_ROWS or self._lessons >= STATE_LESSONS:
            self._unfigured += 1
            self.report(frame.number, figures=self._unfigured >= FIGURES_STATES)
        self._tell()

    def report(self, number: int, *, figures: bool) -> None:
        """Send the state after the lesson of that number, with figures or without."""
        self._rows = self._lessons = 0
        self._unfigured = 0 if figures else self._unfigured
        self._send(state(number, self.to_arrays(), self.figures() if figures else b""))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The whole state, by the number of the target."""
        named = (
            (f"{n}/{name}", array) for n, model in enumerate(self.models) for name, array in model.to_arrays().items()
        )
        return dict(named)

    def figures(self) -> bytes:
        """How good every model of every target has been, as JSON."""
        return msgspec.json.encode([figure for model in self.models for figure in model.figures()])

    def _begin(self, number: int, arrays: dict[str, NDArray[Any]]) -> None:
        model = self.models[number]
        try:
            anew = model.load_arrays(arrays)
        except Exception as error:  # noqa: BLE001 (whatever a state can hold, the next learner would die of it, too)
            model = self.models[number] = self._fresh(number)
            model.adopt(arrays, str(error))
            anew = []
        if anew and model.memory.known:
            model.relearn(anew, self._progress(model))

    def _progress(self, model: Model) -> Callable[[int, int], None]:
        """Tells of every tenth."""
        told = 0

        def progress(done: int, total: int) -> None:
            nonlocal told
            if done * _STEPS // total > told:
                told = done * _STEPS // total
                model.tell("relearned", "", f"{done:,} of {total:,} remembered answers learned again")
                self._tell()

        return progress

    def _fresh(self, number: int) -> Model:
        course, folder = self._syllabus.courses[number], self._syllabus.folder
        return Model(self._syllabus.features, course, Path(folder) / f"{course.name}.memory" if folder else None)

    def _tell(self) -> None:
        told: list[ModelNews] = []
        for model in self.models:
            told += model.told
            model.told.clear()
        if told:
            self._send(news(msgspec.json.encode(told)))


def serve(connection: socket.socket) -> None:
    """Learn each lesson in order and answer it with a view, until the other side closes.

    Raises:
        WireError: the other side does not speak the format.
    """
    frames = _frames(connection)
    first = next(frames, None)
    if first is None:
        return
    _expect(first, "hello")
    school = School(_syllabus(first.text), connection.sendall)
    school.begin(first.arrays)
    for frame in frames:
        if frame.kind == "ask":
            school.report(frame.number, figures=True)
        else:
            _expect(frame, "lesson")
            school.learn(frame)


def _syllabus(text: str) -> Syllabus:
    try:
        return msgspec.json.decode(text, type=Syllabus)
    except msgspec.MsgspecError as error:
        raise WireError(f"no syllabus: {error}") from None


def _questions(frame: Frame, features: int) -> Questions:
    """What a lesson says.

    Raises:
        StateError: it is none of so many features; it may have come with a saved state.
    """
    arrays = frame.arrays
    asked_ms, phase, base = checked(arrays, "context", np.float64, (3,), 0.0).tolist()
    if asked_ms > frame.minute_ms or phase >= PHASES or not 0.0 < base < 1.0:
        raise StateError(f"asked at {asked_ms:.0f}, in phase {phase:g}, at a base rate of {base:g}")
    answer = shaped(arrays, "answer", np.bool_, (None,))
    return Questions(
        minute_ms=frame.minute_ms,
        asked_ms=int(asked_ms),
        phase=int(phase),
        base=base,
        features=shaped(arrays, "features", np.float32, (len(answer), features)),
        sector=shaped(arrays, "sector", np.int64, (len(answer),)),
        score=shaped(arrays, "score", np.float64, (len(answer),)),
        answer=answer,
    )


def _frames(connection: socket.socket) -> Iterator[Frame]:
    decoder = Decoder()
    while received := connection.recv(_CHUNK_BYTES):
        yield from decoder.feed(received)


def _expect(frame: Frame, kind: str) -> None:
    if frame.kind != kind:
        raise WireError(f"expected a {kind}, got a {frame.kind}")


def main() -> None:
    """Serve the socket whose descriptor is the first argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the group; the engine ends us
    os.nice(NICENESS)
    with (
        socket.socket(fileno=int(sys.argv[1])) as connection,
        contextlib.suppress(BrokenPipeError, ConnectionResetError),
    ):
        serve(connection)
    kernelcache.seal()


if __name__ == "__main__":
    main()

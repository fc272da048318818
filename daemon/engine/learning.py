"""The engine's side of the model: what it is asked, what it answered, and how good it was.

Learning itself happens elsewhere: answers go out through a port, `Teacher`, and views come back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from daemon.engine.errors import StateError
from daemon.engine.sessions import Phase
from daemon.scoring.judge import Judge
from daemon.scoring.modelfigures import figures_of
from daemon.scoring.questions import Questions, phase_of
from daemon.scoring.scorecard import Scorecard
from streams.bars import MINUTE_MS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from daemon.engine.sessions import SessionTable
    from daemon.scoring.modelfigures import ModelFigures
    from daemon.scoring.questions import Lesson
    from daemon.scoring.view import View
    from indicators import Frame
    from streams.types import Floats, Longs, Symbols

VIEW_DELAY_MS = 2 * MINUTE_MS
"""A view that knows the answers up to minute m comes into use at the close of minute m + 2."""


class Teacher(Protocol):
    """The learner as the engine sees it."""

    def teach(self, lesson: Lesson) -> None:
        """Hand over the answers of one market minute."""

    def view(self, minute_ms: int) -> View | None:
        """The newest view that has learned no answer later than `minute_ms`, None before the first."""


class Learning:
    """Owns features and scores of the last bars, and the questions that are open.

    Args:
        features: how many there are.
        horizon_minutes: how far a question looks ahead.
        threshold_atr: how far price has to move for a yes.
        sessions: the exchange's calendar.
        teacher: where answers go, where views come from.

    Attributes:
        features: ``float64[capacity, k]``, at each row's last bar.
        scores: ``float64[capacity]``, likewise; NaN while unknown.
        judge: how good the score has been, on predictions as issued.
        card: the same in full, for people.
    """

    def __init__(
        self, features: int, horizon_minutes: int, threshold_atr: float, sessions: SessionTable, teacher: Teacher
    ) -> None:
        self.features, self.scores, self.judge = np.zeros((0, features)), np.zeros(0), Judge()
        self.card = Scorecard()
        self._questions = Questions(features, horizon_minutes, threshold_atr)
        self._asked = np.array([horizon_minutes, threshold_atr, features], float)
        self._horizon_ms = horizon_minutes * MINUTE_MS
        self._sessions, self._teacher = sessions, teacher

    @property
    def lapsed(self) -> int:
        """Questions dropped unanswered, because a minute of their window was not seen."""
        return self._questions.lapsed

    def reserve(self, capacity: int) -> None:
        """Make room for at least `capacity` rows."""
        more = capacity - len(self.scores)
        if more > 0:
            self.features = np.pad(self.features, ((0, more), (0, 0)), constant_values=np.nan)
            self.scores = np.pad(self.scores, (0, more), constant_values=np.nan)

    def note(self, rows: Longs, features: Floats, scores: Floats) -> None:
        """Features ``float64[n, k]`` and scores ``float64[n]`` at the newest bars of `rows`."""
        self.features[rows], self.scores[rows] = features, scores

    def observe(self, minute_ms: int, rows: Longs, high: Floats, low: Floats) -> None:
        """Bars of a minute whose close did not see them; their extremes count in the questions that are open."""
        self._questions.observe(minute_ms, rows, high, low)

    def learn(self, minute_ms: int, rows: Longs, minutes: Frame, symbols: Symbols, sectors: Longs) -> View | None:
        """A market minute has closed: answers that are known now go to the teacher.

        Args:
            minute_ms: its start.
            rows: ``int64[n]``, those with a bar of that minute.
            minutes: minute bars.
            symbols: ``S16[s]``, of all rows.
            sectors: ``int64[s]``, likewise.

        Returns:
            The view that comes into use now, None if there is no new one.
        """
        self._questions.observe(minute_ms, rows, minutes.bar("high", rows), minutes.bar("low", rows))
        if not len(rows):
            self._questions.lapse()  # a market without a single bar is a hole in the feed: no answer is known
        lesson = self._questions.answer(minute_ms, symbols, sectors)
        if lesson is not None:
            self.judge.add(lesson)
            self._mark(lesson)
            self._teacher.teach(lesson)
        return self._teacher.view(minute_ms - VIEW_DELAY_MS)

    def ask(self, minute_ms: int, rows: Longs, close: Floats, atr: Floats) -> None:
        """New questions, in regular hours, where their horizon ends before the close; columns as `rows`."""
        asked, answered = self._sessions.at(minute_ms), self._sessions.at(minute_ms + self._horizon_ms)
        if len(rows) and asked.phase == answered.phase == Phase.REGULAR:
            phase = phase_of(int(asked.minutes_since_open))
            self._questions.ask(
                minute_ms,
                rows,
                self.features[rows],
                self.scores[rows],
                close,
                atr,
                phase=phase,
                base=self.judge.base(phase),
            )

    def _mark(self, lesson: Lesson) -> None:
        self.card.add(
            lesson.score,
            lesson.answer,
            base=lesson.base,
            phase=lesson.phase,
            sector=lesson.sector,
            asked_ms=lesson.asked_ms,
        )

    def figures(self) -> list[ModelFigures]:
        """How good what was issued has been, whichever model spoke; some 2 ms."""
        if not self.features.shape[1]:
            return []
        return [figures_of(self.card, name="issued", target="large_move", role="issued", lessons=self.card.minutes)]

    def zero(self, rows: Longs) -> None:
        """Forget rows; questions that are open there stay unanswered."""
        self.features[rows], self.scores[rows] = np.nan, np.nan
        self._questions.zero(rows)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The whole state as plain arrays by ``part/name``; most are views, good until the next step."""
        questions = {f"questions/{name}": array for name, array in self._questions.to_arrays().items()}
        judge = {f"judge/{name}": array for name, array in self.judge.to_arrays().items()}
        own = {"engine/question": self._asked, "engine/features": self.features, "engine/scores": self.scores}
        card = {f"card/{name}": array for name, array in self.card.to_arrays().items()}
        return {**questions, **judge, **card, **own}

    def load_arrays(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on where `to_arrays` left off, after `reserve`; a card that was not saved begins anew.

        Raises:
            Exception: arrays are missing, or belong to another question or to other features; this object is then of
                no use and another has to be made.
        """
        saved, now = arrays["engine/question"].tolist(), self._asked.tolist()
        if saved != now:
            names = "model.horizon_minutes, model.threshold_atr and the number of features"
            raise StateError(f"{names} were {saved}, now they are {now}")
        self._questions.load_arrays(part_of(arrays, "questions"))
        self.judge.load_arrays(part_of(arrays, "judge"))
        if card := part_of(arrays, "card"):
            self.card.load_arrays(card)
        features, scores = arrays["engine/features"], arrays["engine/scores"]
        if len(features) != len(scores):
            raise StateError(f"features of {len(features)} symbols and scores of {len(scores)} do not fit together")
        self.features[: len(features)], self.scores[: len(scores)] = features, scores


def part_of(arrays: Mapping[str, NDArray[Any]], name: str) -> dict[str, NDArray[Any]]:
    """What was saved under ``name/``."""
    return {key.removeprefix(f"{name}/"): array for key, array in arrays.items() if key.startswith(f"{name}/")}

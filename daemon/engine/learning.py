"""The engine's side of the model: what it is asked, what it answered, and how good it was.

Learning itself happens elsewhere: answers go out through a port, `Teacher`, and views come back.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import numpy as np

from daemon.engine.errors import StateError
from daemon.engine.sessions import Phase
from daemon.scoring.featurering import FeatureRing
from daemon.scoring.judge import Judge
from daemon.scoring.modelfigures import figures_of
from daemon.scoring.questions import PHASES, Questions, World, phase_of
from daemon.scoring.scorecard import Scorecard
from daemon.scoring.targets import places
from streams.bars import MINUTE_MS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from daemon.engine.outlook import Outlook
    from daemon.engine.sessions import Moment, SessionTable
    from daemon.scoring.modelfigures import ModelFigures
    from daemon.scoring.questions import Lesson
    from daemon.scoring.targets import Target
    from daemon.scoring.view import View
    from indicators import Frame
    from streams.types import Flags, Floats, Longs, Symbols

_TOLD = 2_000
"""Bytes of what was saved that an error shows."""

VIEW_DELAY_MS = 2 * MINUTE_MS
"""A view that knows the answers up to minute m comes into use at the close of minute m + 2."""


class Teacher(Protocol):
    """The learner as the engine sees it."""

    def teach(self, lesson: Lesson) -> None:
        """Hand over the answers of one market minute."""

    def view(self, minute_ms: int) -> View | None:
        """The newest view of the first target that has learned no answer later than `minute_ms`, None before it."""


class Learning:
    """Owns features and scores of the last bars, and the questions that are open.

    Args:
        features: how many there are.
        targets: what is asked; the first is the one whose probability is the score.
        sessions: the exchange's calendar.
        teacher: where answers go, where views come from.
        outlooks: conditions that look ahead, by their place among the `conditions` of targets.

    Attributes:
        features: ``float64[capacity, k]``, at each row's last bar.
        scores: ``float64[capacity]``, likewise; NaN while unknown.
        judges: how good scores have been, on predictions as issued, by target; and the base rates.
        card: of the first target the same in full, for people.
    """

    def __init__(
        self,
        features: int,
        targets: Sequence[Target],
        sessions: SessionTable,
        teacher: Teacher,
        outlooks: Mapping[int, Outlook] = MappingProxyType({}),
    ) -> None:
        self.features, self.scores = np.zeros((0, features)), np.zeros(0)
        self.judges, self.card = [Judge() for _ in targets], Scorecard()
        self._targets, self._places = tuple(targets), places(targets)
        self._outlooks = [None if question is None else outlooks.get(question) for _, question in self._places]
        self._ring = FeatureRing(features, max(target.horizon_minutes for target in targets) + 1)
        self._questions = [
            Questions(self._ring, target, number, self._outlooks[number]) for number, target in enumerate(targets)
        ]
        first = self._targets[0]
        self._asked = np.array([first.horizon_minutes, first.threshold_atr, features], float)
        self._sessions, self._teacher = sessions, teacher

    @property
    def judge(self) -> Judge:
        """Of the first target."""
        return self.judges[0]

    @property
    def lapsed(self) -> int:
        """Questions dropped unanswered, because a minute of their window was not seen."""
        return sum(questions.lapsed for questions in self._questions)

    def reserve(self, capacity: int) -> None:
        """Make room for at least `capacity` rows."""
        more = capacity - len(self.scores)
        if more > 0:
            self.features = np.pad(self.features, ((0, more), (0, 0)), constant_values=np.nan)
            self.scores = np.pad(self.scores, (0, more), constant_values=np.nan)
        self._ring.reserve(capacity)
        for questions in self._questions:
            questions.reserve(capacity)

    def note(self, rows: Longs, features: Floats, scores: Floats) -> None:
        """Features ``float64[n, k]`` and scores ``float64[n]`` at the newest bars of `rows`."""
        self.features[rows], self.scores[rows] = features, scores

    def observe(self, minute_ms: int, rows: Longs, high: Floats, low: Floats, volume: Floats) -> None:
        """Bars of a minute whose close did not see them; they count in the questions that are open."""
        for questions in self._questions:
            questions.observe(minute_ms, rows, high, low, volume)

    def learn(
        self, minute_ms: int, rows: Longs, minutes: Frame, symbols: Symbols, sectors: Longs, holds: Flags
    ) -> View | None:
        """A market minute has closed: answers that are known now go to the teacher.

        Args:
            minute_ms: its start.
            rows: ``int64[n]``, those with a bar of that minute.
            minutes: minute bars.
            symbols: ``S16[s]``, of all rows.
            sectors: ``int64[s]``, likewise.
            holds: ``bool[conditions, s]``, which conditions of targets hold at each row's last bar.

        Returns:
            The view that comes into use now, None if there is no new one.
        """
        self.observe(minute_ms, rows, *(minutes.bar(field, rows) for field in ("high", "low", "volume")))
        every = np.arange(len(symbols))
        world = World(
            minutes.last_start[every],
            minutes.bar("close", every),
            minutes.count[every],
            lambda number: self._holds(number, holds),
        )
        for questions, judge in zip(self._questions, self.judges, strict=True):
            if not len(rows):
                questions.lapse()  # a market without a single bar is a hole in the feed: no answer is known
            lesson = questions.answer(minute_ms, symbols, sectors, world)
            if lesson is not None:
                judge.add(lesson)
                self._mark(lesson)
                self._teacher.teach(lesson)
        return self._teacher.view(minute_ms - VIEW_DELAY_MS)

    def ask(self, minute_ms: int, rows: Longs, minutes: Frame, atr: Floats, holds: Flags, kept: Floats) -> None:
        """New questions, where their horizon ends within the session.

        Args:
            minute_ms: start of the minute that has closed.
            rows: ``int64[n]``, those with a bar of that minute.
            minutes: minute bars.
            atr: ``float64[n]``.
            holds: as in `learn`.
            kept: ``float64[n, m]``, what all targets that look ahead have to know, see `Outlook.kept`.
        """
        if not len(rows):
            return
        self._ring.keep(minute_ms, rows, self.features[rows])
        asked = self._sessions.at(minute_ms)
        for number, target in enumerate(self._targets):
            answered = self._sessions.at(minute_ms + target.horizon_minutes * MINUTE_MS)
            where = self._places[number][0]
            wanted = asked.phase == Phase.REGULAR if where is None else asked.phase != Phase.CLOSED
            if wanted and asked.phase == answered.phase:
                chosen = np.ones(len(rows), np.bool_) if where is None else holds[where, rows]
                self._ask(number, minute_ms, rows[chosen], minutes, atr[chosen], asked, kept[chosen])

    def _ask(
        self, number: int, minute_ms: int, rows: Longs, minutes: Frame, atr: Floats, at: Moment, kept: Floats
    ) -> None:
        phase = _phase(at)
        self._questions[number].ask(
            minute_ms,
            rows,
            self.scores[rows] if number == 0 else np.full(len(rows), np.nan),
            minutes.bar("close", rows),
            atr,
            phase=phase,
            base=self.judges[number].base(phase),
            bars=minutes.count[rows],
            kept=kept[:, self._own(number)],
        )

    def _own(self, number: int) -> slice:
        """Columns of a target among what all have to know."""
        sizes = [len(outlook.kept) if outlook else 0 for outlook in self._outlooks]
        return slice(sum(sizes[:number]), sum(sizes[: number + 1]))

    def _holds(self, number: int, holds: Flags) -> Flags:
        """The condition that a target asks about."""
        question = self._places[number][1]
        return np.zeros(holds.shape[1], np.bool_) if question is None else np.asarray(holds[question])

    def _mark(self, lesson: Lesson) -> None:
        if lesson.target:
            return
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
        target = self._targets[0].name
        return [figures_of(self.card, name="issued", target=target, role="issued", lessons=self.card.minutes)]

    def zero(self, rows: Longs) -> None:
        """Forget rows; questions that are open there stay unanswered."""
        self.features[rows], self.scores[rows] = np.nan, np.nan
        self._ring.zero(rows)
        for questions in self._questions:
            questions.zero(rows)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The whole state as plain arrays by ``part/name``; most are views, good until the next step."""
        parts: dict[str, Any] = {"card": self.card}
        for number, (questions, judge) in enumerate(zip(self._questions, self.judges, strict=True)):
            parts |= {_numbered("questions", number): questions, _numbered("judge", number): judge}
        named = {f"{part}/{name}": array for part, of in parts.items() for name, array in of.to_arrays().items()}
        own = {"engine/question": self._asked, "engine/features": self.features, "engine/scores": self.scores}
        kept = {f"questions/{name}": array for name, array in self._ring.to_arrays().items()}
        return {**named, **kept, **own, "engine/targets": self._said()}

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
        said = arrays.get("engine/targets")
        if not self._is_said(said):
            was = "large moves only" if said is None else said.tobytes()[:_TOLD].decode(errors="replace")
            raise StateError(f"the targets of the models were {was}, now they are {self._said().tobytes().decode()}")
        self._ring.load_arrays(part_of(arrays, "questions"))
        for number, (questions, judge) in enumerate(zip(self._questions, self.judges, strict=True)):
            questions.load_arrays(part_of(arrays, _numbered("questions", number)))
            judge.load_arrays(part_of(arrays, _numbered("judge", number)))
        if card := part_of(arrays, "card"):
            self.card.load_arrays(card)
        features, scores = arrays["engine/features"], arrays["engine/scores"]
        if len(features) != len(scores):
            raise StateError(f"features of {len(features)} symbols and scores of {len(scores)} do not fit together")
        self.features[: len(features)], self.scores[: len(scores)] = features, scores

    def _said(self) -> NDArray[np.uint8]:
        """The targets, as text."""
        return np.frombuffer(msgspec.json.encode(self._targets), np.uint8)

    def _is_said(self, saved: NDArray[np.uint8] | None) -> bool:
        """Whether `saved` are these targets; a state that names none is of the one question there was then."""
        if saved is None:
            return [(target.question, target.asks_all) for target in self._targets] == [("large_move", True)]
        return saved.tobytes() == self._said().tobytes()


def _numbered(part: str, number: int) -> str:
    """What a part of a target is saved under; that of the first as when there was one target only."""
    return f"{part} {number}" if number else part


def _phase(at: Moment) -> int:
    """The half hour of regular hours; before them the first, after them the last."""
    if at.phase == Phase.REGULAR:
        return phase_of(int(at.minutes_since_open))
    return 0 if at.phase == Phase.PRE else PHASES - 1


def part_of(arrays: Mapping[str, NDArray[Any]], name: str) -> dict[str, NDArray[Any]]:
    """What was saved under ``name/``."""
    return {key.removeprefix(f"{name}/"): array for key, array in arrays.items() if key.startswith(f"{name}/")}

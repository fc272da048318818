"""The chance that something will be needed of a symbol within 30 minutes, learned online from whether it was.

Questions are put about every candidate, prefetched or not, for a need is seen either way: what is learned does not
depend on what was chosen. Scores come from a compiled `View`; learning goes through a port, behind which stands a
learner's process (`daemon.scoring.link.Link`). Nothing is imported here that learns.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import numpy as np

from daemon.prefetch.demand import COLUMNS
from daemon.prefetch.plan import HORIZON_MS, MINUTE_MS
from daemon.scoring.features import fingerprint
from daemon.scoring.questions import Lesson
from daemon.scoring.scaling import Moments
from daemon.scoring.view import View, level

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streams.types import Floats, Symbols

FEATURES: Final = tuple(f"prefetch {name}" for name in COLUMNS)
"""What the columns are called before the learner."""

MOST_PENDING: Final = 16
"""Rounds of questions not yet answered; the oldest gives way."""

MOST_NEEDS: Final = 8_192
"""Needs within the horizon that are remembered; the oldest gives way."""

SEEN: Final = 1_000.0
"""Candidates that the prior's moments count for."""

_PRIOR: Final = {
    "score": (0.3, 0.2, 0.5),
    "distance": (0.5, 0.3, -0.1),
    "looks": (0.05, 0.25, 0.2),
    "habit": (0.3, 0.4, 0.4),
    "move": (0.5, 0.3, 0.0),
    "relative_volume": (0.0, 1.0, 0.0),
    "sector": (0.2, 0.3, 0.05),
}
_PRIOR_INTERCEPT: Final = -3.0


def prior() -> View:
    """What is believed before anything is learned: a logistic function, mostly of score and distance.

    Of an average candidate 5 in 100 are needed within 30 minutes; each deviation of score or nearness makes the odds
    1.6 times as good. Means and deviations are stated, and give way to what is seen.
    """
    mean, deviation, weights = np.array([_PRIOR[name] for name in COLUMNS]).T.copy()
    moments = Moments(np.full(len(COLUMNS), SEEN), mean, deviation**2)
    return View(0, 0, moments, level(len(COLUMNS), _PRIOR_INTERCEPT)._replace(slopes=weights))


def prior_arrays() -> dict[str, NDArray[Any]]:
    """The prior as a link of `FEATURES` takes it, see `daemon.scoring.link.Link.load_arrays`."""
    view = prior()
    numbers = np.concatenate([[view.intercept], view.additive.slopes, *view.moments])
    return {"numbers": numbers[None], "features": fingerprint(FEATURES)}


class Teacher(Protocol):
    """Where answers are learned, and views come from."""

    def teach(self, lesson: Lesson) -> None:
        """Hand over answers, in the order of their minutes."""

    def view(self, minute_ms: int) -> View | None:
        """The newest view that has learned no answer later than this, None if there is none newer than the last."""


class _Asked(NamedTuple):
    at_ms: int
    symbol: Symbols
    columns: Floats


class Chances:
    """Chances of needs.

    Args:
        teacher: learns; it goes on from `prior`.
        horizon_ms: of the question.
        start: the view that is used first.

    Attributes:
        answered: candidates that were asked about and answered.
        unanswered: rounds of questions that gave way.
        forgotten: needs that gave way before they had answered all they could.
    """

    def __init__(self, teacher: Teacher, horizon_ms: int = HORIZON_MS, start: View | None = None) -> None:
        self.answered = self.unanswered = self.forgotten = 0
        self._teacher, self._horizon_ms = teacher, horizon_ms
        self._view = start or prior()
        self._asked: deque[_Asked] = deque(maxlen=MOST_PENDING)
        self._needs: deque[tuple[int, bytes]] = deque(maxlen=MOST_NEEDS)

    @property
    def pending(self) -> int:
        """Rounds of questions whose half hour is not over."""
        return len(self._asked)

    def of(self, columns: Floats) -> Floats:
        """Chance of each candidate, ``float64[n]`` in [0, 1], of ``float64[n, 7]`` as `Demand.columns` gives them."""
        return self._view.score(columns)

    def ask(self, symbols: Symbols, columns: Floats, now_ms: int) -> None:
        """Will these be needed? In order of time."""
        if len(self._asked) == MOST_PENDING:
            self.unanswered += 1
        self._asked.append(_Asked(now_ms, symbols.copy(), columns.copy()))

    def needed(self, symbol: bytes, now_ms: int) -> None:
        """Something of a symbol was needed, in order of time."""
        if len(self._needs) == MOST_NEEDS:
            self.forgotten += self._needs[0][0] >= now_ms - self._horizon_ms
        self._needs.append((now_ms, symbol))

    def learn(self, now_ms: int) -> int:
        """Teach what is answered by now, and take the newest view; returns how many candidates were answered."""
        answered = 0
        while self._asked and self._asked[0].at_ms + self._horizon_ms < now_ms:
            answered += self._answer(self._asked.popleft())
        self.answered += answered
        self._view = self._teacher.view(now_ms) or self._view
        return answered

    def _answer(self, asked: _Asked) -> int:
        end_ms = asked.at_ms + self._horizon_ms
        needed = np.array([symbol for at_ms, symbol in self._needs if asked.at_ms < at_ms <= end_ms], "S16")
        answer = np.isin(asked.symbol, needed)
        rows, score, minute_ms = np.arange(len(answer)), self.of(asked.columns), end_ms // MINUTE_MS * MINUTE_MS
        features = asked.columns.astype(np.float32)
        base, sector = float(answer.mean()), np.zeros_like(rows)
        self._teacher.teach(Lesson(minute_ms, asked.at_ms, 0, base, rows, features, score, answer, sector))
        return len(answer)

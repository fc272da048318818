"""How good scores have been, on predictions as issued, beside the base rate of the session's phase.

Pure. Sums and histograms only: O(1) memory, O(n) a lesson.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from daemon.scoring.questions import PHASES
from daemon.scoring.saved import checked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from daemon.scoring.questions import Lesson
    from streams.types import Flags, Floats, Longs

BINS = 4096
"""Scores are ranked by the bin they fall in; ties within a bin count half."""

PRIOR_WEIGHT = 200.0
"""A phase's rate leans on the rate of all phases with the weight of this many answers."""

CERTAIN = 1e-9
"""Log loss takes no probability as nearer to 0 or 1 than this."""


class Quality(NamedTuple):
    """Of all scores judged; figures are NaN before the first.

    Attributes:
        questions: answered questions that had been scored.
        unscored: answered questions that no model had scored.
        base_rate: share of the answers that were yes.
        auc: area under the ROC curve; NaN while all answers are equal.
        log_loss: mean, in nats.
        base_log_loss: of the phase's base rate as it stood when each question was asked, on the same
            questions.
    """

    questions: int
    unscored: int
    base_rate: float
    auc: float
    log_loss: float
    base_log_loss: float


class Judge:
    """Judges lessons as they come, and knows the base rate of each phase."""

    def __init__(self) -> None:
        self._answers = np.zeros((2, PHASES), np.int64)
        self._bins = np.zeros((2, BINS), np.int64)
        self._losses = np.zeros(2)
        self._unscored = np.zeros(1, np.int64)

    def base(self, phase: int) -> float:
        """Probability of yes in `phase` by the answers known so far, 0.5 before any."""
        no, yes = self._answers.sum(axis=1)
        overall = (yes + 1.0) / (no + yes + 2.0)
        no_here, yes_here = self._answers[:, phase]
        return float((yes_here + PRIOR_WEIGHT * overall) / (no_here + yes_here + PRIOR_WEIGHT))

    def add(self, lesson: Lesson) -> None:
        """Judge one minute's scores by their answers."""
        yes = int(lesson.answer.sum())
        self._answers[:, lesson.phase] += (len(lesson.answer) - yes, yes)
        scored = ~np.isnan(lesson.score)
        score, answer = lesson.score[scored], lesson.answer[scored]
        self._unscored += len(scored) - len(score)
        place = np.clip((score * BINS).astype(np.int64), 0, BINS - 1)
        self._bins[0] += np.bincount(place[~answer], minlength=BINS)
        self._bins[1] += np.bincount(place[answer], minlength=BINS)
        self._losses += (_loss(score, answer), _loss(np.full(len(score), lesson.base), answer))

    def quality(self) -> Quality:
        """All figures so far."""
        no, yes = (int(count) for count in self._bins.sum(axis=1))
        total = no + yes
        if not total:
            return Quality(0, int(self._unscored[0]), np.nan, np.nan, np.nan, np.nan)
        loss, base_loss = (float(value) / total for value in self._losses)
        return Quality(total, int(self._unscored[0]), yes / total, _auc(self._bins), loss, base_loss)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The whole state, copied."""
        return {name: array.copy() for name, array in self._columns().items()}

    def load_arrays(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on where `to_arrays` left off.

        Raises:
            StateError: arrays absent, of another shape or type, or with numbers below 0; nothing was changed.
        """
        own = self._columns()
        saved = {name: checked(arrays, name, column.dtype.type, column.shape, 0) for name, column in own.items()}
        for name, column in own.items():
            column[:] = saved[name]

    def _columns(self) -> dict[str, NDArray[Any]]:
        return {name: getattr(self, f"_{name}") for name in ("answers", "bins", "losses", "unscored")}


def _loss(score: Floats, answer: Flags) -> float:
    likelihood = np.where(answer, score, 1.0 - score)
    return float(-np.log(np.clip(likelihood, CERTAIN, 1.0)).sum())


def _auc(bins: Longs) -> float:
    """Chance that a yes was scored above a no, by histogram."""
    no, yes = bins.astype(np.float64)
    pairs = no.sum() * yes.sum()
    if not pairs:
        return np.nan
    below = np.cumsum(no) - no
    return float((yes * (below + no / 2)).sum() / pairs)

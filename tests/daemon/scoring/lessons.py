"""Lessons of a made-up market, repeatable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from daemon.scoring.questions import Lesson

if TYPE_CHECKING:
    from collections.abc import Iterator

    from daemon.scoring.model import Questions

MINUTE_MS = 60_000
NAMES = tuple(f"feature {k}" for k in range(6))


def lessons(count: int, rows: int = 40, seed: int = 7) -> Iterator[Lesson]:
    """One a minute; the first feature tells the answer in part, the last is constant, some are missing."""
    random = np.random.default_rng(seed)
    for minute in range(count):
        features = random.normal(1.0, 2.0, (rows, len(NAMES))).astype(np.float32)
        answer = features[:, 0] + random.normal(0.0, 2.0, rows) > 1.0
        features[:, -1] = 3.25
        features[random.random(features.shape) < 0.05] = np.nan
        yield Lesson(
            minute_ms=(minute + 15) * MINUTE_MS,
            asked_ms=minute * MINUTE_MS,
            phase=0,
            base=0.5,
            rows=np.arange(rows),
            features=features,
            score=np.full(rows, 0.5),
            answer=answer,
            sector=np.arange(rows) % 3,
        )


def questions(lesson: Lesson) -> Questions:
    """A lesson as the learner's process takes it."""
    from daemon.scoring.model import Questions

    return Questions(
        lesson.minute_ms,
        lesson.asked_ms,
        lesson.phase,
        lesson.base,
        lesson.features,
        lesson.sector,
        lesson.score,
        lesson.answer,
    )

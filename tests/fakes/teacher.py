"""A learner in this process, where a learner's process would only be slow to start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from daemon.scoring.recipes import PLAIN, Course
from tests.daemon.scoring.lessons import questions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daemon.scoring.questions import Lesson
    from daemon.scoring.view import View


class ModelTeacher:
    """River, learning on the spot."""

    def __init__(self, features: Sequence[str], start: View) -> None:
        from daemon.scoring.model import Model

        self._model = Model(features, Course("plain", recipes=(PLAIN,), memory_rows=0))
        numbers = np.concatenate([[start.intercept], start.additive.slopes, *start.moments])
        names = np.frombuffer(msgspec.json.encode(features), np.uint8)
        self._model.adopt({"numbers": numbers[None], "names": names}, "")
        self.lessons: list[Lesson] = []

    def teach(self, lesson: Lesson) -> None:
        self.lessons.append(lesson)
        self._model.learn(questions(lesson))

    def view(self, minute_ms: int) -> View | None:
        return self._model.view if self._model.view.minute_ms <= minute_ms else None

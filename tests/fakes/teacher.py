"""A learner in this process, where a learner's process would only be slow to start."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daemon.scoring.questions import Lesson
    from daemon.scoring.view import View


class ModelTeacher:
    """River, learning on the spot."""

    def __init__(self, features: Sequence[str], start: View) -> None:
        from daemon.scoring.model import Model

        self._model = Model(features)
        self._model.load(start)
        self.lessons: list[Lesson] = []

    def teach(self, lesson: Lesson) -> None:
        self.lessons.append(lesson)
        self._model.learn(lesson.minute_ms, lesson.features, lesson.answer)

    def view(self, minute_ms: int) -> View | None:
        return self._model.view if self._model.view.minute_ms <= minute_ms else None

"""The history on a thread of its own: whoever asks it waits, and nobody else."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from streams.history.protocol import History

T = TypeVar("T")


class Shelf:
    """A history, opened at the first question; one question after the other.

    Args:
        opens: opens it, in its thread.
    """

    def __init__(self, opens: Callable[[], History]) -> None:
        self._opens = opens
        self._history: History | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="history")

    async def ask(self, question: Callable[[History], T]) -> T:
        """What `question` makes of the history.

        Raises:
            streams.history.errors.HistoryError: the store cannot answer; it is opened anew for the next question.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._ask, question)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown()

    def _ask(self, question: Callable[[History], T]) -> T:
        self._history = self._history or self._opens()
        try:
            return question(self._history)
        except Exception:
            self._close()
            raise

    def _close(self) -> None:
        history, self._history = self._history, None
        if history is not None:
            history.close()

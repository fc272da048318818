"""A progress bar on stderr, for work that takes longer than a second, on a terminal only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from types import TracebackType

    from streams.types import Clock

PATIENCE_S = 1.0


class ProgressBar:
    """Call it with what is done and what there is; it appears after a second, and is gone at the end.

    Args:
        title: what is being done.
        clock: tells when the second is over.
        console: where to; stderr unless given.
    """

    def __init__(self, title: str, clock: Clock, console: Console | None = None) -> None:
        self._title, self._clock = title, clock
        self._console = console or Console(stderr=True)
        self._since_s = clock.monotonic_s()
        self._shown: Progress | None = None

    def __call__(self, done: int, total: int) -> None:
        """So much of so much is done."""
        if self._shown is None and self._console.is_terminal and self._clock.monotonic_s() > self._since_s + PATIENCE_S:
            self._show()
        if self._shown:
            self._shown.update(self._shown.task_ids[0], completed=done, total=total)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            self._shown.stop()

    def _show(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._shown = Progress(*columns, console=self._console, transient=True)
        self._shown.add_task(self._title, total=None)
        self._shown.start()

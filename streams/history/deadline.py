"""A deadline for calls that know none: a stopped server answers nothing, and its client library waits for ever."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class OverdueError(Exception):
    """The call has not ended in time, or an earlier one still has not."""


class _Call:
    """One call in a thread of its own."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.ended = threading.Event()
        self.result: Any = None
        self.error: BaseException | None = None
        self._work = work

    def run(self) -> None:
        try:
            self.result = self._work()
        except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
            self.error = error
        self.ended.set()


class Patience:
    """Makes one call at a time and waits for each no longer than its deadline.

    A call that is overdue is left to itself; until it ends no other is begun, so there is one such thread at most.
    Threads are daemons: none holds up the end of the process. Cost: 0.1 ms a call.
    """

    def __init__(self) -> None:
        self._call: _Call | None = None

    @property
    def engaged(self) -> bool:
        """Whether a call has not ended yet."""
        return self._call is not None and not self._call.ended.is_set()

    def call(self, work: Callable[[], Any], deadline_s: float) -> Any:
        """What `work` returns or raises.

        Raises:
            OverdueError: it has not ended after `deadline_s`, or an earlier one still has not.
        """
        if self.engaged:
            raise OverdueError
        call = self._call = _Call(work)
        threading.Thread(target=call.run, name="history", daemon=True).start()
        if not call.ended.wait(deadline_s):
            raise OverdueError
        if call.error is not None:
            raise call.error
        return call.result

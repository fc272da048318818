"""What struck: told as it happens, and kept for those who ask. Pure."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from streams.simulator.hours import server_time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from streams.simulator.schedule import Strike

Record = dict[str, Any]

KEPT: Final = 10_000
"""Records that can be asked for; older ones are forgotten, and their numbers missing."""


class Chronicle:
    """Records of strikes, numbered from 1.

    A record says ``number``, ``market_ms`` and ``at`` (market time at which something was touched), ``kind``,
    ``fault`` (number of its entry in the file from 1, null for one by the control port), ``strike`` (its number within
    that, from 1) and ``touched``.

    Args:
        tell: called with each record.
    """

    def __init__(self, tell: Callable[[Record], None]) -> None:
        self.count = 0
        self._tell = tell
        self._kept: deque[Record] = deque(maxlen=KEPT)

    def note(self, strike: Strike, at_ms: int, touched: Mapping[str, object]) -> None:
        """A strike has touched something."""
        self.count += 1
        record: Record = {
            "number": self.count,
            "market_ms": at_ms,
            "at": server_time(at_ms),
            "kind": strike.kind,
            "fault": strike.fault + 1 or None,
            "strike": strike.number + 1,
            "touched": dict(touched),
        }
        self._kept.append(record)
        self._tell(record)

    def after(self, number: int) -> list[Record]:
        """The records behind that number, in order."""
        return [record for record in self._kept if record["number"] > number]

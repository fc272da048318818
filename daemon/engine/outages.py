"""When the feed could not be heard, and the bars of which minutes may be missing for it. Pure."""

from __future__ import annotations

from typing import NamedTuple

from streams.bars import MINUTE_MS

LAG_MS = 15_000
"""The minute bars of a minute come within so long after its end, all but a few that come again."""


class Outage(NamedTuple):
    """A time in which the feed was not heard, and what may be missing for it.

    Attributes:
        since_ms, until_ms: market time.
        first_ms, last_ms: starts of the first and of the last minute whose bars may be missing.
    """

    since_ms: int
    until_ms: int
    first_ms: int
    last_ms: int

    @property
    def minutes(self) -> int:
        """How many."""
        return (self.last_ms - self.first_ms) // MINUTE_MS + 1

    def joined(self, other: Outage) -> Outage:
        """Both, and what lies between them."""
        return Outage(
            min(self.since_ms, other.since_ms),
            max(self.until_ms, other.until_ms),
            min(self.first_ms, other.first_ms),
            max(self.last_ms, other.last_ms),
        )


class Outages:
    """Follows a feed.

    Attributes:
        blind: whether the feed, heard before, is not heard now.
    """

    def __init__(self) -> None:
        self._heard = False
        self._since_ms = 0
        self.blind = False

    def lost(self, now_ms: int) -> None:
        """The feed is heard no more; what came last came by now."""
        if self._heard and not self.blind:
            self.blind, self._since_ms = True, now_ms

    def heard(self, now_ms: int) -> Outage | None:
        """The feed is heard, perhaps again; what is missing, if anything may be.

        A connection that is back before the bars of a minute were due, and was lost after those of the one before had
        come, has cost second bars only: minute bars come whole.
        """
        was_blind, self.blind, self._heard = self.blind, False, True
        first_ms = (self._since_ms - LAG_MS) // MINUTE_MS * MINUTE_MS
        last_ms = now_ms // MINUTE_MS * MINUTE_MS - MINUTE_MS
        return Outage(self._since_ms, now_ms, first_ms, last_ms) if was_blind and first_ms <= last_ms else None

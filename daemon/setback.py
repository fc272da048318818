"""Whether the exchange's time is well behind what the engine has seen. Pure.

An exchange that starts anew (a simulator, a day played again) on an old state sends bars that are older than those of
the state. The engine leaves all of them out as outdated, which looks like a quiet market to whoever does not count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.figures import TURNS
from streams.bars import MINUTE_MS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from daemon.figures import Figures

BEHIND_MS = 5 * MINUTE_MS
"""Late bars and a clock read between two polls stay well below it."""


def behind_ms(figures: Figures, shown_ms: int | None, *, lossless: bool) -> int | None:
    """The exchange's time where it is more than `BEHIND_MS` behind the newest bar, None where all is well.

    Args:
        figures: the newest.
        shown_ms: the exchange's clock, None while that is not known.
        lossless: bars may have come since the clock was read, so that it is believed only with the newest of them.
    """
    found_ms = min(_signs(figures.came_ms, shown_ms, lossless=lossless), default=figures.newest_ms)
    return found_ms if figures.newest_ms - found_ms > BEHIND_MS else None


def _signs(came_ms: tuple[int, ...], shown_ms: int | None, *, lossless: bool) -> Iterator[int]:
    if shown_ms is not None:
        yield max(shown_ms, *came_ms[-1:]) if lossless and came_ms else shown_ms
    if len(came_ms) == TURNS and (lossless or shown_ms is None):
        yield max(came_ms)

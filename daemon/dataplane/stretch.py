"""Which trading minutes a start needs, and which of them nothing is known of. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from streams.bars import MINUTE_MS, SYMBOL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daemon.engine.sessions import SessionTable
    from streams.history.protocol import Span
    from streams.types import Flags, Longs, Symbols

MINUTES: Final = 390
"""Trading minutes that an engine without a past is given, or more where the present day has more."""

EVERY: Final = ""
"""Key of a span that holds for all symbols: technic was there, and who has no bar did not trade."""


class Gap(NamedTuple):
    """Minutes that one call asks for.

    Attributes:
        symbol: ASCII, without padding.
        first_ms, last_ms: starts of the first and of the last minute.
    """

    symbol: bytes
    first_ms: int
    last_ms: int


def trading_minutes(
    sessions: SessionTable, now_ms: int, closed_ms: int = 0, most: int = MINUTES, *, extended: bool = True
) -> Longs:
    """The minutes of trading that are over: of a day that goes on all, of the days before the last ones.

    Args:
        sessions: the exchange's calendar.
        now_ms: market time.
        closed_ms: start of the newest minute that the engine has closed; only later ones count.
        most: so many, with those of the days before; they go back over nights, weekends and holidays.
        extended: whether hours before the open and after the close are watched, too.

    Returns:
        ``int64[m]``, their starts, ascending.
    """
    begins, ends = (sessions.pre_ms, sessions.post_ms) if extended else (sessions.open_ms, sessions.close_ms)
    end_ms = now_ms // MINUTE_MS * MINUTE_MS
    parts, missing = [np.zeros(0, np.int64)], most
    for day in range(int(sessions.day(now_ms)), -1, -1):
        minutes = np.arange(begins[day], min(int(ends[day]), end_ms), MINUTE_MS)
        parts.append(minutes if now_ms < ends[day] else minutes[-missing:])
        missing -= len(minutes)
        if missing <= 0 or begins[day] <= closed_ms:
            break
    found = np.concatenate(parts[::-1])
    return found[found > closed_ms]


def gaps(minutes: Longs, symbols: Symbols, spans: Sequence[Span], least: int = 1) -> list[Gap]:
    """One for each of `symbols` of which so much is not known, from the first to the last such minute.

    Args:
        minutes: ``int64[m]``, ascending.
        symbols: ``S16[s]``, in any order; that of the gaps is the same.
        spans: what is known, milliseconds; key `EVERY` means all symbols.
        least: minutes; a symbol that lacks fewer has no gap.
    """
    if not len(minutes) or not len(symbols):
        return []
    lacking = ~(_known(minutes, symbols, spans) | _known(minutes, np.array([EVERY], SYMBOL), spans))
    first, last = lacking.argmax(axis=1), len(minutes) - 1 - lacking[:, ::-1].argmax(axis=1)
    return [
        Gap(symbols[row].item(), int(minutes[first[row]]), int(minutes[last[row]]))
        for row in np.flatnonzero(lacking.sum(axis=1) >= least).tolist()
    ]


def _known(minutes: Longs, symbols: Symbols, spans: Sequence[Span]) -> Flags:
    """``bool[s, m]``: within a span of that key. Cost: O(spans log s + s m)."""
    steps = np.zeros((len(symbols), len(minutes) + 1), np.int32)
    order = np.argsort(symbols, kind="stable")
    keys = np.array([span.key.encode() for span in spans], SYMBOL)
    row = order[np.minimum(np.searchsorted(symbols, keys, sorter=order), len(symbols) - 1)]
    meant = symbols[row] == keys
    begin = np.searchsorted(minutes, [span.first for span in spans])
    end = np.searchsorted(minutes, [span.last for span in spans], side="right")
    np.add.at(steps, (row[meant], begin[meant]), 1)
    np.add.at(steps, (row[meant], end[meant]), -1)
    within: Flags = np.cumsum(steps, axis=1)[:, :-1] > 0
    return within

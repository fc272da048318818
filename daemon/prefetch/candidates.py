"""Whom the engine has its eyes on, as columns. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from daemon.prefetch.demand import Candidates

if TYPE_CHECKING:
    from daemon.engine.engine import Engine
    from daemon.engine.sessions import SessionTable

RECENT_MS: Final = 60 * 60_000
"""Who has not traded for so long is no candidate."""


def candidates(engine: Engine, sessions: SessionTable, now_ms: int) -> Candidates:
    """Every symbol that had a bar within the last hour, between two steps of the engine.

    Cost: that of judging every rule once; no state changes.
    """
    symbols = engine.symbols.symbols
    rows = np.flatnonzero(engine.watch.minutes.last_start[: len(symbols)] > now_ms - RECENT_MS)
    scores = engine.learning.scores
    distance, move, volume, sector = engine.watch.shown(rows, symbols, sessions.at(now_ms), scores)
    return Candidates(symbols[rows].copy(), scores[rows], distance, move, volume, sector)

"""What the daemon's engine thinks of each symbol, from the state that it saves: no question is put to the daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from daemon import statefile
from daemon.engine.barrier import Barrier
from daemon.engine.episodes import ACTIVE
from daemon.scan.table import Judgement

if TYPE_CHECKING:
    from pathlib import Path

    from streams.types import Symbols

_EPISODES = "telling/episodes/"
_STATE = "/state"


class Judged(NamedTuple):
    """A judgement and its age.

    Attributes:
        judgement: of the symbols that were asked about.
        closed_ms: start of the last market minute that it knows; None if there is no state of today.
    """

    judgement: Judgement
    closed_ms: int | None


def judged(path: Path, symbols: Symbols, day_begins_ms: int) -> Judged:
    """Scores of the last closed bars, and the rules whose episodes go on.

    Args:
        path: the engine's state; absent, damaged or of an earlier day, nothing is known.
        symbols: ``S16[s]``.
        day_begins_ms: 04:00 New York time of today.
    """
    nothing = Judged(Judgement(np.full(len(symbols), np.nan), [()] * len(symbols)), None)
    try:
        arrays = statefile.read(path, _wanted)
    except (statefile.StateRefusedError, OSError):
        return nothing
    if arrays is None or not {"symbols/symbols", "engine/scores", "engine/barrier"} <= arrays.keys():
        return nothing
    barrier = Barrier(0, 0)
    barrier.load_array(arrays["engine/barrier"].astype(np.int64))
    closed_ms = barrier.closed_ms
    if closed_ms < day_begins_ms:
        return nothing
    known = arrays["symbols/symbols"]
    order = np.argsort(known)
    place = np.minimum(np.searchsorted(known, symbols, sorter=order), max(len(known) - 1, 0))
    row = order[place] if len(known) else place
    there = known[row] == symbols if len(known) else np.zeros(len(symbols), np.bool_)
    score = np.where(there, np.asarray(arrays["engine/scores"], np.float64)[row], np.nan)
    rules: list[list[str]] = [[] for _ in symbols]
    for name, state in sorted(arrays.items()):
        if name.startswith(_EPISODES) and name.endswith(_STATE):
            rule = name.removeprefix(_EPISODES).partition("@")[0]
            for k in np.flatnonzero(there & (state[row] == ACTIVE)).tolist():
                rules[k].append(rule)
    return Judged(Judgement(score, [tuple(names) for names in rules]), closed_ms)


def _wanted(name: str) -> bool:
    return name in {"symbols/symbols", "engine/scores", "engine/barrier"} or (
        name.startswith(_EPISODES) and name.endswith(_STATE)
    )

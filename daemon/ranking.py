"""The market ranked by score, as the engine's thread leaves it behind when a minute has closed. Pure.

Whoever publishes the leaderboard works from a `Ranking`, which never changes again, and never looks at the engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from daemon.engine.coverage import GAP
from daemon.engine.syntax import write
from streams.bars import SYMBOL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from daemon.engine.engine import Engine
    from daemon.engine.plan import Plan
    from daemon.engine.sessions import SessionTable
    from streams.types import Floats, Longs, Symbols

MOST_LISTED: Final = 5_000
"""Symbols of lists that are shown whatever their score."""


class Ranking(NamedTuple):
    """One moment; s symbols that had a bar on this trading day and have a score, n of them or others shown in full.

    Attributes:
        closed_ms: start of the newest closed minute.
        day: trading day, as its place in the calendar.
        symbols: ``S16[s]``.
        scores: ``float64[s]``, at each symbol's last closed bar.
        shown: ``S16[n]``: the highest scores, those of the lists that rules name, and those noted.
        start_ms: ``int64[n]``, start of that bar; -1 before a symbol's first.
        score, price, volume: ``float64[n]`` at that bar, price in dollars; NaN where not known.
        change: ``float64[n]``, price by the official close of the day before, as a fraction; NaN where not known.
        coverage: ``int8[n]``, codes of `daemon.engine.coverage.STATES`; of those that wait for bars, ``gap``.
        features: ``float64[n, k]``, what the model saw at that bar.
        names: of the k features, as the rule language spells them.
    """

    closed_ms: int
    day: int
    symbols: Symbols
    scores: Floats
    shown: Symbols
    start_ms: Longs
    score: Floats
    price: Floats
    volume: Floats
    change: Floats
    coverage: NDArray[np.int8]
    features: Floats
    names: tuple[str, ...]


class Ranker:
    """Takes rankings of an engine.

    Args:
        sessions: the exchange's hours.
        leaders: how many of the highest scores are shown in full.

    Attributes:
        noted: ``S16[m]``, also shown whatever their score: replaced as a whole, by any thread.
    """

    def __init__(self, sessions: SessionTable, leaders: int) -> None:
        self._sessions, self._leaders = sessions, leaders
        self.noted: Symbols = np.zeros(0, SYMBOL)
        self._plan: Plan | None = None
        self._names: tuple[str, ...] = ()
        self._listed = self.noted

    def rank(self, engine: Engine) -> Ranking:
        """The ranking now, between two steps, in the thread that steps the engine.

        Cost: O(symbols); some 0.4 ms for 10,000 symbols, 1,200 of them shown. Nothing of the engine changes.
        """
        self._know(engine.plan)
        symbols, minutes = engine.symbols.symbols, engine.watch.minutes
        scores = engine.learning.scores[: len(symbols)]
        closed_ms = engine.barrier.closed_ms
        day = max(int(self._sessions.day(closed_ms)), 0)
        fresh = minutes.last_start[: len(symbols)] >= self._sessions.pre_ms[day]
        rows = np.flatnonzero(fresh & np.isfinite(scores))
        shown = self._shown(engine, rows, scores[rows])
        price = minutes.bar("close", shown)
        return Ranking(
            closed_ms=closed_ms,
            day=day,
            symbols=symbols[rows],
            scores=scores[rows],
            shown=symbols[shown],
            start_ms=minutes.last_start[shown],
            score=scores[shown],
            price=price,
            volume=minutes.bar("volume", shown),
            change=price / engine.watch.previous_close(shown) - 1.0,
            coverage=np.where(engine.waiting.rows[shown], GAP, engine.watch.standing(shown, closed_ms)),
            features=engine.learning.features[shown],
            names=self._names,
        )

    def _know(self, plan: Plan) -> None:
        """Names of the features, and lists; rules may have been exchanged."""
        if plan is not self._plan:
            self._plan = plan
            self._names = tuple(write(tree) for tree in plan.features)
            listed = dict.fromkeys(symbol.encode() for symbols in plan.ruleset.lists.values() for symbol in symbols)
            self._listed = np.array(list(listed)[:MOST_LISTED], SYMBOL)

    def _shown(self, engine: Engine, rows: Longs, scores: Floats) -> Longs:
        """Rows of the highest of `scores`, of lists, and of those noted, each once."""
        if (lower := len(rows) - self._leaders) > 0:
            rows = rows[np.argpartition(scores, lower - 1)[lower:]]
        noted = engine.symbols.rows(np.concatenate((self._listed, self.noted)), create=False)
        chosen = np.zeros(engine.symbols.size, np.bool_)
        chosen[rows] = chosen[noted[noted >= 0]] = True
        return np.flatnonzero(chosen)

"""What a round of prefetching goes by: how likely each candidate is to be asked about, and what may be spent. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from daemon.prefetch.plan import MINUTE_MS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daemon.prefetch.chances import Chances
    from daemon.prefetch.demand import Candidates, Demand
    from daemon.prefetch.ledger import Ledger
    from daemon.prefetch.plan import Budget
    from streams.types import Floats

ASK_MINUTES: Final = 10
"""A question is put about every candidate so often. Minute by minute the same few needs are taught again and again, and
what is learned follows the hour of the day more than the symbols."""


class Outlook:
    """Looks at the candidates once a round.

    Args:
        demand: what makes a need likely.
        chances: how likely.
        budget: what may be spent.
        ledger: what it has cost and brought.
    """

    def __init__(self, demand: Demand, chances: Chances, budget: Budget, ledger: Ledger) -> None:
        self.demand, self.chances, self.budget, self.ledger = demand, chances, budget, ledger
        self._minute = -1
        self._hits = self._calls = 0.0

    def is_new_minute(self, now_ms: int) -> bool:
        """Whether `at` has not looked in this minute yet."""
        return now_ms // MINUTE_MS > self._minute

    def looked(self, symbols: Sequence[str], now_ms: int) -> None:
        """Somebody looks at these."""
        named = np.array([symbol.encode() for symbol in symbols], "S16")
        self.demand.look(named, now_ms)
        for symbol in named.tolist():
            self.chances.needed(symbol, now_ms)

    def at(self, some: Candidates, now_ms: int) -> Floats:
        """Chance of each candidate, ``float64[n]``; once a minute questions, answers, and whether it pays."""
        columns = self.demand.columns(some, now_ms)
        if self.is_new_minute(now_ms):
            self._minute = now_ms // MINUTE_MS
            self.chances.learn(now_ms)
            if self._minute % ASK_MINUTES == 0:
                self.chances.ask(some.symbol, columns, now_ms)
            self.ledger.labels(now_ms)
            self._tune()
        return self.chances.of(columns)

    def _tune(self) -> None:
        total = self.ledger.since_start()
        self.budget.tune(total.hits - self._hits, total.calls - self._calls)
        self._hits, self._calls = total.hits, total.calls

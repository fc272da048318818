"""What makes a look or an alert likely, as columns over candidate symbols. Pure: numbers in, numbers out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from indicators import SymbolTable
from indicators.crosssection import pct_rank

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from streams.types import Floats, Longs, Symbols

MINUTE_MS: Final = 60_000

HALF_LIFE_MS: Final = 10 * MINUTE_MS
"""After so much market time a look counts half."""

HABIT_MS: Final = 3 * 24 * 60 * MINUTE_MS
"""After so much market time a look counts half for what is looked at again and again."""

QUIET_MS: Final = 10 * MINUTE_MS
"""So long after an alert its sector is half as loud."""

FAR: Final = 1.0
"""Distance of a rule that may never fire, and of one about which nothing is known."""

COLUMNS: Final = ("score", "distance", "looks", "habit", "move", "relative_volume", "sector")
"""What `Demand.columns` gives, in its order."""

_NEVER = -(2**62)


class Candidates(NamedTuple):
    """Symbols about which something may be asked soon, n of them; what is not known is NaN.

    Attributes:
        symbol: ``S16[n]``, none twice.
        score: ``float64[n]``, probability of a large move.
        distance: ``float64[n]``, to firing of the nearest rule, see `daemon.engine.distance`.
        move: ``float64[n]``, change since the previous close, as a fraction.
        relative_volume: ``float64[n]``, of the newest bars; 1 is usual.
        sector: ``int64[n]``, below `Demand`'s number of sectors; -1 where it is not known.
    """

    symbol: Symbols
    score: Floats
    distance: Floats
    move: Floats
    relative_volume: Floats
    sector: Longs


class Demand:
    """Looks that fade and alerts of sectors, and the columns they make together with what the market shows.

    Args:
        sectors: how many there are.
        most_symbols: looks at more symbols than this are not remembered.
    """

    def __init__(self, sectors: int = 1, most_symbols: int = 16_384) -> None:
        self._table = SymbolTable(max_symbols=most_symbols)
        self._most = most_symbols
        self._looks, self._habit = np.zeros(0), np.zeros(0)
        self._looked_ms = np.zeros(0, np.int64)
        self._alerted_ms = np.full(sectors, _NEVER, np.int64)

    def look(self, symbols: Symbols, now_ms: int) -> None:
        """Somebody wants to know about each of ``S16[n]``; one that repeats is looked at as often."""
        rows = self._table.rows(symbols)
        rows = rows[rows >= 0]
        self._reserve()
        touched = np.unique(rows)
        for counts, half_life_ms in ((self._looks, HALF_LIFE_MS), (self._habit, HABIT_MS)):
            counts[touched] = self._faded(counts, touched, now_ms, half_life_ms)
            np.add.at(counts, rows, 1.0)
        self._looked_ms[touched] = np.maximum(self._looked_ms[touched], now_ms)

    def alert(self, sectors: Longs, now_ms: int) -> None:
        """Alerts in these sectors, ``int64[n]``; those that are not known say nothing."""
        known = sectors[(sectors >= 0) & (sectors < len(self._alerted_ms))]
        self._alerted_ms[known] = np.maximum(self._alerted_ms[known], now_ms)

    def looks(self, symbols: Symbols, now_ms: int) -> Floats:
        """Looks at each symbol as they count now, ``float64[n]``."""
        return self._counted(self._looks, symbols, now_ms, HALF_LIFE_MS)

    def habit(self, symbols: Symbols, now_ms: int) -> Floats:
        """The same over days: who was looked at often will be again, ``float64[n]``."""
        return self._counted(self._habit, symbols, now_ms, HABIT_MS)

    def columns(self, candidates: Candidates, now_ms: int) -> Floats:
        """One row a candidate, ``float64[n, 7]`` in the order of `COLUMNS`, C order.

        Score and relative volume (logarithm, bounded) are NaN where they are not known. Distance is a rank in [0, 1],
        far where it is not known: what matters is who is nearer than the others now. Looks and habit are ``log1p``.
        Move is the rank of its size in [0, 1], 0 where it is not known. Sector is 1 right after an alert in it, 0 if
        there was none. Cost: O(n log n).
        """
        volume = np.log(np.clip(candidates.relative_volume, 0.02, 50.0))
        distance = np.nan_to_num(pct_rank(candidates.distance), nan=FAR)
        looks = np.log1p(self.looks(candidates.symbol, now_ms))
        habit = np.log1p(self.habit(candidates.symbol, now_ms))
        move = np.nan_to_num(pct_rank(np.abs(candidates.move)))
        sector = self._loudness(candidates.sector, now_ms)
        return np.stack([candidates.score, distance, looks, habit, move, volume, sector], axis=1)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Looks and the alerts of sectors."""
        size = len(self._looks)
        return {
            "symbols": self._table.symbols[:size].copy(),
            "looks": self._looks.copy(),
            "habit": self._habit.copy(),
            "looked_ms": self._looked_ms.copy(),
            "alerted_ms": self._alerted_ms.copy(),
        }

    def load_arrays(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on where `to_arrays` left off.

        Raises:
            ValueError: the arrays do not fit together, or belong to another number of sectors; nothing was changed.
        """
        symbols, looks, habit, looked_ms, alerted_ms = _checked(arrays, len(self._alerted_ms))
        table = SymbolTable(max_symbols=max(self._most, len(symbols)))
        if not np.array_equal(table.rows(symbols), np.arange(len(symbols))):
            raise ValueError("prefetch state names a symbol twice, or none")
        self._table = table
        self._looks, self._habit = looks.copy(), habit.copy()
        self._looked_ms, self._alerted_ms = looked_ms.copy(), alerted_ms.copy()

    def _counted(self, counts: Floats, symbols: Symbols, now_ms: int, half_life_ms: int) -> Floats:
        rows = self._table.rows(symbols, create=False)
        known = rows >= 0
        found = np.zeros(len(rows))
        found[known] = self._faded(counts, rows[known], now_ms, half_life_ms)
        return found

    def _faded(self, counts: Floats, rows: Longs, now_ms: int, half_life_ms: int) -> Floats:
        """Counts of rows; time that runs backwards makes nothing larger."""
        age_ms = np.maximum(now_ms - self._looked_ms[rows], 0)
        return np.asarray(counts[rows] * np.exp2(-age_ms / half_life_ms))

    def _loudness(self, sectors: Longs, now_ms: int) -> Floats:
        alerted_ms = np.append(self._alerted_ms, _NEVER)  # the last is that of symbols without a sector
        known = (sectors >= 0) & (sectors < len(self._alerted_ms))
        age_ms = np.maximum(now_ms - alerted_ms[np.where(known, sectors, -1)], 0)
        return np.asarray(1.0 / (1.0 + age_ms / QUIET_MS))

    def _reserve(self) -> None:
        more = len(self._table) - len(self._looks)
        self._looks = np.append(self._looks, np.zeros(more))
        self._habit = np.append(self._habit, np.zeros(more))
        self._looked_ms = np.append(self._looked_ms, np.zeros(more, np.int64))


def _checked(arrays: Mapping[str, NDArray[Any]], sectors: int) -> tuple[Symbols, Floats, Floats, Longs, Longs]:
    try:
        symbols, looks, habit, looked_ms, alerted_ms = (
            arrays[name] for name in ("symbols", "looks", "habit", "looked_ms", "alerted_ms")
        )
    except KeyError as error:
        raise ValueError(f"prefetch state lacks {error}") from None
    fits = len(symbols) == len(looks) == len(habit) == len(looked_ms) and alerted_ms.shape == (sectors,)
    if not fits or not all((np.isfinite(counts) & (counts >= 0)).all() for counts in (looks, habit)):
        raise ValueError("prefetch state does not fit together")
    return symbols, looks, habit, looked_ms, alerted_ms

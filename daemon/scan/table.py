"""Every symbol now, in one table, against what is usual for it.

Pure: quotes, statistics and what the engine thinks come in as columns, a row a symbol in all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from indicators.crosssection import pct_rank

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daemon.dataplane.statistics import SymbolStatistics
    from streams.types import Floats, Longs, Symbols

ORDERS: Final = ("score", "activity", "change", "gap", "relative_volume")
"""What a table can be ranked by."""

TOLD = 3
"""Reasons that are told of a symbol, the strongest first."""

UNUSUAL: Final = 1.5
"""Times of what is usual from which on a move, a gap or a volume is a reason."""


class Quotes(NamedTuple):
    """Today so far, ``float64[s]`` each, NaN where unknown or not yet traded.

    Attributes:
        price: last trade or close of the last minute.
        open, high, low: of the regular session.
        volume: shares since 04:00.
    """

    price: Floats
    open: Floats
    high: Floats
    low: Floats
    volume: Floats


class Judgement(NamedTuple):
    """What the engine thinks at each symbol's last bar.

    Attributes:
        score: ``float64[s]``, NaN where unknown.
        rules: names of the rules whose conditions hold, a tuple a symbol.
    """

    score: Floats
    rules: Sequence[tuple[str, ...]]


class Table(NamedTuple):
    """One row a symbol, best first.

    Attributes:
        symbol: ``S16[n]``.
        sector: names, ``""`` for none.
        price, volume: of today.
        change: against the previous official close, 0.01 is one percent.
        gap: open against that close.
        relative_volume: volume against what is usual by this time of day.
        position: of the price between the session's low and high, 0 to 1; beyond them, in later hours, 0 or 1.
        activity: change in usual daily ranges, without its sign, times the square root of relative volume.
        sector_rank: share of its sector's symbols that changed less, 0 to 1.
        score: of the model.
        rules: names of those that hold.
        why: the strongest reasons, in words.
    """

    symbol: Symbols
    sector: tuple[str, ...]
    price: Floats
    volume: Floats
    change: Floats
    gap: Floats
    relative_volume: Floats
    position: Floats
    activity: Floats
    sector_rank: Floats
    score: Floats
    rules: tuple[tuple[str, ...], ...]
    why: tuple[str, ...]


def table(
    statistics: SymbolStatistics,
    sectors: Sequence[str],
    quotes: Quotes,
    usual_share: Floats,
    judgement: Judgement,
    *,
    by: str = "score",
    most: int | None = None,
) -> Table:
    """Rank the market.

    Args:
        statistics: of the days before.
        sectors: name of each symbol's sector, in the same order.
        quotes: today so far.
        usual_share: ``float64[s]``, share of a day's volume that has usually been traded by now.
        judgement: of the engine.
        by: one of `ORDERS`, highest first, a gap or change by its size; what is not known comes last, in order of
            activity, then of symbols.
        most: rows to keep.

    Symbols without a price are left out. Cost: O(s log s).
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        change = _known(quotes.price / statistics.previous_close - 1.0)
        gap = _known(quotes.open / statistics.previous_close - 1.0)
        relative_volume = _known(quotes.volume / (statistics.average_volume * usual_share))
        position = _known(np.clip((quotes.price - quotes.low) / (quotes.high - quotes.low), 0.0, 1.0))
        moves = _known(np.abs(change) / statistics.average_range)
        gaps = _known(np.abs(gap) / statistics.average_range)
        activity = moves * np.sqrt(relative_volume)
    ranked_by = {
        "score": judgement.score,
        "activity": activity,
        "change": np.abs(change),
        "gap": np.abs(gap),
        "relative_volume": relative_volume,
    }[by]
    order = _order(ranked_by, activity, np.isfinite(quotes.price))[:most]
    reasons = _Reasons(change, gap, relative_volume, moves, gaps, quotes, statistics)
    return Table(
        statistics.symbols[order],
        tuple(sectors[k] for k in order),
        quotes.price[order],
        quotes.volume[order],
        change[order],
        gap[order],
        relative_volume[order],
        position[order],
        activity[order],
        pct_rank(change, _groups(sectors))[order],
        judgement.score[order],
        tuple(judgement.rules[k] for k in order),
        tuple(reasons.of(k) for k in order.tolist()),
    )


class _Reasons(NamedTuple):
    change: Floats
    gap: Floats
    relative_volume: Floats
    moves: Floats
    gaps: Floats
    quotes: Quotes
    statistics: SymbolStatistics

    def of(self, k: int) -> str:
        """What is unusual about one symbol, the most unusual first."""
        found = [
            (self.moves[k], f"{_signed(self.change[k])}, {self.moves[k]:.1f} usual days' range"),
            (self.gaps[k], f"gap {_signed(self.gap[k])}"),
            (self.relative_volume[k], f"{self.relative_volume[k]:.1f} times the usual volume"),
            *self._extremes(k),
        ]
        strong = sorted((one for one in found if one[0] >= UNUSUAL), reverse=True)
        return "; ".join(text for _, text in strong[:TOLD])

    def _extremes(self, k: int) -> list[tuple[float, str]]:
        """New highs and lows, the longer ones in place of the shorter; as reasons as strong as a double volume."""
        price, known = self.quotes.price[k], self.statistics
        for days, high, low in ((250, known.high_250[k], known.low_250[k]), (20, known.high_20[k], known.low_20[k])):
            if price > high:
                return [(2.0, f"above the high of {days} days")]
            if price < low:
                return [(2.0, f"below the low of {days} days")]
        return []


def _order(by: Floats, then: Floats, shown: Floats) -> Longs:
    """Rows, highest first, unknown last; equals by `then`, and then as they stand."""
    order = np.lexsort((-np.nan_to_num(then, nan=-np.inf), -np.nan_to_num(by, nan=-np.inf)))
    chosen: Longs = order[shown[order]]
    return chosen


def _known(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, np.nan)


def _groups(sectors: Sequence[str]) -> Longs:
    return np.unique(np.array(sectors, np.str_), return_inverse=True)[1].astype(np.int64)


def _signed(share: float) -> str:
    return f"{100 * share:+.1f} %"

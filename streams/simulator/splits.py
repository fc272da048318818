"""Bars adjusted for splits: as if today's shares had always been the shares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from streams.bars import SYMBOL

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.types import Floats, Longs, Symbols

_PRICES = (0, 1, 2, 3, 5)
_VOLUME = 4


class Splits:
    """The splits of all symbols.

    Args:
        splits: ticker, day (since 1970-01-01) from which prices are those of the new shares, old and new shares.
    """

    def __init__(self, splits: Iterable[tuple[str, int, float, float]] = ()) -> None:
        self._splits = [(np.array(symbol, SYMBOL), day, old / new) for symbol, day, old, new in splits]

    def adjusted(self, symbol: Symbols, day: Longs, values: Floats, today: int) -> Floats:
        """Bars with all splits undone that lie behind them, up to `today`; those to come are not known.

        Args:
            symbol: ``S16[n]``, of the bars.
            day: ``int64[n]``, likewise.
            values: ``float64[rows, n]``: open, high, low, close, volume, vwap, and what need not be adjusted.
            today: days since 1970-01-01.
        """
        factor = np.ones(len(day))
        for ticker, execution, ratio in self._splits:
            if execution <= today:
                factor[(symbol == ticker) & (day < execution)] *= ratio
        if not np.any(factor != 1.0):
            return values
        adjusted: Any = values.copy()
        adjusted[_PRICES, :] *= factor
        adjusted[_PRICES, :] = adjusted[_PRICES, :].round(6)
        adjusted[_VOLUME] = (adjusted[_VOLUME] / factor).round(6)
        return adjusted  # type: ignore[no-any-return]

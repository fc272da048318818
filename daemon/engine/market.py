"""The market as one series: the level of all symbols, equally weighted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from daemon.engine.errors import StateError
from streams.bars import MINUTE_MS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.types import Floats, Longs

MINUTES = 2_048
"""Closed minutes whose level is remembered: two days of extended hours. A power of two."""

_NEVER_MS = -1


class Market:
    """The level, closed minute by closed minute; it begins at 1.

    When a minute closes the level is multiplied by one plus the mean one-minute return of all symbols that have had a
    bar in the present session; one without a bar in this minute has not moved. A symbol's first bar in a session has no
    return: what happens overnight, splits among it, does not move the level. What is frozen stays: bars that come late
    count at the symbol's next bar.

    Attributes:
        level: after the newest closed minute.
    """

    def __init__(self) -> None:
        self.level = 1.0
        self._session_ms = _NEVER_MS
        self._price = np.zeros(0)
        self._minute_ms = np.full(MINUTES, _NEVER_MS)
        self._levels = np.full(MINUTES, np.nan)

    def close_minute(self, minute_ms: int, session_ms: int, rows: Longs, closes: Floats) -> None:
        """A minute has closed; O(symbols).

        Args:
            minute_ms: its start.
            session_ms: start of the session it belongs to.
            rows: ``int64[n]``, with a bar of this minute, no row twice.
            closes: ``float64[n]``, of these bars.
        """
        if session_ms != self._session_ms:
            self._session_ms, self._price = session_ms, np.full(len(self._price), np.nan)
        more = int(rows.max(initial=-1)) + 1 - len(self._price)
        if more > 0:
            self._price = np.pad(self._price, (0, max(more, len(self._price))), constant_values=np.nan)
        before = self._price[rows]
        self._price[rows] = closes
        moved = before > 0.0
        if moved.any():
            total = float((closes[moved] / before[moved] - 1.0).sum())
            self.level *= 1.0 + total / int(np.isfinite(self._price).sum())
        place = minute_ms // MINUTE_MS % MINUTES
        self._minute_ms[place], self._levels[place] = minute_ms, self.level

    def level_at(self, start_ms: Longs) -> Floats:
        """The level when the minutes that began at `start_ms` had closed, ``float64[n]``.

        NaN where a minute has not closed yet, lies further back than `MINUTES`, or had no bar around it.
        """
        place = start_ms // MINUTE_MS % MINUTES
        return np.where(self._minute_ms[place] == start_ms, self._levels[place], np.nan)

    def zero(self, rows: Longs) -> None:
        """Forget rows: they have not had a bar in the present session."""
        self._price[rows[rows < len(self._price)]] = np.nan

    def to_arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """The whole state as plain arrays, views that are good until the next minute."""
        return {
            "level": np.array([self.level]),
            "session_ms": np.array([self._session_ms], np.int64),
            "price": self._price,
            "minute_ms": self._minute_ms,
            "levels": self._levels,
        }

    def load_arrays(self, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Go on where `to_arrays` left off, bit for bit; copies.

        Raises:
            StateError: arrays are missing or do not fit; nothing was changed.
        """
        shapes = {name: array.shape for name, array in self.to_arrays().items() if name != "price"}
        if any(name not in arrays or arrays[name].shape != shape for name, shape in shapes.items()):
            raise StateError("the saved level of the market does not fit together")
        if arrays.get("price", np.zeros(())).ndim != 1:
            raise StateError("the saved prices of the market's level do not fit together")
        self.level, self._session_ms = float(arrays["level"][0]), int(arrays["session_ms"][0])
        self._price, self._minute_ms = arrays["price"].copy(), arrays["minute_ms"].copy()
        self._levels = arrays["levels"].copy()

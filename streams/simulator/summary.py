"""What one day's minute bars make, symbol by symbol, kept up as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np

if TYPE_CHECKING:
    from streams.simulator.hours import TradingDay
    from streams.types import Floats, Longs

OPEN, HIGH, LOW, CLOSE, VOLUME, VWAP = range(6)

T = TypeVar("T", "Floats", "Longs")

_NEVER: Final = np.iinfo(np.int64).max


class DaySummary:
    """Columns by position of a symbol; bars may come late or again, and more of their trades only add.

    Args:
        hours: of the day.

    Attributes:
        regular: ``float64[6, N]``: open, high, low and close of the regular hours, NaN before the first trade in
            them; volume and vwap of all hours, as the feed accumulates them.
        early_open: ``float64[N]``, price of the first trade before the open; NaN if none.
        late_close: ``float64[N]``, price of the last one after the close; NaN if none.
        latest: ``float64[7, N]``, the latest minute bar, see `book.COLUMNS`; NaN if none.
        latest_ms: ``int64[N]``, its start; 0 if none.
    """

    def __init__(self, hours: TradingDay) -> None:
        self._hours = hours
        self.regular = np.zeros((6, 0))
        self.early_open, self.late_close = np.zeros(0), np.zeros(0)
        self.latest, self.latest_ms = np.zeros((7, 0)), np.zeros(0, np.int64)
        self._first_ms, self._last_ms = np.zeros(0, np.int64), np.zeros(0, np.int64)
        self._early_ms, self._late_ms = np.zeros(0, np.int64), np.zeros(0, np.int64)

    def reserve(self, size: int) -> None:
        """Grow to `size` symbols."""
        more = size - len(self.latest_ms)
        if more <= 0:
            return
        self.regular = _wider(self.regular, more)
        self.regular[VOLUME, -more:] = 0.0
        self.latest = _wider(self.latest, more)
        self.early_open, self.late_close = (
            _longer(self.early_open, more, np.nan),
            _longer(self.late_close, more, np.nan),
        )
        self.latest_ms = _longer(self.latest_ms, more, 0)
        self._first_ms, self._last_ms = _longer(self._first_ms, more, _NEVER), _longer(self._last_ms, more, 0)
        self._early_ms, self._late_ms = _longer(self._early_ms, more, _NEVER), _longer(self._late_ms, more, 0)

    def add(self, start_ms: int, index: Longs, values: Floats, day_volume: Floats, day_vwap: Floats) -> None:
        """Take in bars of one minute.

        Args:
            start_ms: its start.
            index: ``int64[n]``, different positions below the size reserved.
            values: ``float64[7, n]``, see `book.COLUMNS`.
            day_volume: ``float64[n]``, of the day with these bars.
            day_vwap: ``float64[n]``, likewise; may be NaN.
        """
        newer = start_ms >= self.latest_ms[index]
        fresh = index[newer]
        self.latest[:, fresh], self.latest_ms[fresh] = values[:, newer], start_ms
        self.regular[VWAP, fresh] = day_vwap[newer]
        self.regular[VOLUME, index] = np.maximum(self.regular[VOLUME, index], day_volume)
        phase = self._hours.phase(start_ms)
        if phase == "open":
            self._trade_regularly(start_ms, index, values)
        elif phase == "early":
            first = _sooner(self._early_ms, index, start_ms)
            self.early_open[index[first]] = values[OPEN, first]
        elif phase == "late":
            last = _later(self._late_ms, index, start_ms)
            self.late_close[index[last]] = values[CLOSE, last]

    def _trade_regularly(self, start_ms: int, index: Longs, values: Floats) -> None:
        first = _sooner(self._first_ms, index, start_ms)
        last = _later(self._last_ms, index, start_ms)
        regular = self.regular
        regular[OPEN, index[first]] = values[OPEN, first]
        regular[HIGH, index] = np.fmax(regular[HIGH, index], values[HIGH])
        regular[LOW, index] = np.fmin(regular[LOW, index], values[LOW])
        regular[CLOSE, index[last]] = values[CLOSE, last]


def _sooner(first_ms: Longs, index: Longs, start_ms: int) -> Longs:
    """Which of the bars are the first so far; notes it."""
    found = np.flatnonzero(start_ms <= first_ms[index])
    first_ms[index[found]] = start_ms
    return found


def _later(last_ms: Longs, index: Longs, start_ms: int) -> Longs:
    """Which of the bars are the last so far; notes it."""
    found = np.flatnonzero(start_ms >= last_ms[index])
    last_ms[index[found]] = start_ms
    return found


def _longer(column: T, more: int, value: float) -> T:
    return np.concatenate((column, np.full(more, value, column.dtype)))


def _wider(columns: Floats, more: int) -> Floats:
    return np.concatenate((columns, np.full((len(columns), more), np.nan)), axis=1)

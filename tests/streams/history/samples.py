"""Rows to store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from streams.bars import MINUTE_MS, SYMBOL, empty
from streams.dailyfile import DailyBars

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.bars import BarBatch

OPEN_MS = 1_736_173_800_000
"""2025-01-06 09:30 New York."""

JAN_6 = 20_094


def minutes(symbols: Sequence[str], start_ms: Sequence[int], close: float = 10.0) -> BarBatch:
    """A bar of every symbol at every start."""
    bars = empty(len(symbols) * len(start_ms))
    bars.symbol[:] = np.tile(np.array(symbols, SYMBOL), len(start_ms))
    bars.start_ms[:] = np.repeat(start_ms, len(symbols))
    bars.length_ms[:] = MINUTE_MS
    bars.arrival_ms[:] = bars.start_ms + MINUTE_MS
    bars.values[:6] = np.array([close, close + 1, close - 1, close, 100.0, np.nan])[:, None]
    return bars


def days(symbols: Sequence[str], dates: Sequence[int], close: float = 10.0) -> DailyBars:
    """A bar of every symbol on every day."""
    count = len(symbols) * len(dates)
    values = np.array([close, close + 1, close - 1, close, 1000.0])[:, None].repeat(count, 1)
    symbol = np.repeat(np.array(symbols, SYMBOL), len(dates))
    return DailyBars(symbol, np.tile(np.array(dates, np.int64), len(symbols)), values, 0)

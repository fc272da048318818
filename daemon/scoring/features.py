"""What the model sees by default: expressions of the rule language, bounded and log-scaled.

Every length is in units of the ATR that the question is asked in, every volume is relative, so that a name
at 5 dollars and one at 5,000 look alike. Bounds keep one wild print from moving a mean. On the real minutes
of January 2025 and March 2018 the first group carries most: how today's ATR compares with its own past and with that of
longer bars, and the time of the session.

Long averages are exponential: they keep one number a symbol where a window of 390 bars keeps 512 bars.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

VOLATILITY = (
    "log(clip(atr(390) / atr(14), 0.05, 20))",
    "log(clip(atr(14, '5m') / atr(14), 0.1, 50))",
    "log(clip(atr(14, '15m') / atr(14), 0.1, 100))",
    "log(clip(atr(14) / close, 0.00001, 0.1))",
    "log1p(clip((high - low) / atr(14), 0, 20))",
    "log(clip((donchian(60).upper - donchian(60).lower) / atr(14), 0.1, 100))",
    "log(clip((donchian(120).upper - donchian(120).lower) / atr(14), 0.1, 100))",
    "log(clip((bollinger(20, 2).upper - bollinger(20, 2).lower) / atr(14), 0.05, 50))",
)
MOVES = (
    "tanh((close - close[15]) / (6 * atr(14)))",
    "log1p(clip(abs(close - close[5]) / atr(14), 0, 50))",
    "log1p(clip(abs(close - close[15]) / atr(14), 0, 50))",
    "abs(rsi(14) - 50) / 50",
    "log1p(clip(abs(macd(12, 26, 9).histogram) / atr(14), 0, 20))",
    "log(clip(adx(14).adx, 1, 100))",
)
PLACE = (
    "clip((close - bollinger(20, 2).middle) / (bollinger(20, 2).upper - bollinger(20, 2).lower), -2, 2)",
    "stochastic(14, 3, 3).k / 100",
    "log1p(clip(abs(close - vwap()) / atr(14), 0, 100))",
    "log1p(clip((donchian(60).upper - close) / atr(14), 0, 100))",
    "log1p(clip((close - donchian(60).lower) / atr(14), 0, 100))",
)
VOLUME = (
    "log(clip(volume / sma(volume, 20), 0.01, 100))",
    "log(clip(sma(volume, 5) / sma(volume, 60), 0.01, 100))",
    "log(clip(sma(volume, 20) / ema(volume, 390), 0.01, 100))",
    "log(clip(close * sma(volume, 60), 1000, 1000000000))",
)
TIME_OF_SESSION = (
    "1 / (1 + clip(minutes_since_open, 0, 390) / 8)",
    "1 / (1 + clip(minutes_since_open, 0, 390) / 30)",
    "1 / (14 - clip(minutes_since_open, 0, 390) / 30)",
)
MARKET = ("market_mean(log1p(clip((high - low) / atr(14), 0, 20)))",)

DEFAULT_FEATURES: Sequence[str] = (*VOLATILITY, *MOVES, *PLACE, *VOLUME, *TIME_OF_SESSION, *MARKET)
"""27 expressions; the order is that of the columns the model learns."""

_GONE_VOLATILITY = (
    "log(clip(atr(100) / atr(14), 0.05, 20))",
    "log(clip(atr(390) / atr(14), 0.05, 20))",
    "log(clip(atr(14) / close, 0.00001, 0.1))",
    "log1p(clip((high - low) / atr(14), 0, 20))",
    "log(clip((donchian(60).upper - donchian(60).lower) / atr(14), 0.1, 100))",
    "log(clip((bollinger(20, 2).upper - bollinger(20, 2).lower) / atr(14), 0.05, 50))",
)
_GONE_TIME = "clip(minutes_since_open, 0, 390) * clip(minutes_since_open, 0, 390) / 152100"

VERSION_1: Sequence[str] = (
    *_GONE_VOLATILITY,
    *MOVES,
    *PLACE,
    *VOLUME[:3],
    *TIME_OF_SESSION[:2],
    _GONE_TIME,
    TIME_OF_SESSION[2],
)
"""What the default was when states did not keep the names of their features."""


def fingerprint(features: Sequence[str]) -> NDArray[np.uint8]:
    """``uint8[32]``: state learned on other features, or on the same in another order, has another one."""
    return np.frombuffer(sha256("\n".join(features).encode()).digest(), np.uint8)

"""Which value stands where in the tuple that a peer computes for a symbol."""

from __future__ import annotations

FEATURES = (
    *("atr14", "atr100", "atr390", "donchian_upper", "donchian_middle", "donchian_lower"),
    *("band_upper", "band_middle", "band_lower", "stddev20", "rsi14", "macd", "signal", "histogram"),
    *("adx", "plus_di", "minus_di", "k", "d", "vwap"),
    *("volume_sma20", "volume_sma5", "volume_sma60", "volume_ema390"),
)
"""What the model sees, first: 24 values, as many as technic's model has features."""

RULES = (
    *("rvol", "rsi7", "mfi14", "roc15", "roc60", "cci20", "zscore20", "obv"),
    *("wma20", "sma50", "sma200", "ema9", "ema21", "ema390"),
)
"""What only rules look at."""

VALUES = (*FEATURES, *RULES)
"""38 of the 40 outputs; nobody looks at the two others, %B and the width of the bands, and peers are let off them."""

ATR14, VWAP, BAND_LOWER, STDDEV20 = (VALUES.index(name) for name in ("atr14", "vwap", "band_lower", "stddev20"))
RVOL, RSI7, MFI14, ROC15, ROC60, CCI20, ZSCORE20, OBV, WMA20, SMA50, SMA200, EMA9, EMA21, EMA390 = range(
    len(FEATURES), len(VALUES)
)

"""wickra: one object a symbol and indicator, fed one bar at a time."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import wickra

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from massive.websocket.models import EquityAgg

    from streams.types import Floats, Symbols

_CHOSEN: tuple[tuple[Callable[[], Any], str], ...] = (
    (partial(wickra.ATR, 14), "hlc"),
    (partial(wickra.ATR, 100), "hlc"),
    (partial(wickra.ATR, 390), "hlc"),
    (partial(wickra.Donchian, 60), "hl"),
    (partial(wickra.BollingerBands, 20, 2.0), "c"),
    (partial(wickra.RSI, 14), "c"),
    (partial(wickra.MACD, 12, 26, 9), "c"),
    (partial(wickra.ADX, 14), "hlc"),
    (partial(wickra.Stochastic, 14, 3), "hlc"),
    (wickra.VWAP, "hlcv"),
    (partial(wickra.SMA, 20), "v"),
    (partial(wickra.SMA, 5), "v"),
    (partial(wickra.SMA, 60), "v"),
    (partial(wickra.EMA, 390), "v"),
    (partial(wickra.RSI, 7), "c"),
    (partial(wickra.MFI, 14), "hlcv"),
    (partial(wickra.ROC, 15), "c"),
    (partial(wickra.ROC, 60), "c"),
    (partial(wickra.CCI, 20), "hlc"),
    (partial(wickra.ZScore, 20), "c"),
    (wickra.OBV, "cv"),
    (partial(wickra.WMA, 20), "c"),
    (partial(wickra.SMA, 50), "c"),
    (partial(wickra.SMA, 200), "c"),
    (partial(wickra.EMA, 9), "c"),
    (partial(wickra.EMA, 21), "c"),
    (partial(wickra.EMA, 390), "c"),
)
"""In the order in which `WickraSet.update` calls them; beside each, what its `batch` takes of past bars."""

_ROWS = {"h": 1, "l": 2, "c": 3, "v": 4}


class WickraSet:
    """All indicators of all symbols, warm from `history`.

    Args:
        symbols: ``S16[n]``.
        history: ``float64[minutes, 6, n]``.
    """

    objects = len(_CHOSEN)

    def __init__(self, symbols: Symbols, history: Floats) -> None:
        names = symbols.astype("U").tolist()
        self._methods = {name: _warm(history[:, :, column]) for column, name in enumerate(names)}

    def update(self, events: Iterable[EquityAgg]) -> list[tuple[float, ...]]:
        """One bar each; the values after it, in the order of `values.VALUES`."""
        methods = self._methods
        all_values: list[tuple[float, ...]] = []
        for event in events:
            close, volume = event.close, event.volume
            candle = (event.open, event.high, event.low, close, volume, event.start_timestamp)
            # fmt: off
            (
                atr14, atr100, atr390, donchian, bands, rsi14, macd, adx, stochastic, vwap,
                volume_sma20, volume_sma5, volume_sma60, volume_ema390,
                rsi7, mfi14, roc15, roc60, cci20, zscore20, obv, wma20, sma50, sma200, ema9, ema21, ema390,
            ) = methods[event.symbol]
            usual = volume_sma20(volume)
            all_values.append((
                atr14(candle), atr100(candle), atr390(candle), *donchian(candle), *bands(close), rsi14(close),
                *macd(close), *adx(candle), *stochastic(candle), vwap(candle),
                usual, volume_sma5(volume), volume_sma60(volume), volume_ema390(volume),
                volume / usual, rsi7(close), mfi14(candle), roc15(close), roc60(close), cci20(candle),
                zscore20(close), obv(candle), wma20(close), sma50(close), sma200(close),
                ema9(close), ema21(close), ema390(close),
            ))
            # fmt: on
        return all_values


def _warm(bars: Floats) -> tuple[Callable[..., Any], ...]:
    series = {letter: bars[:, row].tolist() for letter, row in _ROWS.items()}
    objects = []
    for make, letters in _CHOSEN:
        indicator = make()
        indicator.batch(*(series[letter] for letter in letters))
        objects.append(indicator)
    if not all(indicator.is_ready() for indicator in objects):
        raise RuntimeError("wickra is not warm after the history")
    return tuple(indicator.update for indicator in objects)

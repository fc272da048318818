"""talipp: the same in pure Python. It has no MFI and no z-score; neither is asked of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from talipp import indicators as talipp
from talipp.ohlcv import OHLCV

if TYPE_CHECKING:
    from collections.abc import Iterable

    from massive.websocket.models import EquityAgg

    from streams.types import Floats, Symbols


class TalippSet:
    """All indicators of all symbols, warm from `history`. Its `add` is its `update` of one bar.

    Args:
        symbols: ``S16[n]``.
        history: ``float64[minutes, 6, n]``.
    """

    def __init__(self, symbols: Symbols, history: Floats) -> None:
        names = symbols.astype("U").tolist()
        self._objects = {name: _warm(history[:, :, column]) for column, name in enumerate(names)}

    def update(self, events: Iterable[EquityAgg]) -> list[tuple[float, ...]]:
        """One bar each; the values after it in the order of `values.VALUES`, 0 for what is lacking."""
        objects = self._objects
        all_values: list[tuple[float, ...]] = []
        for event in events:
            close, volume = event.close, event.volume
            bar = OHLCV(event.open, event.high, event.low, close, volume)
            of_bar, of_close, of_volume = objects[event.symbol]
            for indicator in of_bar:
                indicator.add(bar)
            for indicator in of_close:
                indicator.add(close)
            for indicator in of_volume:
                indicator.add(volume)
            # fmt: off
            atr14, atr100, atr390, donchian, adx, stochastic, vwap, cci20, obv = [
                indicator.output_values[-1] for indicator in of_bar
            ]
            (
                bands, stddev20, rsi14, macd, rsi7, roc15, roc60, wma20, sma50, sma200, ema9, ema21, ema390
            ) = [indicator.output_values[-1] for indicator in of_close]
            sma20, sma5, sma60, ema390v = [indicator.output_values[-1] for indicator in of_volume]
            all_values.append((
                atr14, atr100, atr390, donchian.ub, donchian.cb, donchian.lb, bands.ub, bands.cb, bands.lb, stddev20,
                rsi14, macd.macd, macd.signal, macd.histogram, adx.adx, adx.plus_di, adx.minus_di,
                stochastic.k, stochastic.d, vwap, sma20, sma5, sma60, ema390v,
                volume / sma20, rsi7, 0.0, roc15, roc60, cci20, 0.0, obv, wma20, sma50, sma200, ema9, ema21, ema390,
            ))
            # fmt: on
        return all_values


def _warm(bars: Floats) -> tuple[list[Any], list[Any], list[Any]]:
    series = (
        ([OHLCV(*bar[:5]) for bar in bars.tolist()], _of_bar()),
        (bars[:, 3].tolist(), _of_close()),
        (bars[:, 4].tolist(), _of_volume()),
    )
    for values, indicators in series:
        for indicator in indicators:
            indicator.add(values)
    return series[0][1], series[1][1], series[2][1]


def _of_bar() -> list[Any]:
    return [
        talipp.ATR(14),
        talipp.ATR(100),
        talipp.ATR(390),
        talipp.DonchianChannels(60),
        talipp.ADX(14, 14),
        talipp.Stoch(14, 3),
        talipp.VWAP(),
        talipp.CCI(20),
        talipp.OBV(),
    ]


def _of_close() -> list[Any]:
    averages = [talipp.WMA(20), talipp.SMA(50), talipp.SMA(200), talipp.EMA(9), talipp.EMA(21), talipp.EMA(390)]
    bands = [talipp.BB(20, 2.0), talipp.StdDev(20), talipp.RSI(14), talipp.MACD(12, 26, 9)]
    return [*bands, talipp.RSI(7), talipp.ROC(15), talipp.ROC(60), *averages]


def _of_volume() -> list[Any]:
    return [talipp.SMA(20), talipp.SMA(5), talipp.SMA(60), talipp.EMA(390)]

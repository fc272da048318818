"""The five rules of market_second.toml as one would write them in Python, with a set of what was told already."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from benchmarks.peers.values import (
    ATR14,
    BAND_LOWER,
    CCI20,
    EMA9,
    EMA21,
    EMA390,
    MFI14,
    OBV,
    ROC15,
    ROC60,
    RSI7,
    RVOL,
    SMA50,
    SMA200,
    STDDEV20,
    VWAP,
    WMA20,
    ZSCORE20,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from massive.websocket.models import EquityAgg


class Before(NamedTuple):
    """What the rules look back at, of one symbol."""

    close1: float
    close5: float
    close15: float
    atr: float
    vwap: float
    obv: float
    rsi7: float
    lower: float
    rsi14: float
    rsi14_2: float
    upper: float
    score: float


class Conditions:
    """Rules, looked at one symbol after the other.

    Args:
        before: by symbol.
    """

    def __init__(self, before: Mapping[str, Before]) -> None:
        self._before = before
        self._told: set[tuple[str, str]] = set()

    def alerts(
        self, events: Iterable[EquityAgg], all_values: Iterable[Sequence[float]], scores: Iterable[float]
    ) -> list[tuple[str, str]]:
        """Rules and symbols that have come true and were not told before."""
        found = []
        for event, values, score in zip(events, all_values, scores, strict=True):
            symbol, rvol = event.symbol, values[RVOL]
            if rvol > 2:  # no rule holds below
                found += [(rule, symbol) for rule in _held(event.close, rvol, values, score, self._before[symbol])]
        new = [alert for alert in found if alert not in self._told]
        self._told.update(new)
        return new


def _held(close: float, rvol: float, values: Sequence[float], score: float, before: Before) -> list[str]:
    held = []
    if rvol > 8 and abs(close - before.close1) > 3 * before.atr and close > 1:
        held.append("volume-spike")
    if (
        rvol > 4
        and close > values[VWAP]
        and before.close1 <= before.vwap
        and max(before.close5, before.close15) < values[VWAP]
        and close - values[VWAP] > 0.25 * values[ATR14]
        and values[OBV] > before.obv
    ):
        held.append("vwap-reclaim")
    if (
        (values[RSI7] > 50 >= before.rsi7 or (close > values[BAND_LOWER] and before.close1 <= before.lower))
        and min(before.rsi14, before.rsi14_2) < 45
        and values[MFI14] < 95
        and close > values[SMA200]
    ):
        held.append("oversold-bounce")
    if (
        rvol > 3
        and close > before.upper
        and values[ROC15] > 0.5
        and values[ROC60] > 0.5
        and values[CCI20] > 100
        and values[ZSCORE20] > 2
        and values[STDDEV20] > 0
        and values[EMA9] > values[EMA21]
        and close > max(values[WMA20], values[SMA50], values[EMA390])
    ):
        held.append("breakout")
    if rvol > 3 and score > 0.75 >= before.score:
        held.append("unusual-score")
    return held

"""Agreement with TA-Lib, where it has the indicator; differences are those that the catalogue names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from indicators import CATALOGUE
from tests.indicators.feeds import make_bars, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from indicators.naive import Bars

    Floats = NDArray[np.float64]

talib = pytest.importorskip("talib")


def hlc(b: Bars) -> tuple[Floats, Floats, Floats]:
    return b.high, b.low, b.close


def stochastic(b: Bars) -> Floats:
    return talib.STOCH(*hlc(b), fastk_period=14, slowk_period=3, slowd_period=3)


AGREEMENTS: dict[str, tuple[str, list[float], Callable[[Bars], Floats]]] = {
    "sma": ("sma", [20], lambda b: talib.SMA(b.close, 20)),
    "sma of one": ("sma", [1], lambda b: b.close),
    "ema": ("ema", [20], lambda b: talib.EMA(b.close, 20)),
    "wma": ("wma", [20], lambda b: talib.WMA(b.close, 20)),
    "rsi": ("rsi", [14], lambda b: talib.RSI(b.close, 14)),
    "macd": ("macd", [12, 26, 9], lambda b: talib.MACD(b.close, 12, 26, 9)),
    "bollinger": ("bollinger", [20, 2.5], lambda b: talib.BBANDS(b.close, 20, 2.5, 2.5)),
    "atr": ("atr", [14], lambda b: talib.ATR(*hlc(b), 14)),
    "true range": ("true_range", [], lambda b: talib.TRANGE(*hlc(b))),
    "adx": ("adx", [14], lambda b: [f(*hlc(b), 14) for f in (talib.ADX, talib.PLUS_DI, talib.MINUS_DI)]),
    "slow stochastic": ("stochastic", [14, 3, 3], stochastic),
    "fast stochastic": ("stochastic", [5, 1, 3], lambda b: talib.STOCHF(*hlc(b), 5, 3)),
    "cci": ("cci", [20], lambda b: talib.CCI(*hlc(b), 20)),
    "donchian": ("donchian", [20], lambda b: channel(b, 20)),
    "roc": ("roc", [10], lambda b: talib.ROC(b.close, 10)),
    "obv": ("obv", [], lambda b: talib.OBV(b.close, b.volume)),
    "mfi": ("mfi", [14], lambda b: talib.MFI(*hlc(b), b.volume, 14)),
    "dema": ("dema", [20], lambda b: talib.DEMA(b.close, 20)),
    "tema": ("tema", [20], lambda b: talib.TEMA(b.close, 20)),
    "trix": ("trix", [15], lambda b: talib.TRIX(b.close, 15)),
    "mom": ("mom", [10], lambda b: talib.MOM(b.close, 10)),
    "kama": ("kama", [30, 2, 30], lambda b: talib.KAMA(b.close, 30)),
    "williams_r": ("williams_r", [14], lambda b: talib.WILLR(*hlc(b), 14)),
    "stddev": ("stddev", [20], lambda b: talib.STDDEV(b.close, 20)),
    "variance": ("variance", [5], lambda b: talib.VAR(b.close, 5)),
    "natr": ("natr", [14], lambda b: talib.NATR(*hlc(b), 14)),
    "adl": ("adl", [], lambda b: talib.AD(*hlc(b), b.volume)),
    "adosc": ("adosc", [3, 10], lambda b: talib.ADOSC(*hlc(b), b.volume, 3, 10)),
    "psar": ("psar", [0.02, 0.2], lambda b: talib.SAR(b.high, b.low, 0.02, 0.2)),
    "fast psar": ("psar", [0.1, 0.3], lambda b: talib.SAR(b.high, b.low, 0.1, 0.3)),
    "ultimate": ("ultimate", [7, 14, 28], lambda b: talib.ULTOSC(*hlc(b), 7, 14, 28)),
    "aroon": ("aroon", [25], lambda b: aroon(b, 25)),
    "linreg": ("linreg", [14], lambda b: line(b, 14)),
    "stoch rsi": ("stoch_rsi", [14, 14, 1, 3], lambda b: talib.STOCHRSI(b.close, 14, 14, 3)),
}


def aroon(b: Bars, n: int) -> list[Floats]:
    down, up = talib.AROON(b.high, b.low, n)
    return [up, down, talib.AROONOSC(b.high, b.low, n)]


def line(b: Bars, n: int) -> list[Floats]:
    slope, intercept = talib.LINEARREG_SLOPE(b.close, n), talib.LINEARREG_INTERCEPT(b.close, n)
    explained = talib.CORREL(np.arange(len(b.close), dtype=np.float64), b.close, n) ** 2
    return [slope, intercept, explained, talib.LINEARREG(b.close, n)]


def channel(b: Bars, n: int) -> list[Floats]:
    upper, lower = talib.MAX(b.high, n), talib.MIN(b.low, n)
    return [upper, (upper + lower) / 2, lower]


@pytest.fixture(scope="module")
def bars() -> Bars:
    rng = np.random.default_rng(7)
    close = 80 + np.cumsum(np.round(rng.normal(0, 0.2, 600), 2))
    return make_bars(close, np.round(rng.uniform(0.01, 0.2, 600), 2), rng.integers(100, 100_000, 600))


@pytest.mark.parametrize(("name", "arguments", "theirs"), AGREEMENTS.values(), ids=AGREEMENTS)
def test_agrees_with_ta_lib(name: str, arguments: list[float], theirs: Callable[[Bars], Floats], bars: Bars) -> None:
    expected = np.atleast_2d(theirs(bars))
    ours = run([CATALOGUE.spec(name, arguments)], bars)[: len(expected)]
    known = ~np.isnan(expected)
    assert known.any()
    assert not np.isnan(ours[known]).any()
    # their running sums of squares keep nine digits of the variance, not of the deviation
    np.testing.assert_allclose(ours[known], expected[known], rtol=1e-9, atol=1e-8)


def test_begins_where_ta_lib_does_unless_the_catalogue_says_otherwise(bars: Bars) -> None:
    for name, arguments, theirs in AGREEMENTS.values():
        expected = np.atleast_2d(theirs(bars))
        ours = run([CATALOGUE.spec(name, arguments)], bars)[: len(expected)]
        held_back = "holds it back" in CATALOGUE[name].differences
        assert held_back or (np.isnan(ours) == np.isnan(expected)).all(), name

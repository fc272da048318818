"""Slow, obvious twins of the kernels: each value computed anew from the bars, after the textbook.

Every twin takes the bars of one symbol and the arguments of the spec, and returns ``float64[outputs, bars]``.
Windows are summed exactly (`math.fsum`), recursions are written out from their first bar.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

NAN = math.nan


class Bars(NamedTuple):
    """Bars of one symbol, oldest first; vwap is NaN where unknown."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    vwap: Floats
    session: NDArray[np.int64]

    @property
    def typical(self) -> Floats:
        return (self.high + self.low + self.close) / 3.0

    def series(self, field: str) -> list[float]:
        values = self.price if field == "vwap" else getattr(self, field)
        return [float(x) for x in values]

    @property
    def price(self) -> Floats:
        return np.where(np.isnan(self.vwap), self.typical, self.vwap)


def mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def deviation(values: Sequence[float]) -> float:
    if min(values) == max(values):
        return 0.0
    middle = mean(values)
    return math.sqrt(math.fsum((x - middle) ** 2 for x in values) / len(values))


def windows(values: Sequence[float], n: int, of: Callable[[Sequence[float]], float]) -> list[float]:
    """`of` the last n values at every bar, NaN where there are fewer."""
    return [of(values[t - n + 1 : t + 1]) if t >= n - 1 else NAN for t in range(len(values))]


def smoothed(values: Sequence[float], n: int, weight: float) -> list[float]:
    """Exponential average that starts with the mean of the first n values that are not NaN."""
    result = [NAN] * len(values)
    start = next((t for t, x in enumerate(values) if not math.isnan(x)), len(values))
    for t in range(start + n - 1, len(values)):
        if t == start + n - 1:
            result[t] = mean(values[start : t + 1])
        else:
            result[t] = result[t - 1] + weight * (values[t] - result[t - 1])
    return result


def divided(a: float, b: float) -> float:
    return a / b if b != 0 else NAN


def sma(bars: Bars, source: str, n: int) -> list[list[float]]:
    return [windows(bars.series(source), n, mean)]


def ema(bars: Bars, source: str, n: int) -> list[list[float]]:
    return [smoothed(bars.series(source), n, 2 / (n + 1))]


def wma(bars: Bars, source: str, n: int) -> list[list[float]]:
    def weighted(values: Sequence[float]) -> float:
        return math.fsum(w * x for w, x in enumerate(values, 1)) / (n * (n + 1) / 2)

    return [windows(bars.series(source), n, weighted)]


def rsi(bars: Bars, source: str, n: int) -> list[list[float]]:
    values = bars.series(source)
    changes = [NAN, *(b - a for a, b in pairwise(values))]
    rises = smoothed([x if math.isnan(x) else max(x, 0.0) for x in changes], n, 1 / n)
    falls = smoothed([x if math.isnan(x) else max(-x, 0.0) for x in changes], n, 1 / n)
    return [[divided(100 * g, g + l) for g, l in zip(rises, falls, strict=True)]]


def macd(bars: Bars, source: str, fast: int, slow: int, signal: int) -> list[list[float]]:
    values = bars.series(source)
    late = [NAN] * (slow - fast) + values[slow - fast :]
    quick, lazy = smoothed(late, fast, 2 / (fast + 1)), smoothed(values, slow, 2 / (slow + 1))
    line = [a - b for a, b in zip(quick, lazy, strict=True)]
    trigger = smoothed(line, signal, 2 / (signal + 1))
    return [line, trigger, [a - b for a, b in zip(line, trigger, strict=True)]]


def bollinger(bars: Bars, source: str, n: int, k: float) -> list[list[float]]:
    values = bars.series(source)
    middle, spread = windows(values, n, mean), windows(values, n, deviation)
    upper = [m + k * s for m, s in zip(middle, spread, strict=True)]
    lower = [m - k * s for m, s in zip(middle, spread, strict=True)]
    percent_b = [divided(x - m + k * s, 2 * k * s) for x, m, s in zip(values, middle, spread, strict=True)]
    width = [divided(2 * k * s, m) for m, s in zip(middle, spread, strict=True)]
    return [upper, middle, lower, percent_b, width]


def stddev(bars: Bars, source: str, n: int) -> list[list[float]]:
    return [windows(bars.series(source), n, deviation)]


def zscore(bars: Bars, source: str, n: int) -> list[list[float]]:
    def score(values: Sequence[float]) -> float:
        return divided(values[-1] - mean(values), deviation(values))

    return [windows(bars.series(source), n, score)]


def true_range(bars: Bars) -> list[list[float]]:
    rows = list(zip(bars.high, bars.low, bars.close, strict=True))
    steps = pairwise(rows)
    return [[NAN, *(float(max(h, last) - min(l, last)) for (_, _, last), (h, l, _) in steps)][: len(rows)]]


def atr(bars: Bars, n: int) -> list[list[float]]:
    return [smoothed(true_range(bars)[0], n, 1 / n)]


def adx(bars: Bars, n: int) -> list[list[float]]:
    size = len(bars.close)
    result = [[NAN] * size for _ in range(3)]
    ranges = true_range(bars)[0]
    plus = minus = spread = average = 0.0
    for t in range(1, size):
        up, down = float(bars.high[t] - bars.high[t - 1]), float(bars.low[t - 1] - bars.low[t])
        leak = 1 - 1 / n if t >= n else 1.0
        plus = plus * leak + (up if up > max(down, 0.0) else 0.0)
        minus = minus * leak + (down if down > max(up, 0.0) else 0.0)
        spread = spread * leak + ranges[t]
        if t < n:
            continue
        result[1][t], result[2][t] = divided(100 * plus, spread), divided(100 * minus, spread)
        index = divided(100 * abs(plus - minus), plus + minus)
        if t < 2 * n:
            average += (0.0 if math.isnan(index) else index) / n
        elif not math.isnan(index):
            average += (index - average) / n
        if t >= 2 * n - 1:
            result[0][t] = average
    return result


def stochastic(bars: Bars, n: int, smooth: int, d: int) -> list[list[float]]:
    highest, lowest = windows(bars.series("high"), n, max), windows(bars.series("low"), n, min)
    raw = [divided(100 * (c - l), h - l) for c, h, l in zip(bars.close, highest, lowest, strict=True)]
    k = windows(raw, smooth, mean)
    return [k, windows(k, d, mean)]


def cci(bars: Bars, n: int) -> list[list[float]]:
    def index(values: Sequence[float]) -> float:
        if min(values) == max(values):
            return NAN
        middle = mean(values)
        return divided(values[-1] - middle, 0.015 * mean([abs(x - middle) for x in values]))

    return [windows([float(x) for x in bars.typical], n, index)]


def donchian(bars: Bars, n: int) -> list[list[float]]:
    upper, lower = windows(bars.series("high"), n, max), windows(bars.series("low"), n, min)
    return [upper, [(a + b) / 2 for a, b in zip(upper, lower, strict=True)], lower]


def roc(bars: Bars, source: str, n: int) -> list[list[float]]:
    values = bars.series(source)
    return [[NAN] * min(n, len(values)) + [divided(100 * (b - a), a) for a, b in zip(values, values[n:], strict=False)]]


def obv(bars: Bars) -> list[list[float]]:
    change = np.sign(np.diff(bars.close, prepend=-math.inf))
    return [[math.fsum((change * bars.volume)[: t + 1]) for t in range(len(change))]]


def mfi(bars: Bars, n: int) -> list[list[float]]:
    price = bars.typical
    change = np.diff(price, prepend=price[:1])
    sign = np.where(np.abs(change) < 1e-9, 0.0, np.sign(change))  # 1.01 + 1.02 is not quite 1.00 + 1.03
    flow = [float(x) for x in sign * price * bars.volume]

    def index(flows: Sequence[float]) -> float:
        inside, outside = math.fsum(x for x in flows if x > 0), math.fsum(-x for x in flows if x < 0)
        return divided(100 * inside, inside + outside)

    return [[NAN, *windows(flow[1:], n, index)][: len(flow)]]


def vwap(bars: Bars) -> list[list[float]]:
    def at(t: int) -> float:
        since = max(s for s in range(t + 1) if s == 0 or bars.session[s] != bars.session[s - 1])
        money, shares = bars.price[since : t + 1] * bars.volume[since : t + 1], bars.volume[since : t + 1]
        return divided(math.fsum(money), math.fsum(shares))

    return [[at(t) for t in range(len(bars.close))]]


def rvol(bars: Bars, n: int) -> list[list[float]]:
    volume = bars.series("volume")
    return [[divided(volume[t], mean(volume[t - n : t])) if t >= n else NAN for t in range(len(volume))]]


TWINS: dict[str, Callable[..., list[list[float]]]] = {
    twin.__name__: twin
    for twin in (
        adx, atr, bollinger, cci, donchian, ema, macd, mfi, obv, roc, rsi, rvol, sma, stddev, stochastic,
        true_range, vwap, wma, zscore,
    )
}  # fmt: skip
"""By name of the indicator."""


def twin(name: str, bars: Bars, arguments: Sequence[int | float | str]) -> Floats:
    """What the indicator should say: ``float64[outputs, bars]``."""
    return np.array(TWINS[name](bars, *arguments), np.float64)

"""What the twins are written in: each value computed anew from the bars, slow and obvious, after the textbook.

Every indicator of the catalogue has a twin beside its kernel. It takes the bars of one symbol and the arguments of the
spec, and returns one series an output. Windows are summed exactly (`math.fsum`), recursions are written out from their
first bar. Nothing here is fast; tests compare, and so can you.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from indicators.types import Floats, Longs

NAN = math.nan

Series = list[float]


class Bars(NamedTuple):
    """Bars of one symbol, oldest first, as a frame takes them: what is unknown is NaN.

    Attributes:
        session: start of the session that each bar belongs to, in milliseconds.
        start_ms: start of each bar.
        previous_close: official close of the day before.
        market: the market's level when the bar before was closed.
    """

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    vwap: Floats
    session: Longs
    start_ms: Longs
    previous_close: Floats
    market: Floats

    @property
    def typical(self) -> Floats:
        """Mean of high, low and close."""
        return (self.high + self.low + self.close) / 3.0

    def series(self, field: str) -> Series:
        """One field."""
        values = self.price if field == "vwap" else getattr(self, field)
        return [float(x) for x in values]

    @property
    def price(self) -> Floats:
        """The bar's own vwap where it is known, else the typical price."""
        return np.where(np.isnan(self.vwap), self.typical, self.vwap)


def mean(values: Sequence[float]) -> float:
    """Of at least one value."""
    return math.fsum(values) / len(values)


def deviation(values: Sequence[float]) -> float:
    """Population standard deviation; exactly 0 of equal values."""
    if min(values) == max(values):
        return 0.0
    middle = mean(values)
    return math.sqrt(math.fsum((x - middle) ** 2 for x in values) / len(values))


def windows(values: Sequence[float], n: int, of: Callable[[Sequence[float]], float]) -> Series:
    """`of` the last n values at every bar, NaN where there are fewer."""
    return [of(values[t - n + 1 : t + 1]) if t >= n - 1 else NAN for t in range(len(values))]


def this_session(bars: Bars) -> list[slice]:
    """At every bar the bars of its session so far."""
    change = [t for t in range(len(bars.session)) if t == 0 or bars.session[t] != bars.session[t - 1]]
    return [slice(max(s for s in change if s <= t), t + 1) for t in range(len(bars.session))]


def smoothed(values: Sequence[float], n: int, weight: float) -> Series:
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
    """A / b, NaN for b = 0."""
    return a / b if b != 0 else NAN

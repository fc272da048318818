"""Rate of change with bands."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from indicators.averages import seeded_ema
from indicators.jit import each_row
from indicators.naive import NAN, mean, smoothed, windows
from indicators.ring import CLOSE
from indicators.rolling import SUM_COLUMNS, roll_sum
from indicators.spec import Indicator, window

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, AVERAGE, SQUARES = range(3)


@each_row
def roc_bands(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """An average of the rate, and a rolling sum of its squares."""
    n, n_signal, n_band, back = now.params[0], now.params[1], int(now.params[2]), int(now.params[3])
    seen, known = state[row, SEEN], state[row, SEEN] - now.params[0]
    rate, average, half = np.nan, 0.0, np.nan
    if seen >= n:
        rate = 100.0 * (now.bars[CLOSE, i] / now.lagged[back, i] - 1.0)
        average = seeded_ema(state[row, AVERAGE], rate, known, n_signal)
        squares = roll_sum(state, row, SQUARES, n_band, rate * rate, commit)
        half = np.sqrt(max(squares, 0.0) / n_band) if known >= n_band - 1.0 else np.nan
    out[0, row] = rate
    out[1, row] = average if known >= n_signal - 1.0 else np.nan
    out[2, row] = half
    out[3, row] = -half
    if commit:
        state[row, SEEN] = seen + 1.0
        state[row, AVERAGE] = average


def twin(bars: Bars, n: int, signal: int, band: int) -> list[Series]:
    close = bars.series("close")
    rate = [NAN] * min(n, len(close)) + [100 * (b / a - 1) for a, b in zip(close, close[n:], strict=False)]
    half = [math.sqrt(x) for x in windows([r * r for r in rate], band, mean)]
    return [rate, smoothed(rate, signal, 2 / (signal + 1)), half, [-x for x in half]]


INDICATOR = Indicator(
    name="roc_bands",
    title="Rate of change with bands",
    formula="roc = 100 * (close / close[n] - 1), signal = ema(signal) of roc, starting from the mean of its first "
    "values, upper and lower = the root of the mean square of roc over `band` bars, and its negative (Vervoort)",
    inputs=("close",),
    parameters=(window(20), window(5, "signal"), window(5, "band")),
    outputs=("roc", "signal", "upper", "lower"),
    kernel=roc_bands,
    twin=twin,
    width=lambda _n, _signal, band: SQUARES + SUM_COLUMNS + band,
    warmup=lambda n, signal, band: (n + 1, n + signal, n + band, n + band),
    reads=lambda n, _signal, _band: (("close", n),),
    brief=(5, 3, 4),
    scales=((0, 0),) * 4,
)

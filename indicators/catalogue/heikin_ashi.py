"""Heikin-Ashi bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indicators.jit import each_row
from indicators.ring import CLOSE, HIGH, LOW, OPEN
from indicators.spec import Indicator

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, OPEN_BEFORE, CLOSE_BEFORE, WIDTH = range(4)


@each_row
def heikin_ashi(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """The open is the middle of the body before."""
    first, last = now.bars[OPEN, i], now.bars[CLOSE, i]
    close = (first + now.bars[HIGH, i] + now.bars[LOW, i] + last) / 4.0
    begins = state[row, SEEN] == 0.0
    opens = (first + last) / 2.0 if begins else (state[row, OPEN_BEFORE] + state[row, CLOSE_BEFORE]) / 2.0
    out[0, row] = close
    out[1, row] = opens
    out[2, row] = max(now.bars[HIGH, i], opens, close)
    out[3, row] = min(now.bars[LOW, i], opens, close)
    if commit:
        state[row, SEEN] = 1.0
        state[row, OPEN_BEFORE] = opens
        state[row, CLOSE_BEFORE] = close


def twin(bars: Bars) -> list[Series]:
    closes = [float(x) for x in (bars.open + bars.high + bars.low + bars.close) / 4]
    opens: Series = []
    for t in range(len(closes)):
        opens.append((opens[-1] + closes[t - 1]) / 2 if t else (bars.open[0] + bars.close[0]) / 2)
    highs = [max(three) for three in zip(bars.high, opens, closes, strict=True)]
    lows = [min(three) for three in zip(bars.low, opens, closes, strict=True)]
    return [closes, opens, highs, lows]


INDICATOR = Indicator(
    name="heikin_ashi",
    title="Heikin-Ashi bars",
    formula="close = (open + high + low + close) / 4 of the bar, open = middle of Heikin-Ashi's open and close before, "
    "of the bar's own at first, high and low = the outermost of the bar's and these two (Valcu 2004)",
    inputs=("open", "high", "low", "close"),
    parameters=(),
    outputs=("close", "open", "high", "low"),
    kernel=heikin_ashi,
    twin=twin,
    width=lambda: WIDTH,
    warmup=lambda: (1, 1, 1, 1),
    scales=((1, 0),) * 4,
)

"""Relative strength index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indicators.jit import each_row
from indicators.ring import price
from indicators.spec import SOURCE, Indicator, window
from indicators.strength import COLUMNS, roll_strength, strength_twin

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, STRENGTH = range(2)
WIDTH = STRENGTH + COLUMNS


@each_row
def rsi(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """Two averages of Wilder's, one of rises, one of falls."""
    seen = state[row, SEEN]
    value = price(now.bars, int(now.params[0]), i)
    out[0, row] = roll_strength(state, row, STRENGTH, now.params[1], seen, value, commit)
    if commit:
        state[row, SEEN] = seen + 1.0


def twin(bars: Bars, source: str, n: int) -> list[Series]:
    return [strength_twin(bars.series(source), n)]


INDICATOR = Indicator(
    name="rsi",
    title="Relative strength index",
    formula="100 * g / (g + l), g and l Wilder's averages of rises and falls, starting from the mean of the "
    "first n (Wilder 1978)",
    inputs=("source",),
    parameters=(SOURCE, window(14)),
    outputs=("rsi",),
    kernel=rsi,
    twin=twin,
    width=lambda _source, _n: WIDTH,
    warmup=lambda _source, n: (n + 1,),
    undefined="no change since the first bar",
    differences="NaN where nothing moved; TA-Lib says 0, which reads as oversold",
    scales=((0, 0),),
)

"""Change of the day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row
from indicators.naive import divided
from indicators.ring import CLOSE, PREVIOUS_CLOSE
from indicators.spec import Indicator

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats


@each_row
def change(i: int, row: int, now: Step, _state: Floats, out: Floats, _commit: bool) -> None:
    """Nothing is kept: the close of the day before comes with every bar."""
    before = now.outside[PREVIOUS_CLOSE, i]
    out[0, row] = 100.0 * (now.bars[CLOSE, i] - before) / before if before > 0.0 else np.nan


def twin(bars: Bars) -> list[Series]:
    return [[divided(100 * (c - b), b) for c, b in zip(bars.close, bars.previous_close, strict=True)]]


INDICATOR = Indicator(
    name="change",
    title="Change of the day",
    formula="100 * (close / official close of the day before - 1), in percent",
    inputs=("close", "previous close"),
    parameters=(),
    outputs=("change",),
    kernel=change,
    twin=twin,
    width=lambda: 0,
    warmup=lambda: (1,),
    undefined="the official close of the day before is not known",
    scales=((0, 0),),
)

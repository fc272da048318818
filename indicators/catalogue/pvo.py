"""Percentage volume oscillator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indicators.catalogue.ppo import INDICATOR as PPO
from indicators.catalogue.ppo import WIDTH, oscillate
from indicators.jit import each_row
from indicators.ring import VOLUME
from indicators.spec import Indicator, window

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats


@each_row
def pvo(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """Of the volume."""
    oscillate(state, row, now.bars[VOLUME, i], now.params[0], now.params[1], now.params[2], out, commit)


def twin(bars: Bars, fast: int, slow: int, signal: int) -> list[Series]:
    return PPO.twin(bars, "volume", fast, slow, signal)


INDICATOR = Indicator(
    name="pvo",
    title="Percentage volume oscillator",
    formula="ppo of the volume",
    inputs=("volume",),
    parameters=(window(12, "fast"), window(26, "slow"), window(9, "signal")),
    outputs=("pvo", "signal", "histogram"),
    kernel=pvo,
    twin=twin,
    width=lambda _fast, _slow, _signal: WIDTH,
    warmup=lambda _fast, slow, signal: (slow, slow + signal - 1, slow + signal - 1),
    problem=lambda fast, slow, _signal: None if fast < slow else f"fast ({fast}) must be shorter than slow ({slow})",
    brief=(3, 5, 3),
    scales=((0, 0),) * 3,
)

"""Wilder's relative strength of any series, for the indicators that are made of it."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from indicators.averages import wilder
from indicators.jit import inlined
from indicators.naive import NAN, divided, smoothed

if TYPE_CHECKING:
    from indicators.naive import Series
    from indicators.types import Floats

COLUMNS = 3
"""State: last value, average of rises, average of falls."""


@inlined
def roll_strength(state: Floats, row: int, base: int, n: float, seen: float, value: float, commit: bool) -> float:
    """100 * g / (g + l) with g and l Wilder's averages of rises and falls; NaN where nothing moved yet.

    Args:
        state: ``float64[capacity, >= base + 3]``.
        row: row of the symbol.
        base: first of the three columns.
        n: length of the averages.
        seen: values before this one; the first strength is that of value n + 1.
        value: the new value.
        commit: keep the new state.
    """
    gain, loss = 0.0, 0.0
    if seen >= 1.0:
        change = value - state[row, base]
        gain = wilder(state[row, base + 1], max(change, 0.0), seen - 1.0, n)
        loss = wilder(state[row, base + 2], max(-change, 0.0), seen - 1.0, n)
    if commit:
        state[row, base] = value
        state[row, base + 1] = gain
        state[row, base + 2] = loss
    moved = gain + loss
    return 100.0 * gain / moved if seen >= n and moved > 0.0 else np.nan


def strength_twin(values: Series, n: int) -> Series:
    """The same of a whole series."""
    changes = [NAN, *(b - a for a, b in pairwise(values))]
    rises = smoothed([x if math.isnan(x) else max(x, 0.0) for x in changes], n, 1 / n)
    falls = smoothed([x if math.isnan(x) else max(-x, 0.0) for x in changes], n, 1 / n)
    return [divided(100 * g, g + l) for g, l in zip(rises, falls, strict=True)]

"""What a daily bar leaves open, such as a file of closes does, is taken from the bar that it replaces. Pure.

Only where both mean the same day in the same money: their closes agree within a cent, or within a hundredth of the
price if that is less. Another close is another basis (adjusted for a split or not, in other money): then the new bar
replaces the known one whole, for highs of one basis beside closes of another are worse than none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from streams.dailyfile import FIELDS

if TYPE_CHECKING:
    from streams.types import Flags, Floats, Longs

CENT: Final = 0.01
ROUNDING: Final = 1e-9
"""Of the price: what the representation of decimals may differ by."""

_OPEN, _HIGH, _LOW, _CLOSE, _VOLUME = range(len(FIELDS))


def complete(new: Floats, known: Floats) -> Floats:
    """`new` bars, each with what it leaves open (NaN) from the bar at its place in `known`; both ``float64[5, n]``.

    A high or low that is taken over is widened to hold the new close, so that a bar never breaks its law.
    """
    close = new[_CLOSE]
    taken = known.copy()
    taken[_HIGH], taken[_LOW] = np.maximum(known[_HIGH], close), np.minimum(known[_LOW], close)  # NaN stays NaN
    return np.where(np.isnan(new) & _agree(close, known[_CLOSE]), taken, new)


def folded(values: Floats, first: Flags) -> Floats:
    """Bars ``float64[5, n]`` in order of key and age, each completed by the one before it of the same key.

    Args:
        values: the bars.
        first: ``bool[n]``, the oldest bar of each key.
    """
    place = np.arange(len(first))
    age: Longs = place - np.maximum.accumulate(np.where(first, place, 0))
    values = values.copy()
    for one in range(1, int(age.max(initial=0)) + 1):
        at = np.flatnonzero(age == one)
        values[:, at] = complete(values[:, at], values[:, at - 1])
    return values


def in_sql(known: str, new: str) -> dict[str, str]:
    """SQL for every field of `complete`, for rows named `known` and `new`; of PostgreSQL, where NaN is the greatest."""
    agree = (
        f"abs({new}.close - {known}.close)"
        f" <= LEAST({CENT}, {CENT} * abs({known}.close)) + {ROUNDING} * abs({known}.close)"
    )
    taken = {
        "open": f"{known}.open",
        "high": f"GREATEST({known}.high, {new}.close)",
        "low": f"-GREATEST(-{known}.low, -{new}.close)",
        "volume": f"{known}.volume",
    }
    return {
        name: f"CASE WHEN {new}.{name} = 'NaN' AND {agree} THEN {value} ELSE {new}.{name} END"
        for name, value in taken.items()
    }


def _agree(close: Floats, known: Floats) -> Flags:
    found: Flags = np.abs(close - known) <= np.minimum(CENT, CENT * np.abs(known)) + ROUNDING * np.abs(known)
    return found

"""How busy a market is through its day, relative to a regular session's average minute."""

from __future__ import annotations

from typing import Final

import numpy as np

SESSION_MINUTES: Final = 390

_FLOOR, _OPENING, _CLOSING = 0.55, 2.6, 1.5
_OPENING_MINUTES, _CLOSING_MINUTES = 16.0, 22.0
_EARLY_FIRST, _EARLY_LAST = 0.01, 0.08
_EARLY_MINUTES = 330


def activity(minute: int) -> float:
    """Relative activity of a minute counted from 09:30: high at the open, again at the close, low between.

    Before the open it grows slowly from almost nothing; the mean over the session is 1.
    """
    if minute < 0:
        share = min(max(1.0 + minute / _EARLY_MINUTES, 0.0), 1.0)
        return _EARLY_FIRST + (_EARLY_LAST - _EARLY_FIRST) * share**2
    return _shape(minute) / _MEAN


def _shape(minute: int) -> float:
    opening = _OPENING * np.exp(-minute / _OPENING_MINUTES)
    closing = _CLOSING * np.exp((minute - SESSION_MINUTES + 1) / _CLOSING_MINUTES)
    return float(_FLOOR + opening + closing)


_MEAN = sum(_shape(minute) for minute in range(SESSION_MINUTES)) / SESSION_MINUTES

"""How long after a minute's end its bars come: the curve by which the market's minute is closed. Pure.

Nothing on the wire says that a minute is complete. The share of bars that come later than so many milliseconds after
the end is learned by session phase, the last half hour counting as much as all before it; a minute closes as soon as
that share lies below a bound. Before there is enough to go by, the grace is fixed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from daemon.engine.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from streams.types import Floats, Longs

STEP_MS: Final = 250
MOST_MS: Final = 55_000
"""A bar that comes later than this is no straggler; and the bars of the next minute are due then."""

LEAST_MS: Final = 1_000
"""No minute closes sooner."""

ENOUGH_MINUTES: Final = 10
ENOUGH_BARS: Final = 500
"""With fewer the grace is fixed."""

PHASES: Final = 4
"""Closed, before the open, regular hours, after the close, in this order."""

_STEPS: Final = MOST_MS // STEP_MS
_FORGET: Final = 0.5 ** (1 / 30)


class Arrivals:
    """Learns the curve, and says how long to wait.

    Args:
        grace_ms: before enough is known.
        share: of a minute's bars that may come after its close; 0 keeps the grace as it is.
    """

    def __init__(self, grace_ms: int, share: float) -> None:
        self._fixed_ms, self._share = grace_ms, share
        self._curve = np.zeros((PHASES, _STEPS))
        self._minutes = np.zeros(PHASES, np.int64)
        self._now = np.zeros(_STEPS)

    def note(self, delay_ms: Longs) -> None:
        """Minute bars have come for the first time, ``int64[n]`` milliseconds after the end of their minute."""
        if self._share:
            steps = np.maximum(delay_ms, 0) // STEP_MS
            self._now += np.bincount(steps[steps < _STEPS], minlength=_STEPS)

    def close(self, phase: int) -> int:
        """A minute of `phase`, -1 to 2, has closed; how long after its end the next one closes, milliseconds."""
        if self._now.any():
            self._curve[phase + 1] = _FORGET * self._curve[phase + 1] + self._now
            self._minutes[phase + 1] += 1
            self._now[:] = 0.0
        return self.grace_ms(phase)

    def grace_ms(self, phase: int) -> int:
        """How long after its end a minute of `phase` closes."""
        later = self.later(phase)
        if later is None:
            return self._fixed_ms
        first = int(np.argmax(later <= self._share))
        return int(np.clip((first + 1) * STEP_MS, LEAST_MS, MOST_MS))

    def later(self, phase: int) -> Floats | None:
        """Share of bars that come after each step, ``float64[steps]``; None while too little is known."""
        curve, minutes = self._curve[phase + 1], int(self._minutes[phase + 1])
        total = float(curve.sum())
        if not self._share or minutes < ENOUGH_MINUTES or total < ENOUGH_BARS:
            return None
        return np.asarray(1.0 - np.cumsum(curve) / total).clip(0.0)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The whole state; views."""
        return {"curve": self._curve, "minutes": self._minutes, "now": self._now}

    def load_arrays(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on where `to_arrays` left off; of an older state there are no arrays.

        Raises:
            StateError: they are none of these; nothing was changed.
        """
        for name, own in self.to_arrays().items() if arrays else ():
            saved = arrays.get(name)
            if saved is None or saved.shape != own.shape or saved.dtype != own.dtype:
                raise StateError(f"arrivals need {name} as {own.dtype}{list(own.shape)}")
            if not np.isfinite(saved).all() or (saved < 0).any():
                raise StateError(f"arrivals cannot have such {name}")
        for name, own in self.to_arrays().items() if arrays else ():
            own[:] = arrays[name]

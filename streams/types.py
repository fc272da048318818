"""Array types as the streams name them, and the clock that shells are handed."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Longs = NDArray[np.int64]
Flags = NDArray[np.bool_]
Symbols = NDArray[np.bytes_]


class Clock(Protocol):
    """Reads time; handed to every shell that needs it, so that tests bring their own."""

    def wall_ms(self) -> int:
        """Milliseconds since the epoch, UTC, by the system's clock; may jump."""

    def monotonic_s(self) -> float:
        """Seconds of a clock that never jumps: for deadlines and ages."""

"""The one way in which numba is used, so that kernels stay typed and alike.

Kernels are cached on disk beside their source, release the GIL, and divide as numpy does (no exception inside
a loop). fastmath stays off: it would throw away the compensation of running sums and the meaning of NaN.

numba notices a change of the file a kernel stands in, not of the helpers it calls: after editing a helper
(`sums`, `moments`, `extremes`, `ring`, `ordertree`) remove the ``*.nbi`` files beside the sources.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

from indicators.types import Floats, Longs

F = TypeVar("F", bound=Callable[..., object])

KernelFunction = Callable[[Longs, Floats, Longs, Floats, Longs, Floats, Floats, Floats, bool], None]
"""Form of every indicator's kernel; it takes one bar for each of n rows.

Args, by position:
    rows: ``int64[n]``, unique rows.
    bars: ``float64[6, n]``, the new bars: open, high, low, close, volume, vwap (NaN where unknown).
    time: ``int64[2, n]``, start of each bar in milliseconds, and the identity of its session.
    ring: ``float64[capacity, width]``, closed bars; see `indicators.ring`. The new bar is not yet in it.
    count: ``int64[capacity]``, bars closed by row before this one: where the ring stands.
    state: ``float64[capacity, width]``, this instance's own; column 0 counts the bars it has seen, all zero
        is fresh.
    params: ``float64[p]``, the arguments in order, then offset and mask of each field that it reads from the
        ring.
    out: ``float64[outputs, capacity]``, written at `rows`.
    commit: False for a peek: write `out` only.
"""


def kernel(function: F) -> F:
    """Compile `function` on its first call; plain Python under ``NUMBA_DISABLE_JIT=1``."""
    return cast("F", numba.njit(cache=True, nogil=True, error_model="numpy")(function))

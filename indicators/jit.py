"""The one way in which numba is used, so that kernels stay typed and alike.

Kernels are cached on disk beside their source, release the GIL, and divide as numpy does (no exception inside
a loop). fastmath stays off: it would throw away the compensation of running sums and the meaning of NaN.

numba notices a change of the file a kernel stands in, not of the helpers it calls: after editing a helper
(`sums`, `moments`, `extremes`, `ring`) remove the ``*.nbi`` files beside the sources.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any, TypeVar, cast

import numba
from numba import types
from numba.extending import intrinsic

from indicators.types import Floats, Longs

F = TypeVar("F", bound=Callable[..., object])

KernelFunction = Callable[[Longs, Floats, Longs, Floats, Floats, Floats, Floats, bool], None]
"""Form of every indicator's kernel; it takes one bar for each of n rows.

Args, by position:
    rows: ``int64[n]``, unique rows.
    bars: ``float64[6, n]``, the new bars: open, high, low, close, volume, vwap (NaN where unknown).
    time: ``int64[2, n]``, start of each bar in milliseconds, and the identity of its session.
    lagged: ``float64[lags, n]``, earlier values that indicators of this frame look back at, see `params`.
    state: ``float64[capacity, width]``, this instance's own; column 0 counts the bars it has seen, all zero
        is fresh.
    params: ``float64[p]``, the arguments in order, then for each of the spec's `reads` its row in `lagged`.
    out: ``float64[outputs, capacity]``, written at `rows`.
    commit: False for a peek: write `out` only.
"""


def kernel(function: F) -> F:
    """Compile `function` on its first call; plain Python under ``NUMBA_DISABLE_JIT=1``.

    Kernels make no arrays, so none of their arguments needs counting of references: that was a quarter of a frame's
    time.
    """
    return cast("F", numba.njit(cache=True, nogil=True, error_model="numpy", _nrt=False)(function))


def inlined(function: F) -> F:
    """Compile `function` into the kernels that call it: a call of its own would cost more than the few sums in it."""
    return cast("F", numba.njit(forceinline=True, nogil=True, error_model="numpy", _nrt=False)(function))


def _fused_multiply_add(_context: Any, a: Any, b: Any, c: Any) -> Any:
    signature = types.float64(a, b, c)
    return signature, lambda _context, builder, _signature, operands: builder.fma(*operands)


def _plain_multiply_add(a: float, b: float, c: float) -> float:
    return float(Fraction(a) * Fraction(b) + Fraction(c))


fused = cast(
    "Callable[[float, float, float], float]",
    _plain_multiply_add if numba.config.DISABLE_JIT else intrinsic(_fused_multiply_add),
)
"""a * b + c, rounded once: one instruction when compiled, exact fractions when not."""

"""The one way in which numba is used, so that kernels stay typed and alike.

Kernels are cached on disk beside their source, release the GIL, and divide as numpy does (no exception inside
a loop). fastmath stays off: it would throw away the compensation of running sums and the meaning of NaN.

numba notices a change of the file a kernel stands in, not of the helpers it calls: after editing a helper
(`sums`, `moments`, `extremes`, `ring`) remove the ``*.nbi`` files beside the sources.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from types import FunctionType
from typing import Any, NamedTuple, TypeVar, cast

import numba
from numba import types
from numba.extending import intrinsic

from indicators.types import Floats, Longs

F = TypeVar("F", bound=Callable[..., object])

KernelFunction = Callable[[Longs, Floats, Longs, Floats, Floats, Floats, Floats, Floats, bool], None]
"""An indicator compiled: its recurrence (see `each_row`) over n rows.

Args, by position: rows ``int64[n]``, unique or in order of time; then the arrays of a `Step`, ``state``, ``out`` and
``commit``.
"""


class Step(NamedTuple):
    """What comes in with one bar for each of n rows; a recurrence reads column i of it.

    Attributes:
        bars: ``float64[6, n]``, the new bars: open, high, low, close, volume, vwap (NaN where unknown).
        time: ``int64[2, n]``, start of each bar, and of the session that it belongs to, in milliseconds.
        outside: ``float64[2, n]``, what is known of the world beside the bar: the official close of the day before,
            and the level of the market when this row's bar before was closed; NaN where unknown.
        lagged: ``float64[lags, n]``, earlier values that indicators of this frame look back at, see `params`.
        params: ``float64[p]``, the arguments in order, then for each of the spec's `reads` its row in `lagged`.
    """

    bars: Floats
    time: Longs
    outside: Floats
    lagged: Floats
    params: Floats


Recurrence = Callable[[int, int, Step, Floats, Floats, bool], None]


def kernel(function: F) -> F:
    """Compile `function` on its first call; plain Python under ``NUMBA_DISABLE_JIT=1``.

    Kernels make no arrays, so none of their arguments needs counting of references: that was a quarter of a frame's
    time.
    """
    return cast("F", numba.njit(cache=True, nogil=True, error_model="numpy", _nrt=False)(function))


def inlined(function: F) -> F:
    """Compile `function` into the kernels that call it: a call of its own would cost more than the few sums in it."""
    return cast("F", numba.njit(forceinline=True, nogil=True, error_model="numpy", _nrt=False)(function))


def each_row(recurrence: Recurrence) -> KernelFunction:
    """Compile a recurrence into the loop that takes it over all rows of a batch.

    Args:
        recurrence: takes bar i of a step in for one row: reads and, unless it is a peek (commit is False), writes
            ``state[row]``, this instance's own, all zero when fresh; writes ``out[:, row]``.
    """
    # The loop finds the recurrence among its globals: numba caches no closure over compiled code.
    scope = {"_recurrence": inlined(recurrence), "Step": Step, "__name__": recurrence.__module__}
    loop = FunctionType(_loop.__code__, scope, recurrence.__name__)
    loop.__qualname__ = recurrence.__qualname__
    loop.__doc__ = recurrence.__doc__
    return kernel(loop)


_recurrence: Recurrence
"""Stands for the one that `each_row` puts in."""


def _loop(
    rows: Longs,
    bars: Floats,
    time: Longs,
    outside: Floats,
    lagged: Floats,
    params: Floats,
    state: Floats,
    out: Floats,
    commit: bool,
) -> None:
    now = Step(bars, time, outside, lagged, params)
    for i in range(rows.shape[0]):
        _recurrence(i, rows[i], now, state, out, commit)  # noqa: F821 (declared above)


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

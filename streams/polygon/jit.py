"""The one way in which numba is used here, so that kernels stay typed and alike.

Kernels count no references (``_nrt=False``): numba locks the count of each array at every call of a function with a
loop, which was half of the scanner's time. The price: a kernel cannot make arrays, its caller brings scratch space.

numba notices a change of the file that a cached kernel stands in, not of the functions it calls: after editing `laws`
remove the ``*.nbi`` files beside the sources.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., object])


def kernel(function: F) -> F:
    """Compile `function` on its first call; plain Python under ``NUMBA_DISABLE_JIT=1``."""
    return cast("F", numba.njit(cache=True, nogil=True, error_model="numpy", _nrt=False)(function))


def inlined(function: F) -> F:
    """As `kernel`, copied into its callers: an array alone is seven arguments of a call."""
    return cast("F", numba.njit(nogil=True, error_model="numpy", _nrt=False, inline="always")(function))

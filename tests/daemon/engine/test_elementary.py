from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.engine.elementary import log, log1p, tanh

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

TINY = 5e-324
EDGES = [0.0, -0.0, 1.0, -1.0, TINY, -TINY, 2.0**-1022, np.finfo(float).max, np.inf, -np.inf, np.nan]
NEIGHBOURS = [np.nextafter(x, to) for x in (0.5, 1.0, 2.0, 0.5**0.5, 2**0.5, -1.0, 22.0) for to in (-9.0, 99.0)]
hard = st.one_of(
    st.floats(),
    st.floats(-1.0, 1.0),
    st.floats(-25.0, 25.0),
    st.builds(lambda scale, x: x * 2.0**scale, st.integers(-1074, 1023), st.floats(1.0, 2.0)),
    st.builds(lambda scale, sign: 1.0 + sign * 2.0**scale, st.integers(-60, 0), st.sampled_from([-1, 1])),
    st.sampled_from(EDGES + NEIGHBOURS),
)
each = pytest.mark.parametrize(
    ("function", "true", "ulps"), [(log, np.log, 1.0), (log1p, np.log1p, 1.0), (tanh, np.tanh, 3.0)]
)


def computed(function: Any, x: Floats) -> Floats:
    out = np.empty(len(x))
    function(x, out, len(x))
    return out


def truth(true: Callable[[Any], Any], x: Floats) -> Any:
    """In 80 bits; what lies outside of the range is not known, so that minus infinity is not either."""
    with np.errstate(all="ignore"):
        values = true(x.astype(np.longdouble))
    return np.where(np.isneginf(values), np.nan, values)


@each
@settings(deadline=None)
@given(values=st.lists(hard, min_size=1, max_size=40))
def test_equals_numpy_to_the_last_place(function: Any, true: Any, ulps: float, values: list[float]) -> None:
    x = np.array(values)
    found, expected = computed(function, x), truth(true, x)
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(found[~finite], expected[~finite].astype(float))
    last_place = np.spacing(np.abs(expected[finite].astype(float)))
    # the truth is rounded to 80 bits, and the difference of the two to a 64th of a place
    assert (np.abs(found[finite] - expected[finite]) <= ulps * last_place).all()


@each
def test_equals_numpy_at_the_edges(function: Any, true: Any, ulps: float) -> None:
    x = np.array(EDGES + NEIGHBOURS)
    np.testing.assert_allclose(computed(function, x), truth(true, x).astype(float), rtol=ulps * 2.0**-52, atol=0.0)


@pytest.mark.parametrize("function", [log, log1p, tanh])
def test_has_the_same_bits_in_a_block_of_any_size(function: Any) -> None:
    x = np.random.default_rng(5).normal(1.0, 2.0, 300)
    alone = np.concatenate([computed(function, x[i : i + 1]) for i in range(len(x))])
    for size in (2, 7, 8, 33, 256, 300):
        np.testing.assert_array_equal(computed(function, x[:size]), alone[:size])


@pytest.mark.parametrize(
    ("function", "digest"), [(log, "c985bd514a40d732"), (log1p, "d656be3ad0c2ccba"), (tanh, "110b68844d2b313c")]
)
def test_has_the_bits_that_uncompiled_python_gives(function: Any, digest: str) -> None:
    """Digests made under NUMBA_DISABLE_JIT=1: a processor, or a compiler that fuses operations, changes nothing."""
    found = computed(function, np.arange(1, 3000) / 64.0)
    assert sha256(found.tobytes()).hexdigest()[:16] == digest

"""After five million bars every indicator still says what its twin makes of the last few."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from indicators.naive import Bars
from indicators.ring import FIELDS
from tests.indicators.feeds import DAY_MS, MINUTE_MS, OPEN_MS, default_specs, twin, varied_specs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from indicators import Spec

    Floats = NDArray[np.float64]

CHUNK, CHUNKS = 100_000, 50
LATEST = 1_000
"""Bars that the twin is given: enough for the slowest recursion to forget where it began."""
COMPARED = 20


def specs_at_length() -> list[Spec]:
    """Every indicator with its defaults; with short windows where the usual ones remember too long for a twin."""
    long = {"rvol_tod": "rvol_tod(2)"}
    brief = {spec.key: spec for spec in varied_specs()}
    return [brief[long[spec.indicator.name]] if spec.indicator.name in long else spec for spec in default_specs()]


def chunk(number: int) -> Bars:
    """Bars in ticks that wander between two bounds; the price level changes from chunk to chunk, up to 600,000."""
    rng = np.random.default_rng(number)
    level = 1 if number >= CHUNKS - 1 else int(rng.choice([1, 10, 6_000]))
    walk = np.cumsum(rng.integers(-5, 6, CHUNK + 1))
    ticks = level * (5_000 + np.abs((walk % 8_000) - 4_000))
    spread = rng.integers(0, 5, (2, CHUNK)) * level
    opens, close = ticks[:-1], ticks[1:]
    high, low = np.maximum(opens, close) + spread[0], np.minimum(opens, close) - spread[1]
    bar = number * CHUNK + np.arange(CHUNK)
    session = bar // 20 * DAY_MS + OPEN_MS
    start_ms = session + (bar % 20 + bar % 20 // 7) * MINUTE_MS
    volume = rng.integers(1, 100_000, CHUNK) / 10
    prices = [values / 100 for values in (opens, high, low, close)]
    unknown, market = np.full(CHUNK, np.nan), 1_000 + np.abs(np.cumsum(rng.normal(0, 0.1, CHUNK)))
    return Bars(*prices, volume, unknown, session, start_ms, prices[0][bar % CHUNK // 20 * 20], market)


def series() -> Iterator[tuple[Bars, int]]:
    """Chunk after chunk, each with bars before it to look back on; then the last bars one at a time."""
    tail = Bars(*(column[-LATEST:] for column in chunk(0)))
    for number in range(CHUNKS):
        bars = Bars(*(np.concatenate(pair) for pair in zip(tail, chunk(number), strict=True)))
        tail = Bars(*(column[-LATEST:] for column in bars))
        if number < CHUNKS - 1:
            yield bars, LATEST
    yield Bars(*(column[:-COMPARED] for column in bars)), LATEST
    for left in range(COMPARED - 1, -1, -1):
        end = len(bars.close) - left
        yield Bars(*(column[end - LATEST - 1 : end] for column in bars)), LATEST


class Kernel:
    """A spec's kernel over one row, with the past that it reads made from the series itself."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.state, self.out = np.zeros((1, spec.width)), np.full((len(spec.outputs), 1), np.nan)
        self.params = np.array([*spec.numbers, *range(len(spec.reads))], np.float64)

    def take(self, bars: Bars, first: int) -> Floats:
        """Close all bars from the first on; values at the last."""
        size = len(bars.close) - first
        fields = np.array(bars[:6])
        known = [bars.price if field == "vwap" else fields[k] for k, field in enumerate(FIELDS)]
        lagged = [known[FIELDS.index(field)][first - back : first - back + size] for field, back in self.spec.reads]
        self.spec.indicator.kernel(
            np.zeros(size, np.int64),
            np.ascontiguousarray(fields[:, first:]),
            np.array([bars.start_ms[first:], bars.session[first:]]),
            np.array([bars.previous_close[first:], bars.market[first:]]),
            np.array(lagged).reshape(len(lagged), size),
            self.params,
            self.state,
            self.out,
            True,
        )
        return self.out[:, 0].copy()


@pytest.mark.timeout(180)
def test_does_not_drift_in_five_million_bars() -> None:
    kernels = [Kernel(spec) for spec in specs_at_length() if not spec.indicator.endless]
    values: dict[str, list[Floats]] = {kernel.spec.key: [] for kernel in kernels}
    for bars, first in series():
        for kernel in kernels:
            values[kernel.spec.key].append(kernel.take(bars, first))
    for kernel in kernels:
        expected = twin(kernel.spec, bars)[:, -COMPARED:]
        found = np.array(values[kernel.spec.key][-COMPARED:]).T
        scale = np.nanmax(np.abs(expected), initial=1.0)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9 * scale, err_msg=kernel.spec.key)

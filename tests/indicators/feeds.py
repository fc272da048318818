"""Bars to try indicators on, and the ways to feed them to a frame."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import strategies as st

from indicators import CATALOGUE, Frame
from tests.naive import Bars

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from indicators import Spec

    Floats = NDArray[np.float64]
    Longs = NDArray[np.int64]

SHORT_WINDOWS = {"macd": [3, 5, 3], "stochastic": [5, 2, 3], "bollinger": [5, 2.0]}
"""Arguments that warm up within few bars, where the first window alone would not do."""

LONG_WINDOW = 70


def default_specs() -> list[Spec]:
    """Every indicator with its defaults."""
    return [CATALOGUE.spec(indicator.name) for indicator in CATALOGUE]


def varied_specs() -> list[Spec]:
    """Every indicator with its defaults, with short windows, and on another field where it takes one."""
    return list(dict.fromkeys(spec for indicator in CATALOGUE for spec in _variants(indicator.name)))


def _variants(name: str) -> list[Spec]:
    parameters = CATALOGUE[name].parameters
    fields = sum(p.name == "source" for p in parameters)
    short = SHORT_WINDOWS.get(name) or [5 for _ in parameters[fields:]]
    chosen: list[list[object]] = [[], [*short]]
    if parameters[fields:] and name != "macd":
        chosen += [[LONG_WINDOW]]
    if fields:
        chosen += [["volume", *short], ["vwap", *short]]
    return [CATALOGUE.spec(name, arguments) for arguments in chosen]


def make_bars(close: Sequence[float], spread: Sequence[float], volume: Sequence[float], vwap_every: int = 3) -> Bars:
    """Bars around closes; some know their vwap (0: none does), a session has 20 bars."""
    ends = np.asarray(close, np.float64)
    opens = np.concatenate([ends[:1], ends[:-1]])
    high = np.maximum(opens, ends) + np.asarray(spread)
    low = np.maximum(np.minimum(opens, ends) - np.asarray(spread)[::-1], 0.0001)
    vwap = np.full(len(ends), np.nan)
    if vwap_every:
        vwap[::vwap_every] = ((high + low) / 2)[::vwap_every]
    return Bars(opens, high, low, ends, np.asarray(volume, np.float64), vwap, np.arange(len(ends)) // 20)


@st.composite
def random_bars(draw: st.DrawFn, size: int = 60) -> Bars:
    """A random walk in ticks, with stretches without change, with bursts, and now and then no volume."""
    start = draw(st.integers(100, 500_000))
    moves = st.one_of(st.just(0), st.integers(-5, 5), st.integers(-5, 5), st.integers(-5_000, 5_000))
    walk = np.cumsum(draw(st.lists(moves, min_size=size, max_size=size)))
    ticks = np.maximum(start + walk, 1)
    spread = draw(st.lists(st.integers(0, 3), min_size=size, max_size=size))
    volume = draw(st.lists(st.sampled_from([0, 1, 100, 100, 12_345, 10_000_000]), min_size=size, max_size=size))
    # all bars know their vwap or none: where nothing moves, it and the typical price differ in the last digit
    return make_bars(ticks / 100, np.array(spread) / 100, volume, draw(st.integers(0, 1)))


def flat_bars(price: float, size: int = 60, volume: float = 100.0) -> Bars:
    """Every price of every bar is the same."""
    return make_bars([price] * size, [0.0] * size, [volume] * size, vwap_every=0)


def block(bars: Iterable[Bars], t: int | slice) -> tuple[Floats, Longs]:
    """Bar t of several symbols as ``float64[6, n]``, and their sessions ``int64[n]``."""
    columns = [np.array([getattr(b, field)[t] for b in bars]) for field in Bars._fields]
    return np.array(columns[:6]), columns[6].astype(np.int64)


def feed(frame: Frame, bars: Sequence[Bars], rows: Sequence[int], first: int = 0, last: int | None = None) -> Floats:
    """Close bars first..last of all symbols together; values ``float64[symbols, outputs, bars]``."""
    where = np.array(rows, np.int64)
    values = []
    for t in range(first, len(bars[0].close) if last is None else last):
        now, session = block(bars, t)
        frame.update(where, np.full(len(where), t * 60_000), now, session)
        values.append(frame.out[:, where].T)
    return np.stack(values, axis=2)


def run(specs: Sequence[Spec], bars: Bars) -> Floats:
    """Values of one symbol in a frame of its own, ``float64[outputs, bars]``."""
    return feed(Frame(specs, 1), [bars], [0])[0]


def columns(frame_specs: Sequence[Spec]) -> list[tuple[Spec, slice]]:
    """Each spec with the stretch of outputs that is its."""
    edges = np.cumsum([0, *(len(spec.outputs) for spec in frame_specs)])
    return [(spec, slice(a, b)) for spec, (a, b) in zip(frame_specs, pairwise(edges), strict=True)]

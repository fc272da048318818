"""Bars to try indicators on, and the ways to feed them to a frame."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from hypothesis import strategies as st

from indicators import CATALOGUE, Frame
from indicators.errors import ArgumentError
from indicators.naive import Bars
from indicators.spec import SOURCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from indicators import Indicator, Spec

    Floats = NDArray[np.float64]
    Longs = NDArray[np.int64]

LONG_WINDOW = 70

MINUTE_MS = 60_000
DAY_MS = 86_400_000
OPEN_MS = 48_600_000  # 13:30 UTC, the regular open in summer


def default_specs() -> list[Spec]:
    """Every indicator with its defaults."""
    return [CATALOGUE.spec(indicator.name) for indicator in CATALOGUE]


def varied_specs() -> list[Spec]:
    """Every indicator with its defaults, with short windows, and on another field where it takes one."""
    return list(dict.fromkeys(spec for indicator in CATALOGUE for spec in _variants(indicator)))


def _variants(indicator: Indicator) -> Iterator[Spec]:
    numbers = [p for p in indicator.parameters if p != SOURCE]
    brief = list(indicator.brief) or [5 for _ in numbers]
    tried = [[], brief, [LONG_WINDOW]]
    if len(numbers) < len(indicator.parameters):
        tried += [["volume", *brief], ["vwap", *brief]]
    for arguments in tried:
        with suppress(ArgumentError):  # not every window may be long while the others are as usual
            yield CATALOGUE.spec(indicator.name, arguments)


def make_bars(close: Sequence[float], spread: Sequence[float], volume: Sequence[float], vwap_every: int = 3) -> Bars:
    """Bars around closes; some know their vwap (0: none does); timed as `timed` does."""
    ends = np.asarray(close, np.float64)
    opens = np.concatenate([ends[:1], ends[:-1]])
    high = np.maximum(opens, ends) + np.asarray(spread)
    low = np.maximum(np.minimum(opens, ends) - np.asarray(spread)[::-1], 0.0001)
    vwap = np.full(len(ends), np.nan)
    if vwap_every:
        vwap[::vwap_every] = ((high + low) / 2)[::vwap_every]
    return timed(opens, high, low, ends, np.asarray(volume, np.float64), vwap)


def timed(*columns: Floats) -> Bars:
    """Bars in sessions of 20, a silent minute after every seventh; the market goes its own way."""
    opens, *_, close, _, _ = columns
    number = np.arange(len(close))
    session = number // 20 * DAY_MS + OPEN_MS
    start_ms = session + (number % 20 + number % 20 // 7) * MINUTE_MS
    before = np.where(number < 20, opens[0], close[np.maximum(number // 20 * 20 - 1, 0)])
    market = 1000.0 * np.exp(np.cumsum(np.random.default_rng(11).normal(0, 1e-3, len(close))))
    return Bars(*columns, session, start_ms, before, market)


def joined(*parts: Bars) -> Bars:
    """One after the other, timed anew."""
    return timed(*(np.concatenate(columns) for columns in zip(*(part[:6] for part in parts), strict=True)))


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


class Block(NamedTuple):
    """Bar t of several symbols, as the arguments of `Frame.update` after the rows."""

    start_ms: Longs
    bars: Floats
    session: Longs
    outside: Floats


def block(bars: Iterable[Bars], t: int) -> Block:
    """Bar t of several symbols."""
    columns = [np.array([field[t] for field in symbol]) for symbol in zip(*bars, strict=True)]
    return Block(columns[7], np.array(columns[:6]), columns[6], np.array(columns[8:]))


def feed(frame: Frame, bars: Sequence[Bars], rows: Sequence[int], first: int = 0, last: int | None = None) -> Floats:
    """Close bars first..last of all symbols together; values ``float64[symbols, outputs, bars]``."""
    where = np.array(rows, np.int64)
    values = []
    for t in range(first, len(bars[0].close) if last is None else last):
        frame.update(where, *block(bars, t))
        values.append(frame.out[:, where].T)
    return np.stack(values, axis=2)


def run(specs: Sequence[Spec], bars: Bars) -> Floats:
    """Values of one symbol in a frame of its own, ``float64[outputs, bars]``."""
    return feed(Frame(specs, 1), [bars], [0])[0]


def columns(frame_specs: Sequence[Spec]) -> list[tuple[Spec, slice]]:
    """Each spec with the stretch of outputs that is its."""
    edges = np.cumsum([0, *(len(spec.outputs) for spec in frame_specs)])
    return [(spec, slice(a, b)) for spec, (a, b) in zip(frame_specs, pairwise(edges), strict=True)]


def twin(spec: Spec, bars: Bars) -> Floats:
    """What the indicator should say: ``float64[outputs, bars]``."""
    return np.array(spec.indicator.twin(bars, *spec.arguments), np.float64)

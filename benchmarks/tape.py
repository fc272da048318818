"""A market for benchmarks: minutes of history, then the seconds of one minute, as the vendor frames them.

Seeded and repeatable: every side of a benchmark gets a tape of its own with the same bars.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from streams.bars import MINUTE_MS, SECOND_MS, SYMBOL, empty

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.bars import BarBatch
    from streams.types import Floats, Longs

OPEN_MS = 1_736_173_800_000
"""2025-01-06, 09:30 in New York."""

MINUTE_START_MS = OPEN_MS + 120 * MINUTE_MS
"""The minute whose seconds are measured; its history reaches back into the pre-market."""

HISTORY = 420
"""Closed minutes before it: enough for the longest indicator to have a value."""

SECONDS = 60
JUMPS = 6
"""Symbols of 10,000 that jump each second, with 20 minutes' volume: what rules wait for."""

_BAR = (
    '{{"ev":"A","sym":"{}","v":{},"av":{},"op":{},"vw":{},"o":{},"c":{},"h":{},"l":{},"a":{},"z":{},'
    '"s":{},"e":{}{},"dv":"{}.0","dav":"{}.0"}}'
)


class Tape:
    """Prices, volumes and frames of `size` symbols.

    Args:
        size: symbols.
        frame: events a frame.

    Attributes:
        symbols: ``S16[size]``.
        history: ``float64[HISTORY, 6, size]``: open, high, low, close, volume, vwap of closed minutes.
    """

    def __init__(self, size: int, frame: int = 500) -> None:
        self._random = np.random.default_rng(7)
        self._frame = frame
        self.symbols = np.array([_ticker(number) for number in range(size)], SYMBOL)
        self._otc = self._random.random(size) < 0.02
        self._first = np.round(np.exp(self._random.normal(3.4, 0.9, size)) + 1.5, 2)
        self._volume = np.exp(self._random.normal(9.0, 1.2, size)) + 600
        self.history = self._walk(HISTORY, 0.0008)
        self._seconds = self._forming()

    @property
    def size(self) -> int:
        """Number of symbols."""
        return len(self.symbols)

    def minutes(self) -> Iterator[BarBatch]:
        """The history as minute bars of all symbols, oldest first."""
        for number, bars in enumerate(self.history, start=-HISTORY):
            batch = empty(self.size)
            batch.symbol[:] = self.symbols
            batch.start_ms[:] = MINUTE_START_MS + number * MINUTE_MS
            batch.length_ms[:] = MINUTE_MS
            batch.arrival_ms[:] = batch.start_ms + MINUTE_MS + 2 * SECOND_MS
            batch.values[:6] = bars
            yield batch

    def frames(self, second: int) -> list[bytes]:
        """One event of every symbol, in no order, in frames as they come over the socket."""
        order = np.random.default_rng([second, self.size]).permutation(self.size)
        events = self._events(second, order)
        cuts = range(0, self.size, self._frame)
        return [f"[{','.join(events[cut : cut + self._frame])}]".encode() for cut in cuts]

    def _events(self, second: int, order: Longs) -> list[str]:
        start_ms = MINUTE_START_MS + second * SECOND_MS
        bars = self._seconds[second][:, order]
        prices = np.round(bars[:4], 4).tolist()
        volume = bars[4].astype(np.int64).tolist()
        day = (bars[4] + 390 * self._volume[order]).astype(np.int64).tolist()
        vwap, day_vwap = np.round(bars[5], 4).tolist(), np.round(0.998 * bars[5], 4).tolist()
        return [
            _BAR.format(sym, v, av, op, vw, o, c, h, l, a, 1 + v // 7, start_ms, start_ms + SECOND_MS, otc, v, av)
            for sym, v, av, op, vw, o, h, l, c, a, otc in zip(
                np.char.decode(self.symbols[order]).tolist(),
                volume,
                day,
                self._first[order].tolist(),
                vwap,
                *prices,
                day_vwap,
                [',"otc":true' if otc else "" for otc in self._otc[order].tolist()],
                strict=True,
            )
        ]

    def _walk(self, steps: int, step: float) -> Floats:
        """Bars of a random walk that starts at `_first` and leaves its last close there."""
        moves = np.exp(self._random.normal(0, step, (steps, self.size)))
        close = np.maximum(np.round(self._first * np.cumprod(moves, axis=0), 2), 0.5)
        open_ = np.concatenate([self._first[None], close[:-1]])
        reach = 1 + np.abs(self._random.normal(0, step / 2, (2, steps, self.size)))
        high = np.round(np.maximum(open_, close) * reach[0] + 0.0049, 2)
        low = np.maximum(np.round(np.minimum(open_, close) / reach[1] - 0.0049, 2), 0.01)
        volume = np.ceil(self._volume * np.exp(self._random.normal(0, 0.4, (steps, self.size))))
        self._last = close[-1]
        return np.stack([open_, high, low, close, volume, np.round((high + low + close) / 3, 4)], axis=1)

    def _forming(self) -> Floats:
        """``float64[SECONDS, 6, size]``: quiet seconds, but for those who jump, a few new ones each second."""
        self._first, first = self._last, self._first
        bars = self._walk(SECONDS, 0.0001)
        self._first = first
        bars[:, 4] = np.maximum(np.round(bars[:, 4] / SECONDS), 1)
        jumps = max(1, round(JUMPS * self.size / 10_000))
        jumpers = self._random.permutation(self.size)[: jumps * SECONDS]
        for place, symbol in enumerate(jumpers.tolist()):
            second, factor = place // jumps, (1.03, 1.06, 0.97)[place % 3]
            bars[second:, :4, symbol] = np.round(bars[second:, :4, symbol] * factor, 2)
            bars[second:, 5, symbol] *= factor
            bars[second, 4, symbol] = np.ceil(20 * self._volume[symbol])
        return bars


def _ticker(number: int) -> str:
    """AAAA, AAAB and so on: four letters, as most tickers have."""
    letters = [chr(ord("A") + number // 26**power % 26) for power in (3, 2, 1, 0)]
    return "".join(letters)

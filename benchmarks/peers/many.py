"""The rules of `benchmarks.rules.many` as one would write them in Python, on values that are there already."""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from streams.types import Floats


class Values(NamedTuple):
    """What a symbol's rules look at: lists by length of the indicator."""

    close: float
    before: float
    sma: Sequence[float]
    sma_before: Sequence[float]
    rsi: Sequence[float]
    atr: float
    rvol: float
    vwap: float


class Many:
    """So many conditions, one symbol after the other, and a set of what was told.

    Args:
        bars: ``float64[6, symbols]``, from which values of a likely size are made.
        count: rules.
    """

    def __init__(self, bars: Floats, count: int) -> None:
        random = np.random.default_rng(5)
        self._conditions = [_condition(number) for number in range(count)]
        self._values = [_likely(close, random) for close in bars[3].tolist()]
        self._told: set[tuple[int, int]] = set()

    def prepare(self, _number: int) -> list[Values]:
        """The same values every minute."""
        return self._values

    def run(self, start: list[Values]) -> Mapping[str, int]:
        """Every rule for every symbol."""
        began = perf_counter_ns()
        found = [
            (rule, symbol)
            for symbol, values in enumerate(start)
            for rule, holds in enumerate(self._conditions)
            if holds(values)
        ]
        new = [pair for pair in found if pair not in self._told]
        self._told.update(new)
        return {"minute": perf_counter_ns() - began}


def _likely(close: float, random: np.random.Generator) -> Values:
    shift = random.normal(0, 0.003, 12)
    around = (close * (1 + shift)).tolist()
    volume = float(random.lognormal(0, 0.7))
    rsi = random.uniform(20, 80, 5).tolist()
    return Values(close, around[0], around[1:6], around[6:11], rsi, close * 0.002, volume, around[11])


def _condition(number: int) -> Callable[[Values], bool]:
    at, volume, low, move = number % 5, 6.0 + number / 20, 30 + number % 20, number % 7 / 4

    def holds(seen: Values) -> bool:
        event = (seen.close > seen.sma[at] and seen.before <= seen.sma_before[at]) or seen.rvol > volume
        return (
            event
            and low <= seen.rsi[at] <= 90
            and seen.close > seen.vwap
            and seen.close - seen.before > move * seen.atr
        )

    return holds

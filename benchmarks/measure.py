"""Timing: one core, sides in turns, medians."""

from __future__ import annotations

import gc
import os
from contextlib import contextmanager
from statistics import median
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

NS_PER_MS = 1e6


class Repeats(NamedTuple):
    """How often something is measured.

    Attributes:
        warm_up: first rounds, thrown away.
        counted: rounds after them, of which the median is taken.
        turn: rounds that a side runs in a row before the next side has its turn: caches are warm as they would be
            alone, and what else happens on the machine meets all sides.
    """

    warm_up: int = 10
    counted: int = 30
    turn: int = 5


class Side(Protocol):
    """One of those compared, with state that goes on from round to round."""

    def prepare(self, number: int) -> Any:
        """What round `number` starts from; not timed."""

    def run(self, start: Any) -> Mapping[str, int]:
        """One round; nanoseconds by stage, in order."""


def staged(stages: Mapping[str, Callable[[Any], Any]], start: Any) -> dict[str, int]:
    """Run `stages`, each on what the one before gave; nanoseconds by stage."""
    spent: dict[str, int] = {}
    for name, stage in stages.items():
        before = perf_counter_ns()
        start = stage(start)
        spent[name] = perf_counter_ns() - before
    return spent


def compare(
    sides: Mapping[str, Side], repeats: Repeats, progress: Callable[[int], None]
) -> dict[str, dict[str, float]]:
    """Median milliseconds of each side's stages, and of their sum under ``whole``."""
    rounds: dict[str, list[Mapping[str, int]]] = {name: [] for name in sides}
    total = repeats.warm_up + repeats.counted
    for first in range(0, total, repeats.turn):
        for name, side in sides.items():
            rounds[name] += _turn(side, range(first, min(first + repeats.turn, total)))
        progress(min(repeats.turn, total - first))
    return {name: _medians(spent[repeats.warm_up :]) for name, spent in rounds.items()}


def _turn(side: Side, numbers: Sequence[int]) -> list[Mapping[str, int]]:
    starts = [side.prepare(number) for number in numbers]
    with _undisturbed():
        return [side.run(start) for start in starts]


def _medians(spent: Sequence[Mapping[str, int]]) -> dict[str, float]:
    columns = {name: [one[name] for one in spent] for name in spent[0]}
    columns["whole"] = [sum(one.values()) for one in spent]
    return {name: median(column) / NS_PER_MS for name, column in columns.items()}


@contextmanager
def _undisturbed() -> Iterator[None]:
    """No collector in between, as in `timeit`: with the peers' objects alive it would cost whoever runs."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


@contextmanager
def one_core() -> Iterator[int]:
    """Stay on one core, the last one allowed: the first is where interrupts usually go."""
    if not hasattr(os, "sched_setaffinity"):
        yield -1
        return
    allowed = os.sched_getaffinity(0)
    core = max(allowed)
    os.sched_setaffinity(0, {core})
    try:
        yield core
    finally:
        os.sched_setaffinity(0, allowed)

"""Indicators by themselves: nanoseconds an output and bar, beside wickra, talipp and TA-Lib's streams.

Bars of 10,000 symbols close at once. Peers keep an object a symbol and are measured on a few of them.
"""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks import snapshots
from benchmarks.measure import NS_PER_MS, Repeats, compare, one_core
from benchmarks.peers import streams
from benchmarks.peers.streams import COMMON, FURTHER, SET, Peer, lacks
from benchmarks.report import result
from benchmarks.tape import HISTORY, MINUTE_START_MS, Tape
from indicators import CATALOGUE, Frame
from streams.bars import MINUTE_MS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.progress import Progress

    from benchmarks.peers.streams import Asked
    from benchmarks.report import Result
    from indicators.types import Floats

NAME = "indicators"
UNIT = "ns/output/bar"


class Sizes(NamedTuple):
    """How much is measured.

    Attributes:
        symbols: of the market.
        subsets: symbols that each peer is measured on.
        windows: lengths whose cost is compared.
        snapshot: symbols that are saved and restored.
        repeats: see `Repeats`.
    """

    symbols: int = 10_000
    subsets: Mapping[str, int] = {"wickra": 500, "talipp": 40, "ta-lib": 500}
    windows: tuple[int, ...] = (10, 100, 1000)
    snapshot: int = 12_000
    repeats: Repeats = Repeats(10, 30, 10)


QUICK = Sizes(40, {"wickra": 3, "talipp": 3, "ta-lib": 3}, (10, 50), 50, Repeats(1, 2, 2))


class Columns:
    """technic: one frame for all symbols, warm.

    Args:
        asked: indicators; none for the book-keeping of the frame alone.
        bars: ``float64[bars, 6, symbols]``.
        warm_up: bars that are taken in at once.
    """

    def __init__(self, asked: Sequence[Asked], bars: Floats, warm_up: int) -> None:
        size = bars.shape[2]
        self.frame = Frame([CATALOGUE.spec(one.name, one.arguments) for one in asked], size)
        self._rows, self._session = np.arange(size), np.full(size, MINUTE_START_MS)
        self._bars, self._warm_up = bars, warm_up
        for number in range(-warm_up, 0):
            self.run(self.prepare(number))

    @property
    def outputs(self) -> int:
        """Values of one symbol and bar."""
        return len(self.frame.outputs)

    def prepare(self, number: int) -> tuple[Any, Any]:
        """Start and bars of all symbols."""
        start_ms = np.full(len(self._rows), MINUTE_START_MS + number * MINUTE_MS)
        return start_ms, self._bars[number + self._warm_up]

    def run(self, start: tuple[Any, Any]) -> Mapping[str, int]:
        """One bar of each symbol."""
        start_ms, bars = start
        before = perf_counter_ns()
        self.frame.update(self._rows, start_ms, bars, self._session)
        return {"update": perf_counter_ns() - before}


class Market:
    """Compares technic with its peers on the same bars."""

    def __init__(self, sizes: Sizes) -> None:
        self._sizes = sizes
        self._bars = Tape(sizes.symbols).history
        self._rounds = sizes.repeats.warm_up + sizes.repeats.counted

    def result(self, name: str, asked: Sequence[Asked], peers: Sequence[str], warm_up: int) -> Result:
        """One comparison; every side is charged for the outputs that it gives."""
        bars = self._following(warm_up + self._rounds)
        sides: dict[str, Columns | Peer] = {"technic": Columns(asked, bars, warm_up)}
        for peer in peers:
            if len(lacks(peer, asked)) < len(asked):
                sides[peer] = Peer(peer, asked, bars[:, :, : self._sizes.subsets[peer]], warm_up)
        spent = compare(sides, self._sizes.repeats, lambda _: None)
        sizes = {side: self._sizes.subsets.get(side, self._sizes.symbols) for side in sides}
        costs = {side: spent[side]["whole"] * NS_PER_MS / sizes[side] / made.outputs for side, made in sides.items()}
        detail = {
            "indicators": [spec.key for spec in sides["technic"].frame.specs],
            "outputs": {side: made.outputs for side, made in sides.items()},
            "symbols": sizes,
            "lacks": {peer: missing for peer in peers if (missing := lacks(peer, asked))},
        }
        return result(f"{NAME}.{name}", costs.pop("technic"), costs, detail, UNIT)

    def _following(self, count: int) -> Floats:
        """So many bars; the history over and over where it is too short."""
        return self._bars[np.arange(count) % HISTORY] if count > HISTORY else self._bars[HISTORY - count :]


def answer(progress: Progress, *, quick: bool) -> list[Result]:
    """Measure; `quick` is for the form of the answer only."""
    sizes = QUICK if quick else Sizes()
    single = [one for one in (*COMMON, *FURTHER) if one.name in CATALOGUE]
    rolling = [one for one in ("sma", "stddev", "donchian", "cci", "quantile") if one in CATALOGUE]
    peers = tuple(sizes.subsets)
    task = progress.add_task(NAME, total=len(single) + len(rolling) * len(sizes.windows) + 4)
    results: list[Result] = []

    def done(*more: Result) -> None:
        results.extend(more)
        progress.update(task, advance=1)

    with one_core():
        market = Market(sizes)
        done()
        done(market.result("set40", SET, peers, 300))
        for one in single:
            done(market.result(one.name, [one], peers, 120))
        for name in rolling:
            for n in sizes.windows:
                done(market.result(f"window.{name}.{n}", [getattr(streams, name)(n)], ("wickra", "ta-lib"), n + 20))
        done(*snapshots.results(SET, sizes.snapshot, 1 if quick else 3))
        done(snapshots.memory(SET))
    return results


if __name__ == "__main__":
    from benchmarks.__main__ import main

    main([NAME])

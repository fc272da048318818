"""One second of the whole market: 10,000 second bars of 10,000 symbols, from frames to alerts on disk.

Some forty indicator outputs a symbol on the forming bar, the model's score, five rules, some twenty alerts. Beside it
the same work with the vendor's client, wickra or talipp, River one by one, and rules in plain Python.
"""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from benchmarks.measure import Repeats, compare, one_core
from benchmarks.peers.conditions import Before, Conditions
from benchmarks.peers.online import OnlineScore
from benchmarks.peers.talipp_set import TalippSet
from benchmarks.peers.values import VALUES
from benchmarks.peers.vendor import Vendor
from benchmarks.peers.wickra_set import WickraSet
from benchmarks.report import result
from benchmarks.scanner import Scanner
from benchmarks.tape import Tape

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from massive.websocket.models import EquityAgg
    from rich.progress import Progress

    from benchmarks.report import Result

NAME = "market_second"


class Sizes(NamedTuple):
    """How much is measured.

    Attributes:
        symbols: of the market.
        subset: symbols that talipp is measured on; its figures are scaled.
        frame: events a frame.
        repeats: see `Repeats`.
    """

    symbols: int = 10_000
    subset: int = 200
    frame: int = 500
    repeats: Repeats = Repeats()


QUICK = Sizes(40, 20, 10, Repeats(1, 2, 2))


class Chain:
    """Peers one after the other, frame by frame, as the vendor's client hands them over.

    Args:
        tape: the market.
        vendor: takes frames apart.
        indicators: gives values for events.
    """

    def __init__(self, tape: Tape, vendor: Vendor, indicators: WickraSet | TalippSet) -> None:
        self._tape, self._vendor, self._indicators = tape, vendor, indicators
        events = [event for frame in self.prepare(0) for event in vendor.decode(frame)]
        values = indicators.update(events)
        self._model = OnlineScore(values[:1000])
        self._conditions = Conditions(_before(tape, events, values, self._model))
        self.alerts: list[int] = []

    def prepare(self, number: int) -> list[str]:
        """The frames of a second, as text: what a socket gives."""
        return [frame.decode() for frame in self._tape.frames(number)]

    def run(self, start: Iterable[str]) -> Mapping[str, int]:
        """Frames to alerts; nanoseconds by stage."""
        spent: Counter[str] = Counter()
        alerts = 0
        for frame in start:
            t0 = perf_counter_ns()
            events = self._vendor.decode(frame)
            t1 = perf_counter_ns()
            values = self._indicators.update(events)
            t2 = perf_counter_ns()
            scores = self._model.score(values)
            t3 = perf_counter_ns()
            alerts += len(self._conditions.alerts(events, values, scores))
            t4 = perf_counter_ns()
            spent.update(decode=t1 - t0, indicators=t2 - t1, score=t3 - t2, rules=t4 - t3)
        self.alerts.append(alerts)
        return spent


def answer(progress: Progress, *, quick: bool) -> list[Result]:
    """Measure; `quick` is for the form of the answer only."""
    sizes = QUICK if quick else Sizes()
    steps = sizes.repeats.warm_up + sizes.repeats.counted
    task = progress.add_task("building", total=steps + 4)

    def done(count: int = 1) -> None:
        progress.update(task, advance=count)

    with one_core(), TemporaryDirectory() as folder:
        tape, small = Tape(sizes.symbols, sizes.frame), Tape(sizes.subset, sizes.frame)
        done()
        with closing(Scanner(tape, Path(folder))) as scanner:
            done()
            wickra = Chain(tape, Vendor(), WickraSet(tape.symbols, tape.history))
            done()
            talipp = Chain(small, Vendor(orjson), TalippSet(small.symbols, small.history))
            done()
            progress.update(task, description=NAME)
            spent = compare({"technic": scanner, "wickra": wickra, "talipp": talipp}, sizes.repeats, done)
            return _results(spent, sizes, _detail(scanner, wickra, sizes))


def _results(spent: Mapping[str, Mapping[str, float]], sizes: Sizes, detail: Mapping[str, Any]) -> list[Result]:
    technic, wickra = spent["technic"], spent["wickra"]
    scale = sizes.symbols / sizes.subset
    talipp = {stage: scale * value for stage, value in spent["talipp"].items()}
    scaled = {"talipp_measured_on": sizes.subset}
    with_talipp = sum(wickra[stage] for stage in ("decode", "score", "rules")) + talipp["indicators"]
    whole = {"massive+wickra+river": wickra["whole"], "massive+talipp+river": with_talipp}
    peers: dict[str, tuple[dict[str, float], dict[str, Any]]] = {
        "decode": ({"massive": wickra["decode"]}, {"massive_with_orjson": round(talipp["decode"], 3)}),
        "indicators": ({"wickra": wickra["indicators"], "talipp": talipp["indicators"]}, scaled),
        "score": ({"river": wickra["score"]}, {}),
        "rules": ({"python": wickra["rules"]}, {}),
        "outbox": ({}, {}),
    }
    stages = [result(f"{NAME}.{stage}", technic[stage], *beside) for stage, beside in peers.items()]
    return [result(NAME, technic["whole"], whole, {**detail, **scaled}), *stages]


def _detail(scanner: Scanner, wickra: Chain, sizes: Sizes) -> dict[str, Any]:
    counted = slice(sizes.repeats.warm_up, None)
    return {
        "symbols": sizes.symbols,
        "events_a_frame": sizes.frame,
        "repeats": sizes.repeats.counted,
        "outputs": [f"{spec.key}.{name}" for spec in scanner.plan.specs for name in spec.outputs],
        "features": len(scanner.plan.features),
        "rules": [rule.name for rule in scanner.plan.rules],
        "alerts_a_second": _mean(scanner.alerts[counted]),
        "peers_outputs": list(VALUES),
        "peers_alerts_a_second": _mean(wickra.alerts[counted]),
    }


def _mean(counts: Sequence[int]) -> float:
    return round(sum(counts) / len(counts), 1)


def _before(
    tape: Tape, events: Sequence[EquityAgg], all_values: Sequence[Sequence[float]], model: OnlineScore
) -> dict[str, Before]:
    """What rules look back at: closes from history, the rest as it stands now."""
    closes = dict(zip(tape.symbols.astype("U").tolist(), tape.history[[-1, -5, -15], 3].T.tolist(), strict=True))
    value = {name: VALUES.index(name) for name in VALUES}
    kept = [value[name] for name in ("atr14", "vwap", "obv", "rsi7", "band_lower", "rsi14", "rsi14", "donchian_upper")]
    rows = zip(events, all_values, model.score(all_values), strict=True)
    return {
        event.symbol: Before._make([*closes[event.symbol], *(values[place] for place in kept), score])
        for event, values, score in rows
    }


if __name__ == "__main__":
    from benchmarks.__main__ import main

    main([NAME])

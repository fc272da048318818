"""What rules cost: a market minute of 10,000 symbols with 1, the 12 that ship, and 100 of them.

A minute is 10,000 bars that close at once, and the close of the market's minute after them: indicators that the rules
name, look-back, conditions, episodes, budgets, alerts. The engine without any rule does the same beside it.
"""

from __future__ import annotations

from collections import Counter
from importlib.resources import files
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks.measure import Repeats, compare, one_core
from benchmarks.peers.many import Many
from benchmarks.report import result
from benchmarks.tape import HISTORY, MINUTE_START_MS, OPEN_MS, Tape
from daemon.assembly import Untaught
from daemon.engine import rules
from daemon.engine.engine import Engine, Settings
from daemon.engine.plan import Plan
from daemon.engine.sessions import SessionTable
from streams.bars import MINUTE_MS, empty

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.progress import Progress

    from benchmarks.report import Result
    from streams.bars import BarBatch

NAME = "rules"
SHIPPED = (files("daemon") / "rules" / "default.toml").read_text(encoding="utf-8")
LENGTHS = (9, 14, 21, 34, 55)


class Sizes(NamedTuple):
    """How much is measured."""

    symbols: int = 10_000
    repeats: Repeats = Repeats(5, 25, 5)


QUICK = Sizes(40, Repeats(1, 2, 2))


def many(count: int) -> str:
    """So many different rules, on five lengths of five indicators."""
    return "\n".join(
        f"""[[rule]]
name = "rule-{number}"
on = ["crosses_above(close, sma({length}))", "rvol(20) > {6.0 + number / 20}"]
where = [
    "rsi({length}) between {30 + number % 20} and 90",
    "close > vwap() and close - close[1] > {number % 7 / 4} * atr(14)",
]
cooldown = "10m"
budget = "20/day"
by = "rvol(20)"
"""
        for number, length in ((number, LENGTHS[number % len(LENGTHS)]) for number in range(count))
    )


class Minutes:
    """An engine with some rules, warm from the tape's history, which it is given again and again.

    Args:
        tape: the market.
        text: of a rule file.
    """

    def __init__(self, tape: Tape, text: str) -> None:
        self._tape, self._number = tape, HISTORY
        ruleset = rules.load(text, NAME)
        open_ms = np.array([OPEN_MS])
        sessions = SessionTable(open_ms, open_ms + 1_000 * MINUTE_MS)
        self.engine = Engine(Plan(ruleset), sessions, Untaught(), Settings())
        for batch in tape.minutes():
            self.engine.step(batch)
        self.engine.advance(MINUTE_START_MS + Settings().grace_ms)
        self.alerts: list[int] = []

    def prepare(self, number: int) -> BarBatch:
        """The bars of a minute."""
        batch = empty(self._tape.size)
        batch.symbol[:] = self._tape.symbols
        batch.start_ms[:] = MINUTE_START_MS + number * MINUTE_MS
        batch.length_ms[:] = MINUTE_MS
        batch.arrival_ms[:] = batch.start_ms + MINUTE_MS
        batch.values[:6] = self._tape.history[number % HISTORY]
        return batch

    def run(self, start: BarBatch) -> Mapping[str, int]:
        """Bars, then the close of the market's minute."""
        began = perf_counter_ns()
        alerts = self.engine.step(start)
        alerts += self.engine.advance(int(start.arrival_ms[0]) + Settings().grace_ms)
        spent = perf_counter_ns() - began
        self.alerts.append(len(alerts))
        return {"minute": spent}


def answer(progress: Progress, *, quick: bool) -> list[Result]:
    """Measure; `quick` is for the form of the answer only."""
    sizes = QUICK if quick else Sizes()
    texts = {"0": "", "1": many(1), "12": SHIPPED, "100": many(100)}
    task = progress.add_task(NAME, total=sizes.repeats.warm_up + sizes.repeats.counted + len(texts))

    def done(count: int = 1) -> None:
        progress.update(task, advance=count)

    tape = Tape(sizes.symbols)
    with one_core():
        sides: dict[str, Any] = {}
        for name, text in texts.items():
            sides[name] = Minutes(tape, text)
            done()
        sides |= {f"python {count}": Many(tape.history[-1], count) for count in (1, 100)}
        spent = compare(sides, sizes.repeats, done)
    none = spent["0"]["whole"]
    return [result(f"{NAME}.minute", none, {}, {"rules": 0, "symbols": sizes.symbols})] + [
        result(f"{NAME}.{name}", max(spent[name]["whole"] - none, 0.001), _peers(spent, name), _detail(sides[name]))
        for name in ("1", "12", "100")
    ]


def _peers(spent: Mapping[str, Mapping[str, float]], name: str) -> dict[str, float]:
    return {"python": spent[f"python {name}"]["whole"]} if f"python {name}" in spent else {}


def _detail(side: Minutes) -> dict[str, Any]:
    """What was asked and found."""
    plan = side.engine.plan
    moments = Counter(when.value for when, chosen in plan.judged.items() for _ in range(int(chosen.sum())))
    return {
        "rules": len(plan.rules),
        "indicators": len(plan.specs) + sum(map(len, plan.longer.values())),
        "looked_back_at": len(plan.lags),
        "evaluated_at": dict(moments),
        "alerts_a_minute": round(float(np.mean(side.alerts)), 1),
    }

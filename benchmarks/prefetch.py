"""Prefetch over replayed days of real bars and the rules that ship: what is there when an alert comes.

Four ways meet the same minutes of five days in the same run: none, random, top by score, and ours. Ours has learned
from the ten days before, and goes on learning; once more it begins every day knowing nothing. All begin every day with
an empty cache and the same budget. Only alerts look here; scans and people would be further looks.

First every kind costs a call a symbol, as it does whoever has no other way. Then histories and news cost none, as in
the daemon, which reads the days before and the market's news for all symbols at once. A budget of 300 calls an hour is
meant for some ten thousand symbols; the share of 99 of them is 3.
"""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.marketdays import real_data
from benchmarks.report import result
from daemon import assembly, calendar
from daemon.clock import SystemClock
from daemon.config import Config
from daemon.prefetch.candidates import candidates
from daemon.prefetch.chances import FEATURES, Chances, prior
from daemon.prefetch.compare import LATENCY_MS, Blind, Idle, Minute, Ours, Outcome, TopByScore, run
from daemon.prefetch.ledger import Figures
from daemon.prefetch.plan import KINDS
from streams.barfile import open_bars
from streams.bars import MINUTE_MS
from tests.fakes.teacher import ModelTeacher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.progress import Progress

    from benchmarks.report import Result
    from daemon.engine.engine import Engine
    from daemon.engine.sessions import SessionTable
    from daemon.prefetch.compare import Way
    from daemon.prefetch.plan import Kind
    from streams.bars import BarBatch

FIRST, LAST, END = "2025-01-10", "2025-01-31", "2025-02-01"
DAYS = 5
BY_SYMBOL = {kind.name: kind for kind in KINDS}
SHARED = (BY_SYMBOL["details"], BY_SYMBOL["related"])
ASKED = (
    ("prefetch.300", 300, KINDS),
    ("prefetch.100", 100, KINDS),
    ("prefetch.shared.300", 300, SHARED),
    ("prefetch.shared.10", 10, SHARED),
    ("prefetch.shared.3", 3, SHARED),
)
"""Name of the result, calls an hour, and what costs a call a symbol."""

NONE = 1e-3
"""Percent, where nothing was late: ratios need a number."""

CLOCK = SystemClock()

Days = list[list[Minute]]


def answer(progress: Progress, *, quick: bool) -> list[Result]:
    """The value of a result is the share of alerts that was not enriched at once."""
    days = _recorded(LAST if quick else FIRST, END, progress)
    console, results = Console(stderr=True), []
    for name, budget, kinds in ASKED[: 1 if quick else None]:
        found = _compared(days, budget, kinds)
        _show(name, found, budget, console)
        results.append(_told(name, found, budget, kinds))
    return results


def _compared(days: Days, budget: int, kinds: Sequence[Kind]) -> dict[str, list[Outcome]]:
    """Every way on each of the last days."""
    sectors = 1 + max(int(minute.candidates.sector.max(initial=0)) for one in days for minute in one)
    last = days[-DAYS:]
    return {
        "none": _each(Idle, last, kinds),
        "random": _each(lambda: Blind(budget, np.random.default_rng(1)), last, kinds),
        "top by score": _each(lambda: TopByScore(budget), last, kinds),
        "ours, untaught": _each(lambda: _ours(budget, sectors, kinds), last, kinds),
        "ours": _going_on(_ours(budget, sectors, kinds), days, kinds)[-DAYS:],
    }


def _ours(budget: int, sectors: int, kinds: Sequence[Kind]) -> Ours:
    return Ours(budget, Chances(ModelTeacher(FEATURES, prior())), sectors, kinds)


def _each(way: Callable[[], Way], days: Days, kinds: Sequence[Kind]) -> list[Outcome]:
    """Every day anew."""
    return [run(way(), one, kinds) for one in days]


def _going_on(way: Way, days: Days, kinds: Sequence[Kind]) -> list[Outcome]:
    """Every day with what it has learned before."""
    return [run(way, one, kinds) for one in days]


def _sum(days: list[Outcome]) -> Outcome:
    figures = Figures(*np.sum([one.figures for one in days], axis=0).tolist())
    return Outcome(figures, sum(one.alerts for one in days), sum(one.enriched for one in days))


def _recorded(first: str, end: str, progress: Progress) -> Days:
    """What the engine saw, minute by minute; it has warmed up on the day before the first."""
    config = Config.model_validate({"state": _folders(), "engine": _sectors()})
    sessions = calendar.load(config.state.cache, CLOCK.wall_ms()).sessions
    source = open_bars(real_data() / "minute_2025_01.parquet", MINUTE_MS)
    from_ms, to_ms = _midnight(first) - 4 * 86_400_000, _midnight(end)
    teacher = assembly.teacher_of(config, CLOCK, patient=True)
    engine = assembly.engine_of(config, assembly.plan_of(config), teacher, sessions)
    days: dict[int, list[Minute]] = {}
    task = progress.add_task("replay", total=to_ms - from_ms)
    try:
        for batch in source.batches(from_ms, to_ms):
            for minute in _minutes(engine, sessions, batch):
                if minute.at_ms >= _midnight(first):
                    days.setdefault(sessions.at(minute.at_ms - MINUTE_MS).anchor // 86_400_000, []).append(minute)
                progress.update(task, completed=minute.at_ms - from_ms)
    finally:
        source.close()
        if teacher:
            teacher.close()
    return [days[day] for day in sorted(days)]


def _minutes(engine: Engine, sessions: SessionTable, batch: BarBatch) -> Iterator[Minute]:
    """A minute after the other, when all its bars have come."""
    for start_ms in np.unique(batch.start_ms).tolist():
        fired = engine.step(batch.take(batch.start_ms == start_ms))
        some = candidates(engine, sessions, start_ms)
        sector = dict(zip(some.symbol.tolist(), some.sector.tolist(), strict=True))
        symbols = np.array([alert.symbol for alert in fired], "S16")
        yield Minute(start_ms + MINUTE_MS, some, symbols, np.array([sector[s] for s in symbols.tolist()], np.int64))


def _midnight(day: str) -> int:
    return (date.fromisoformat(day) - date(1970, 1, 1)).days * 86_400_000 + 5 * 3_600_000


def _folders() -> dict[str, Path]:
    folder = Path(tempfile.mkdtemp(prefix="technic-prefetch-"))
    return {"folder": folder, "cache": folder}


def _sectors() -> dict[str, Any]:
    return {"sectors": real_data() / "sectors.csv", "sectors_era": "2025"}


def _told(name: str, found: dict[str, list[Outcome]], budget: int, kinds: Sequence[Kind]) -> Result:
    whole = {way: _sum(days) for way, days in found.items()}
    late = {way: max(100 * (1 - one.enriched / one.alerts), NONE) for way, one in whole.items()}
    detail = {
        "last_day": LAST,
        "alerts": [one.alerts for one in found["none"]],
        "enriched": {way: [one.enriched for one in days] for way, days in found.items()},
        "calls_per_hour": budget,
        "latency_ms": LATENCY_MS,
        "kinds": [kind.name for kind in kinds],
        "ways": {way: _figures(one) for way, one in whole.items()},
    }
    return result(name, late.pop("ours"), late, detail, "% not at once")


def _figures(one: Outcome) -> dict[str, float]:
    figures = one.figures
    rates = {
        "enriched_at_once": one.enriched / one.alerts,
        "hit_rate": figures.hit_rate,
        "calls_per_hit": figures.calls_per_hit,
        "precision": figures.precision,
    }
    counts = {"calls": figures.calls, "hits": figures.hits, "saved_ms": figures.saved_ms}
    return {**counts, **{name: round(rate, 4) for name, rate in rates.items() if np.isfinite(rate)}}


def _show(name: str, found: dict[str, list[Outcome]], budget: int, console: Console) -> None:
    whole = {way: _sum(days) for way, days in found.items()}
    asked = f"at most {budget} calls an hour, {LATENCY_MS:.0f} ms a call"
    title = f"{name}: {len(found['none'])} days to {LAST}, {whole['none'].alerts} alerts, {asked}"
    table = Table("", "at once", "needs ready", "saved", "calls", "calls a hit", "precision", title=title)
    for way, one in whole.items():
        figures = one.figures
        table.add_row(
            way,
            f"{one.enriched / one.alerts:.1%}",
            f"{figures.hit_rate:.1%}",
            f"{figures.saved_ms:,.0f} ms",
            f"{figures.calls:,.0f}",
            f"{figures.calls_per_hit:.1f}",
            f"{figures.precision:.1%}",
        )
    console.print(table)

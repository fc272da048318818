"""Bars of a file through the engine at full speed: what `technic replay` does.

The same engine, rules, learner and order of events as live; only the source differs, and the learner is waited
for, so that the same bars give the same alerts bit for bit.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING

import msgspec

from daemon import assembly, calendar, warm
from daemon.engine.alerts import add_to_digest
from daemon.judgement import Judge, Judgement  # noqa: TC001 (msgspec reads it)
from streams.barfile import open_bars

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from daemon.config import Config
    from daemon.engine.alerts import Alert
    from daemon.engine.engine import Engine
    from daemon.scoring.modelfigures import ModelFigures
    from streams.bars import BarBatch
    from streams.types import Clock

END_MS = 2**61
"""Market time after every bar: what was open closes."""


class Report(msgspec.Struct):
    """What a replay did; `technic replay --json` prints it.

    Attributes:
        bars: rows of the file that were taken.
        rejects: rows left out, by reason.
        counts: what the engine did with the bars.
        digest: sha256 over all alerts in order.
        model: questions asked, AUC and log loss on predictions as issued, log loss of the base rate.
        held_back: candidates that were not told, by rule and reason.
        outcomes: what became of the alerts beside random symbols, by rule and horizon.
    """

    bars: int
    symbols: int
    seconds: float
    bars_per_s: float
    alerts_total: int
    alerts_by_rule: dict[str, int]
    digest: str
    model: dict[str, float | int | None]
    rejects: dict[str, int]
    counts: dict[str, int]
    held_back: dict[str, dict[str, int]]
    outcomes: dict[str, dict[str, Judgement]]


class Tally:
    """Counts alerts and digests them, in order; keeps none."""

    def __init__(self) -> None:
        self.by_rule: Counter[str] = Counter()
        self._digest = hashlib.sha256()

    def add(self, alerts: Iterable[Alert]) -> None:
        """More alerts, in order."""
        for alert in alerts:
            self.by_rule[alert.rule] += 1
            add_to_digest(self._digest, alert)

    def digest(self) -> str:
        """The digest so far."""
        return self._digest.hexdigest()


def feed_engine(engine: Engine, batches: Iterable[BarBatch], deliver: Callable[[list[Alert]], None]) -> int:
    """All bars, then the end of time; alerts are delivered in order. Returns the number of bars."""
    bars = 0
    for batch in batches:
        bars += batch.size
        deliver(engine.step(batch))
    deliver(engine.advance(END_MS))
    return bars


def held_back(engine: Engine) -> dict[str, dict[str, int]]:
    """Candidates that were not told, by rule and reason; nothing where there were none."""
    telling = engine.watch.telling
    found = {rule.name: telling.held_back(number) for number, rule in enumerate(engine.plan.rules)}
    return {name: counts for name, counts in found.items() if counts}


def quality(engine: Engine) -> dict[str, float | int | None]:
    """The judge's figures, None where there is none yet: JSON has no NaN."""
    figures = engine.learning.judge.quality()._asdict()
    return {name: value if math.isfinite(value) else None for name, value in figures.items()}


def replay(
    path: Path,
    length_ms: int,
    config: Config,
    clock: Clock,
    *,
    deliver: Callable[[list[Alert]], None],
    progress: Callable[[int, int], None],
    judged: Callable[[list[ModelFigures]], None] = lambda _: None,
) -> Report:
    """Run the bars of `path` through the engine.

    Args:
        path: parquet or CSV.
        length_ms: length of its bars, 1,000 or 60,000.
        config: rules and model; feed and Redis are not used.
        clock: times the run.
        deliver: takes alerts as they come, in order.
        progress: called with bars done and bars in the file.
        judged: takes, at the end, how good each model has been.

    Raises:
        streams.barfile.BarFileError: the file is unreadable or foreign.
    """
    source = open_bars(path, length_ms)
    tally = Tally()

    judge = Judge()

    def both(alerts: list[Alert]) -> None:
        tally.add(alerts)
        deliver(alerts)
        judge.add(engine.outcomes.take())

    def watched() -> Iterable[BarBatch]:
        done = 0
        for batch in source.batches():
            yield batch
            done += batch.size
            progress(done, source.count)

    plan = assembly.plan_of(config)
    sessions = calendar.configured(config, clock.wall_ms()).sessions
    with ExitStack() as stack:
        stack.callback(source.close)
        teacher = assembly.teacher_of(config, clock, patient=True)
        if teacher:
            teacher.start()
            stack.callback(teacher.close)
        warm.kernels(plan, sessions, assembly.settings_of(config))
        engine = assembly.engine_of(config, plan, teacher, sessions)
        started_s = clock.monotonic_s()
        bars = feed_engine(engine, watched(), both)
        seconds = clock.monotonic_s() - started_s
        judged([*engine.learning.figures(), *(teacher.models(assembly.PATIENCE_S) if teacher else ())])
    return Report(
        bars=bars,
        symbols=len(engine.symbols),
        seconds=round(seconds, 3),
        bars_per_s=round(bars / seconds, 1),
        alerts_total=tally.by_rule.total(),
        alerts_by_rule=dict(sorted(tally.by_rule.items())),
        digest=tally.digest(),
        model=quality(engine),
        rejects=dict(source.rejects),
        counts=msgspec.structs.asdict(engine.counts),
        held_back=held_back(engine),
        outcomes=judge.judgements(),
    )

"""What rules would have told, had they been in force: bars of a file through the live engine.

The rules to be tried and the running ones go through one engine in one pass, each rule that stands in both but once,
unless a limit for all rules together needs an engine for each. The model learns along only where the score is needed.
"""

from __future__ import annotations

from contextlib import ExitStack
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from daemon import assembly, calendar, warm
from daemon.engine import checks
from daemon.engine.periods import DAILY
from daemon.engine.plan import Plan
from daemon.engine.sessions import NO_DAY
from daemon.fires import TOP, Told, compared, iso
from daemon.replay import END_MS
from daemon.versions import pairs, to_run
from streams.barfile import open_bars

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from daemon.config import Config
    from daemon.engine.engine import Engine
    from daemon.engine.rules import RuleSet
    from daemon.engine.sessions import SessionTable
    from daemon.fires import RuleReport
    from streams.barfile import BarFile
    from streams.bars import BarBatch
    from streams.types import Clock, Symbols

REGULAR_MINUTES = 390
LEARNING_DAYS = 5
"""Days before those that count, where a model has to learn first, or a budget what a day brings."""


class Wish(NamedTuple):
    """What is to be tried, and on what.

    Attributes:
        rules: the rules to be tried.
        running: those to compare them with.
        bars: parquet or CSV.
        length_ms: length of its bars, 1,000 or 60,000.
        symbols: ``S16[n]``, only these; None for all.
        days: only the last so many trading days; None for all.
    """

    rules: RuleSet
    running: RuleSet
    bars: Path
    length_ms: int
    symbols: Symbols | None = None
    days: int | None = None


class Report(msgspec.Struct):
    """What a preview found; `technic rules preview --json` prints it.

    Attributes:
        rules: of both versions, those of the new one first.
        days: trading days that count.
        bars: that were run, those of days before to warm up among them.
        symbols: with any bar.
        seconds: what the run took.
        model: the model learned along, for some rule needs the score.
        rejects: rows of the file that were left out, by reason.
        notes: what to know before trusting the figures.
    """

    new: str
    running: str
    rules: list[RuleReport]
    days: list[str]
    bars: int
    symbols: int
    seconds: float
    model: bool
    rejects: dict[str, int]
    notes: list[str]


class Span(NamedTuple):
    """Which bars are run, and from when on alerts count; all in milliseconds, the end excluded."""

    read_ms: int
    count_ms: int


def preview(wish: Wish, config: Config, clock: Clock, progress: Callable[[int, int], None]) -> Report:
    """Run the bars through both versions of the rules.

    Args:
        wish: what, on what.
        config: engine and model; feed and Redis are not used.
        clock: times the run.
        progress: called with trading days done and days in the file.

    Raises:
        streams.barfile.BarFileError: the file is unreadable or foreign.
    """
    sessions = calendar.configured(config, clock.wall_ms()).sessions
    plans = plans_of(wish, config)
    with ExitStack() as stack:
        source = open_bars(wish.bars, wish.length_ms)
        stack.callback(source.close)
        span = _span(source, sessions, wish.days, max(map(days_before, plans)))
        reading = _Reading(source, sessions, span, wish.symbols, progress)
        engines = [_engine(plan, config, clock, sessions, stack) for plan in plans]
        told = [Told(span.count_ms) for _ in engines]
        started_s = clock.monotonic_s()
        bars = _feed(engines, told, reading.batches())
        seconds = clock.monotonic_s() - started_s
    days = reading.days()
    return Report(
        new=wish.rules.filename,
        running=wish.running.filename,
        rules=[compared(pair, told[0], told[-1], days, sessions) for pair in pairs(wish.rules, wish.running)],
        days=days,
        bars=bars,
        symbols=len(engines[0].symbols),
        seconds=round(seconds, 3),
        model=any(plan.features for plan in plans),
        rejects=dict(source.rejects),
        notes=_notes(plans, config, wish, source),
    )


def plans_of(wish: Wish, config: Config) -> list[Plan]:
    """Both versions compiled, together where they can be, with the model's features only where the score is needed."""
    plans = [Plan(ruleset) for ruleset in to_run(wish.rules, wish.running)]
    if not any(map(_needs_score, plans)):
        return plans
    return [Plan(plan.ruleset, assembly.features_of(config)) for plan in plans]


def _needs_score(plan: Plan) -> bool:
    """Whether a rule names the score, or orders its candidates by it."""
    trees = (*plan.conditions, *plan.untils, *plan.orders)
    return any("score" in checks.names(tree) for tree in trees if tree)


def _engine(plan: Plan, config: Config, clock: Clock, sessions: SessionTable, stack: ExitStack) -> Engine:
    """As a replay has it, with a learner of its own if it needs one."""
    teacher = assembly.teacher_of(config, clock, patient=True) if plan.features else None
    if teacher:
        teacher.start()
        stack.callback(teacher.close)
    warm.kernels(plan, sessions, assembly.settings_of(config))
    return assembly.engine_of(config, plan, teacher, sessions)


def _feed(engines: Sequence[Engine], told: Sequence[Told], batches: Iterable[BarBatch]) -> int:
    """All bars to all engines, then the end of time; returns how many bars."""
    bars = 0
    for batch in batches:
        bars += batch.size
        for engine, heard in zip(engines, told, strict=True):
            heard.add(engine.step(batch))
            heard.judge(engine.outcomes.take())
    for engine, heard in zip(engines, told, strict=True):
        heard.add(engine.advance(END_MS))
        heard.judge(engine.outcomes.take())
    return bars


class _Reading:
    """The bars that are wanted, and the days they are of."""

    def __init__(
        self,
        source: BarFile,
        sessions: SessionTable,
        span: Span,
        symbols: Symbols | None,
        progress: Callable[[int, int], None],
    ) -> None:
        self._source, self._sessions, self._span, self._symbols = source, sessions, span, symbols
        self._progress = progress
        self._days: set[int] = set()

    def batches(self) -> Iterator[BarBatch]:
        """In order; tells how far it is."""
        first, last = (int(self._sessions.day(ms)) for ms in (self._span.read_ms, self._source.last_ms))
        for batch in self._source.batches(self._span.read_ms):
            chosen = batch if self._symbols is None else batch.take(np.isin(batch.symbol, self._symbols))
            if chosen.size:
                yield chosen
                self._note_days(chosen)
                self._progress(int(self._sessions.day(int(chosen.start_ms[-1]))) - first + 1, last - first + 1)

    def days(self) -> list[str]:
        """Dates of the trading days that count, in order."""
        return [iso(day) for day in sorted(self._days)]

    def _note_days(self, batch: BarBatch) -> None:
        counted = batch.start_ms[batch.start_ms >= self._span.count_ms]
        open_ms = np.unique(counted[self._sessions.phase(counted) >= 0])
        self._days.update(np.unique(self._sessions.date(open_ms)).tolist())


def _span(source: BarFile, sessions: SessionTable, days: int | None, before: int) -> Span:
    """All bars, or those of the last `days`, and of so many days before to warm up."""
    last = int(sessions.day(source.last_ms))
    if days is None or last == NO_DAY:
        return Span(source.first_ms, source.first_ms)
    first = max(last - days + 1, 0)
    return Span(
        max(int(sessions.pre_ms[max(first - before, 0)]), source.first_ms),
        max(int(sessions.pre_ms[first]), source.first_ms),
    )


def days_before(plan: Plan) -> int:
    """Trading days until all that the rules name has a value, for symbols that trade every minute, and one more."""
    bars = (pair for needs in plan.needs for pair in needs.items())
    days = (count if minutes == DAILY else ceil(count * minutes / REGULAR_MINUTES) for (minutes, _), count in bars)
    learns = plan.features or any(rule.budget for rule in plan.rules)
    return max(max(days, default=0), LEARNING_DAYS if learns else 0) + 1


def _notes(plans: Sequence[Plan], config: Config, wish: Wish, source: BarFile) -> list[str]:
    notes = []
    if not config.model.enabled and any(map(_needs_score, plans)):
        notes.append("rules need the score, but model.enabled is false: it is not known at any bar")
    if wish.days and any(plan.features for plan in plans):
        notes.append("the model has learned from the days just before these, and no others")
    if wish.symbols is not None:
        absent = np.setdiff1d(wish.symbols, source.symbols)
        if len(absent):
            notes.append(f"the file has no bars of {_some(absent)}")
        if any(plan.across for plan in plans):
            notes.append("cross-sections are taken over the chosen symbols only")
    return notes


def _some(symbols: Symbols) -> str:
    names = [symbol.decode() for symbol in symbols[:TOP].tolist()]
    return ", ".join(names) + (f" and {len(symbols) - TOP:,} more" if len(symbols) > TOP else "")

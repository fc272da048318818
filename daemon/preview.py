"""What rules would have told, had they been in force: bars of a file through the live engine.

The rules to be tried and the running ones go through one engine in one pass, each rule that stands in both but once;
the model learns along only where some rule names the score, or orders by it.
"""

from __future__ import annotations

from contextlib import ExitStack
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from daemon import assembly, calendar, warm
from daemon.engine.periods import DAILY
from daemon.engine.plan import Plan
from daemon.engine.sessions import NO_DAY
from daemon.fires import TOP, Told, compared, iso
from daemon.replay import feed_engine
from daemon.versions import pairs, together
from streams.barfile import open_bars

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from daemon.config import Config
    from daemon.engine.rules import RuleSet
    from daemon.engine.sessions import SessionTable
    from daemon.fires import RuleReport
    from streams.barfile import BarFile
    from streams.bars import BarBatch
    from streams.types import Clock, Symbols

REGULAR_MINUTES = 390
LEARNING_DAYS = 5
"""Days before those that count, if a model has to learn first."""


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
    sessions = calendar.load(config.state.cache, clock.wall_ms()).sessions
    plan = plan_of(wish, config)
    scored = bool(plan.features)
    with ExitStack() as stack:
        source = open_bars(wish.bars, wish.length_ms)
        stack.callback(source.close)
        span = _span(source, sessions, wish.days, _days_before(plan))
        told, read = Told(span.count_ms), _Reading(source, sessions, span, wish.symbols, progress)
        teacher = assembly.teacher_of(config, clock, patient=True) if scored else None
        if teacher:
            teacher.start()
            stack.callback(teacher.close)
        warm.kernels(plan, sessions, assembly.settings_of(config))
        engine = assembly.engine_of(config, plan, teacher, sessions)
        started_s = clock.monotonic_s()
        bars = feed_engine(engine, read.batches(), told.add)
        seconds = clock.monotonic_s() - started_s
    days = read.days()
    return Report(
        new=wish.rules.filename,
        running=wish.running.filename,
        rules=[compared(pair, told, days, sessions) for pair in pairs(wish.rules, wish.running)],
        days=days,
        bars=bars,
        symbols=len(engine.symbols),
        seconds=round(seconds, 3),
        model=scored,
        rejects=dict(source.rejects),
        notes=_notes(plan, config, wish, source),
    )


def plan_of(wish: Wish, config: Config) -> Plan:
    """Both versions compiled together, with the model's features only where a rule needs the score."""
    both = together(wish.rules, wish.running)
    plan = Plan(both)
    return Plan(both, assembly.features_of(config)) if _needs_score(plan) else plan


def _needs_score(plan: Plan) -> bool:
    return any(plan.uses_score(rule) for rule in range(len(plan.rules)))


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


def _days_before(plan: Plan) -> int:
    """Trading days until all that the rules name has a value, for symbols that trade every minute, and one more."""
    bars = (pair for needs in plan.needs for pair in needs.items())
    days = (count if minutes == DAILY else ceil(count * minutes / REGULAR_MINUTES) for (minutes, _), count in bars)
    return max(max(days, default=0), LEARNING_DAYS if plan.features else 0) + 1


def _notes(plan: Plan, config: Config, wish: Wish, source: BarFile) -> list[str]:
    notes = []
    if _needs_score(plan) and not config.model.enabled:
        notes.append("rules name the score, but model.enabled is false: they never fire")
    elif plan.features and wish.days:
        notes.append(f"the model has learned from the {LEARNING_DAYS} days before these, and no others")
    if wish.symbols is not None:
        absent = np.setdiff1d(wish.symbols, source.symbols)
        if len(absent):
            notes.append(f"the file has no bars of {_some(absent)}")
        if plan.across:
            notes.append("cross-sections are taken over the chosen symbols only")
    return notes


def _some(symbols: Symbols) -> str:
    names = [symbol.decode() for symbol in symbols[:TOP].tolist()]
    return ", ".join(names) + (f" and {len(symbols) - TOP:,} more" if len(symbols) > TOP else "")

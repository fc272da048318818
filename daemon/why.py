"""Why a rule fired for a symbol at a moment, or did not: bars up to there through the engine.

Bars come from a file, or from the history that the daemon keeps.
"""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import datetime, time
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from daemon import assembly, calendar, warm
from daemon.engine.errors import nearest
from daemon.engine.plan import Plan, When
from daemon.preview import days_before
from streams.barfile import open_bars
from streams.bars import MINUTE_MS
from streams.history.open import open_history
from streams.history.protocol import DAY_MS
from streams.history.schema import bars_of, times

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from daemon.config import Config
    from daemon.engine.engine import Engine
    from daemon.engine.rules import RuleSet
    from daemon.engine.sessions import SessionTable
    from daemon.engine.why import Why
    from streams.bars import BarBatch
    from streams.types import Clock

NEW_YORK = ZoneInfo("America/New_York")
BUDGET_DAYS = 6
"""Trading days until budgets are steered as they are live."""
PIECE_MS = 60 * MINUTE_MS


class WhyError(Exception):
    """The question cannot be answered. Stop: a person asks another one."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what, remedy)
        self.what, self.remedy = what, remedy

    def __str__(self) -> str:
        return f"{self.what}; {self.remedy}"


class Question(NamedTuple):
    """What is asked.

    Attributes:
        symbol: as the exchange spells it.
        rule: its name.
        at: ``15:30`` of the last day that there is, ``2025-01-24 15:30``, New York time; "" for the last bar.
        bars: file; None for the history.
        length_ms: of the file's bars, 1,000 or 60,000.
    """

    symbol: str
    rule: str
    at: str
    bars: Path | None
    length_ms: int


class _Source(NamedTuple):
    """Where bars come from: from and until when there are any, and those in between."""

    first_ms: int
    last_ms: int
    batches: Callable[[int, int], Iterator[BarBatch]]


def why(question: Question, config: Config, clock: Clock, progress: Callable[[int, int], None]) -> Why:
    """Answer.

    Args:
        question: what is asked.
        config: rules, engine and model.
        clock: for the calendar.
        progress: told milliseconds of market time done, and all of them.

    Raises:
        WhyError: there is no such rule, no such moment, or no bar of the symbol.
        BarFileError, HistoryError: bars cannot be read.
    """
    sessions = calendar.configured(config, clock.wall_ms()).sessions
    plan = plan_of(assembly.ruleset_of(config.engine), question.rule, config)
    with ExitStack() as stack:
        source = _of_file(question, stack) if question.bars else _of_history(config, stack)
        if source.last_ms <= 0:
            raise WhyError("there are no bars", "name a file by --bars, or let technic run keep some")
        minute_ms = _minute(question.at, source)
        teacher = assembly.teacher_of(config, clock, patient=True) if plan.features else None
        if teacher:
            teacher.start()
            stack.callback(teacher.close)
        warm.kernels(plan, sessions, assembly.settings_of(config))
        engine = assembly.engine_of(config, plan, teacher, sessions)
        from_ms = _from(minute_ms, source, sessions, plan)
        for batch in source.batches(from_ms, minute_ms + MINUTE_MS):
            engine.step(batch)
            progress(int(batch.start_ms[-1]) - from_ms, minute_ms - from_ms)
        return _answer(engine, question, minute_ms)


def plan_of(ruleset: RuleSet, name: str, config: Config) -> Plan:
    """The rule that is asked about, and others that share a symbol's limit with it and need no more than it does."""
    names = [rule.name for rule in ruleset.rules]
    if name not in names:
        raise WhyError(f'there is no rule "{name}"', nearest(name, names) or f"there are {', '.join(names)}")
    alone = tuple(rule for rule in ruleset.rules if rule.name == name)
    scored = Plan(replace(ruleset, rules=alone)).uses_score(0)
    every = Plan(ruleset)
    kept = tuple(
        rule for number, rule in enumerate(ruleset.rules) if scored or rule.name == name or not every.uses_score(number)
    )
    return Plan(replace(ruleset, rules=kept), assembly.features_of(config) if scored else ())


def _answer(engine: Engine, question: Question, minute_ms: int) -> Why:
    number = [rule.name for rule in engine.plan.rules].index(question.rule)
    if engine.plan.judged[When.BARRIER][number]:
        engine.advance(minute_ms + 2 * MINUTE_MS - 1)
    try:
        found = engine.why(question.symbol, question.rule)
    except ValueError as error:
        raise WhyError(str(error), "write it as the exchange does: BRK.B") from error
    if found is None:
        raise WhyError(f"there is no bar of {question.symbol}", "see how the exchange spells it, and whether it traded")
    return found


def _minute(at: str, source: _Source) -> int:
    """Start of the minute that is asked about."""
    if not at:
        return source.last_ms // MINUTE_MS * MINUTE_MS
    day, _, of_day = at.strip().replace("T", " ").rpartition(" ")
    try:
        on = datetime.fromisoformat(day) if day else datetime.fromtimestamp(source.last_ms / 1000, NEW_YORK)
        moment = datetime.combine(on.date(), time.fromisoformat(of_day), NEW_YORK)
    except ValueError:
        raise WhyError(f"{at!r:.40} is no time", 'write 15:30, or "2025-01-24 15:30"; New York time') from None
    minute_ms = round(moment.timestamp() * 1000) // MINUTE_MS * MINUTE_MS
    if not source.first_ms // MINUTE_MS * MINUTE_MS <= minute_ms <= source.last_ms:
        first, last = (f"{datetime.fromtimestamp(ms / 1000, NEW_YORK):%Y-%m-%d %H:%M}" for ms in source[:2])
        raise WhyError(f"there are no bars at {moment:%Y-%m-%d %H:%M %Z}", f"there are some from {first} to {last}")
    return minute_ms


def _from(minute_ms: int, source: _Source, sessions: SessionTable, plan: Plan) -> int:
    """So many days before that all is warm."""
    days = max(days_before(plan), BUDGET_DAYS)
    _, before = sessions.dates(minute_ms, days)
    if not len(before):
        return source.first_ms
    place = int(np.searchsorted(sessions.date(sessions.open_ms), before[0]))
    return max(source.first_ms, int(sessions.pre_ms[place]))


def _of_file(question: Question, stack: ExitStack) -> _Source:
    if question.bars is None:
        raise TypeError("no file is named")
    file = open_bars(question.bars, question.length_ms)
    stack.callback(file.close)
    return _Source(file.first_ms, file.last_ms, file.batches)


def _of_history(config: Config, stack: ExitStack) -> _Source:
    history = stack.enter_context(closing(open_history(config.history_place, read_only=True)))
    kept = history.kept().minutes
    if kept.first_day is None or kept.last_day is None:
        return _Source(0, 0, lambda _from, _to: iter(()))
    newest = history.minutes(None, kept.last_day * DAY_MS, (kept.last_day + 2) * DAY_MS)
    first_ms, last_ms = kept.first_day * DAY_MS, int(times(newest, "start_ms").max())

    def batches(from_ms: int, to_ms: int) -> Iterator[BarBatch]:
        for start_ms in range(from_ms, to_ms, PIECE_MS):
            table = history.minutes(None, start_ms, min(start_ms + PIECE_MS, to_ms))
            if len(table):
                yield bars_of(table)

    return _Source(first_ms, last_ms, batches)

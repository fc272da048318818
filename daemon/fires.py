"""How often rules fired, on which days, for whom, at what time of day; and what two versions have in common. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from daemon.engine.sessions import DAY_MS
from daemon.judgement import judged
from streams.bars import MINUTE_MS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from daemon.engine.alerts import Alert
    from daemon.engine.outcomes import Move
    from daemon.engine.outcomes import Outcome as Became
    from daemon.engine.rules import Rule
    from daemon.engine.sessions import SessionTable
    from daemon.judgement import Judgement
    from daemon.versions import Pair
    from streams.types import Longs

TOP = 10
"""Symbols that are named of each rule."""

SLICE_MINUTES = 15
"""Fires over the day are counted in slices of this length."""

OPEN_MINUTE = 570
"""Every regular session opens at 09:30."""

DAY_MINUTES = 1_440


HORIZON_MINUTES = 15
"""That of the picture; all others are in the report."""


class Swing(msgspec.Struct):
    """What many moments came to at one horizon, in ATR of the moment; each as its price went from then on.

    Attributes:
        moments: how many.
        worst_median, worst_decile: as far down as half of them went at least, and one in ten.
        best_median, best_decile: likewise up.
    """

    moments: int
    worst_median: float
    worst_decile: float
    best_median: float
    best_decile: float


class Outcome(msgspec.Struct):
    """What came of alerts, beside random liquid symbols of the same minutes.

    Attributes:
        minutes: the horizon.
    """

    minutes: int
    alerts: Swing
    random: Swing


class Fires(msgspec.Struct):
    """How often one version of a rule fired.

    Attributes:
        version: of the rule.
        alerts: all of them.
        mean, least, most: alerts a day.
        by_day: alerts of each trading day, those without any too.
        symbols: how many symbols it fired for.
        top: those it fired for most often, with counts.
        by_time: alerts by time of day in New York, in slices of a quarter of an hour; those without any are left out.
        outcome: how far prices went after them; None where that is not known.
        judged: whether they were any good, by horizon; those without any outcome are left out.
    """

    version: str
    alerts: int
    mean: float
    least: int
    most: int
    by_day: dict[str, int]
    symbols: int
    top: dict[str, int]
    by_time: dict[str, int]
    outcome: Outcome | None = None
    judged: dict[str, Judgement] = {}


class RuleReport(msgspec.Struct):
    """One rule in both versions; None where it does not stand.

    Attributes:
        change: ``new``, ``changed``, ``same`` or ``gone``.
        both: alerts that both versions give: the same symbol at the same minute.
        only_new, only_running: alerts that only one of them gives.
    """

    name: str
    change: str
    new: Fires | None
    running: Fires | None
    both: int
    only_new: int
    only_running: int


class Told:
    """Collects alerts by rule and version, as symbol and minute, and outcomes; those before `from_ms` are let go."""

    def __init__(self, from_ms: int) -> None:
        self._from_ms = from_ms
        self._of: defaultdict[tuple[str, str], set[tuple[str, int]]] = defaultdict(set)
        self._became: defaultdict[tuple[str, str], list[Became]] = defaultdict(list)

    def add(self, alerts: Iterable[Alert]) -> None:
        """More alerts."""
        for alert in alerts:
            if alert.bar_start_ms >= self._from_ms:
                self._of[alert.rule, alert.rule_version].add((alert.symbol, alert.bar_start_ms))

    def judge(self, outcomes: Iterable[Became]) -> None:
        """More of what became of them."""
        for outcome in outcomes:
            if outcome.bar_start_ms >= self._from_ms:
                self._became[outcome.rule, outcome.rule_version].append(outcome)

    def of(self, rule: Rule | None) -> set[tuple[str, int]]:
        """Symbol and minute of every alert of a rule."""
        return self._of[rule.name, rule.version] if rule else set()

    def became(self, rule: Rule) -> list[Became]:
        """What became of the alerts of a rule."""
        return self._became[rule.name, rule.version]


def compared(pair: Pair, new: Told, running: Told, days: Sequence[str], sessions: SessionTable) -> RuleReport:
    """One rule in both versions, over these days.

    Args:
        pair: the rule.
        new: what the engine told that runs the new version.
        running: what that told that runs the running one; it may be the same.
        days: those that count.
        sessions: the exchange's calendar.
    """
    tried, before = new.of(pair.new), running.of(pair.running)
    return RuleReport(
        name=pair.name,
        change=pair.change,
        new=_fires(pair.new, new, days, sessions) if pair.new else None,
        running=_fires(pair.running, running, days, sessions) if pair.running else None,
        both=len(tried & before),
        only_new=len(tried - before),
        only_running=len(before - tried),
    )


def _fires(rule: Rule, heard: Told, days: Sequence[str], sessions: SessionTable) -> Fires:
    told, became = heard.of(rule), heard.became(rule)
    starts_ms = np.array(sorted(ms for _, ms in told), np.int64)
    dates = Counter(map(iso, sessions.date(starts_ms).tolist()))
    by_day = {day: dates[day] for day in days}
    symbols = Counter(symbol for symbol, _ in told)
    return Fires(
        version=rule.version,
        alerts=len(told),
        mean=round(len(told) / len(days), 2) if days else 0.0,
        least=min(by_day.values(), default=0),
        most=max(by_day.values(), default=0),
        by_day=by_day,
        symbols=len(symbols),
        top=dict(sorted(symbols.items(), key=lambda each: (-each[1], each[0]))[:TOP]),
        by_time=_by_time(starts_ms, sessions),
        outcome=_outcome(became),
        judged=judged(became).get(rule.name, {}),
    )


def _outcome(became: Sequence[Became]) -> Outcome | None:
    """How far prices went after alerts, and after the random moments beside them."""
    name = f"{HORIZON_MINUTES}m"
    own = _swing(each.moves[name] for each in became if name in each.moves)
    beside = _swing(moves[name] for each in became for moves in each.random.values() if name in moves)
    return Outcome(HORIZON_MINUTES, own, beside) if own and beside else None


def _swing(moves: Iterable[Move]) -> Swing | None:
    known = [(move.worst, move.best) for move in moves if move.worst is not None and move.best is not None]
    if not known:
        return None
    worst, best = np.array(known).T
    worst_decile, worst_median = np.quantile(worst, (0.1, 0.5)).tolist()
    best_median, best_decile = np.quantile(best, (0.5, 0.9)).tolist()
    return Swing(len(known), worst_median, worst_decile, best_median, best_decile)


def _by_time(starts_ms: Longs, sessions: SessionTable) -> dict[str, int]:
    """By minutes from the open, so that no clock change has to be known."""
    minutes = (starts_ms - sessions.open_ms[sessions.day(starts_ms)]) // MINUTE_MS + OPEN_MINUTE
    slices = Counter((minutes % DAY_MINUTES // SLICE_MINUTES * SLICE_MINUTES).tolist())
    return {f"{minute // 60:02}:{minute % 60:02}": slices[minute] for minute in sorted(slices)}


def iso(day: int) -> str:
    """Days since 1970 as a date."""
    return datetime.fromtimestamp(day * DAY_MS / 1000, UTC).date().isoformat()

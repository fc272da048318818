"""Whether alerts were any good: their outcomes by rule, beside those of random symbols. Pure.

A move is the larger excursion, whichever way, in ATR: rules say that something happens, not in which direction. Alerts
of one day depend on each other, so the interval of a mean difference is that of days as clusters: the sandwich
estimator of Liang and Zeger (1986) with the correction G / (G - 1) for G days, and Student's t with G - 1 degrees.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
import numpy as np
from scipy.special import stdtrit

from daemon.engine.outcomes import HORIZONS
from daemon.engine.sessions import DAY_MS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from daemon.engine.outcomes import Move, Outcome
    from streams.types import Floats, Longs

EPOCH: Final = date(1970, 1, 1).toordinal()
CONFIDENCE: Final = 0.95
BETTER, WORSE, ALIKE = "beats random", "below random", "not told apart"


class Judgement(msgspec.Struct, frozen=True):
    """A rule's alerts over one horizon.

    Attributes:
        alerts: that say something over it, beside at least one random symbol, with a known ATR.
        days: of how many trading days.
        precision: share of random symbols beside them that moved less, equal ones half; 0.5 is chance.
        move, random_move: means of the larger excursion either way, in ATR; of the random ones of each alert, their
            mean.
        difference: of these, with `low` and `high`, the bounds of its 95 % interval; those None of fewer than two days.
        best, worst: mean excursions of the alerts.
        forward, random_forward: mean returns, fractions.
        verdict: by the interval.
    """

    alerts: int
    days: int
    precision: float
    move: float
    random_move: float
    difference: float
    low: float | None
    high: float | None
    best: float
    worst: float
    forward: float
    random_forward: float
    verdict: str


class _Seen(NamedTuple):
    """One alert over one horizon."""

    day: int
    precision: float
    move: float
    random_move: float
    best: float
    worst: float
    forward: float
    random_forward: float


class Judge:
    """Collects outcomes."""

    def __init__(self) -> None:
        self._seen: defaultdict[tuple[str, str], list[_Seen]] = defaultdict(list)

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """More of them, in any order."""
        for outcome in outcomes:
            for horizon, move in outcome.moves.items():
                beside = [moves[horizon] for moves in outcome.random.values() if horizon in moves]
                if seen := _seen(outcome.bar_start_ms // DAY_MS, move, beside):
                    self._seen[outcome.rule, horizon].append(seen)

    def judgements(self) -> dict[str, dict[str, Judgement]]:
        """By rule, then by horizon, shortest first; those without any alert are left out."""
        rules = sorted({rule for rule, _ in self._seen})
        return {
            rule: {name: _judged(self._seen[rule, name]) for name in HORIZONS if (rule, name) in self._seen}
            for rule in rules
        }


def judged(outcomes: Iterable[Outcome]) -> dict[str, dict[str, Judgement]]:
    """These outcomes by rule and horizon."""
    judge = Judge()
    judge.add(outcomes)
    return judge.judgements()


def day_of(outcomes: Sequence[Outcome]) -> str:
    """Date of the newest of them, ``2025-01-24``."""
    return date.fromordinal(EPOCH + max(one.bar_start_ms for one in outcomes) // DAY_MS).isoformat()


def _seen(day: int, move: Move, beside: Sequence[Move]) -> _Seen | None:
    sizes = [size for other in beside if (size := other.size) is not None]
    if move.size is None or move.best is None or move.worst is None or not sizes:
        return None
    below = sum(size < move.size for size in sizes) + sum(size == move.size for size in sizes) / 2
    random_forward = float(np.mean([other.forward for other in beside]))
    numbers = below / len(sizes), move.size, float(np.mean(sizes)), move.best, move.worst
    return _Seen(day, *numbers, move.forward, random_forward)


def _judged(seen: Sequence[_Seen]) -> Judgement:
    columns = {name: np.array(column) for name, column in zip(_Seen._fields, zip(*seen, strict=True), strict=True)}
    means: Mapping[str, float] = {name: float(column.mean()) for name, column in columns.items() if name != "day"}
    differences = columns["move"] - columns["random_move"]
    half = _half_width(differences, columns["day"])
    mean = float(differences.mean())
    low, high = (None, None) if half is None else (mean - half, mean + half)
    verdict = ALIKE if low is None or high is None or low <= 0.0 <= high else BETTER if low > 0.0 else WORSE
    days = len(np.unique(columns["day"]))
    return Judgement(len(seen), days, difference=mean, low=low, high=high, verdict=verdict, **means)


def _half_width(values: Floats, days: Longs) -> float | None:
    """Half of the mean's interval, days as clusters; None of fewer than two."""
    _, cluster = np.unique(days, return_inverse=True)
    count = int(cluster.max()) + 1
    if count < 2:  # noqa: PLR2004
        return None
    sums = np.bincount(cluster, values - values.mean())
    variance = float((sums**2).sum()) / len(values) ** 2 * count / (count - 1)
    return float(stdtrit(count - 1, 0.5 + CONFIDENCE / 2) * np.sqrt(variance))

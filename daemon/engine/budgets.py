"""Budgets: of all candidates of a rule, about so many of the best a trading day, decided as they come.

A candidate passes where its value lies above a threshold. The threshold is steered when the market's minute closes: at
the value that, as far as is known, as many of the day's remaining candidates will reach as are left to spend. What is
known are the candidates of the last `DAYS` days in the time of day that is still to come, scaled by how busy today has
been so far; before there is such a day, those of today, as if they went on coming at the same rate. Never more than
twice the budget passes. Pure; nothing depends on a clock or on chance: among equals at the threshold, a hash that comes
with the candidate decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from daemon.engine.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from daemon.engine.rules import Rule
    from streams.types import Flags, Floats, Longs

DAYS: Final = 5
"""Past days that say what is to come."""
SAMPLE: Final = 512
"""Candidates of a day that are kept of each rule, the best ones."""
DOUBLE: Final = 2
"""Times its budget that a rule never passes."""
REGULAR_MINUTES: Final = 390.0
FEW: Final = 3.0
"""Candidates that today's busyness is judged with in mind: a quiet or busy first minute says little."""
BUSIEST: Final = 3.0
"""How much busier, or quieter, than the past days today may be taken for."""
NEVER: Final = -1
SPREAD: Final = 8
"""Moments at which the candidates of a day that are not kept are taken to have come."""
NOTHING: Final = (np.zeros(0), np.zeros(0), np.zeros(0))


class _Ledger:
    """One rule's candidates, day by day, today first, and what has been decided.

    Attributes:
        values: ``float64[1 + DAYS, SAMPLE]``, what the best candidates were ordered by; -inf where that was not known.
        left: ``float64[1 + DAYS, SAMPLE]``, minutes to the close of the regular session.
        seen: ``int64[1 + DAYS]``, candidates of each day, kept or not; -1 where there was no such day.
        floor: ``float64[1 + DAYS]``, the best of those that are not kept.
        spent: alerts of today.
        threshold: that candidates have to lie above.
        share: of those that lie right at it, the part that passes.
        due: minutes to the close of the regular session when the threshold was last to be set, NaN where it is set.
    """

    def __init__(self) -> None:
        self.values = np.full((1 + DAYS, SAMPLE), np.nan)
        self.left = np.full((1 + DAYS, SAMPLE), np.nan)
        self.seen, self.floor = np.full(1 + DAYS, NEVER), np.full(1 + DAYS, -np.inf)
        self.seen[0] = self.spent = 0
        self.threshold, self.share, self.due = -np.inf, 1.0, np.nan
        self._past: tuple[Floats, Floats, Floats] | None = None

    def begin_day(self) -> None:
        """Today becomes yesterday."""
        for array in (self.values, self.left, self.seen, self.floor):
            array[1:] = array[:-1].copy()
        self.values[0] = self.left[0] = np.nan
        self.seen[0] = self.spent = 0
        self.floor[0] = -np.inf
        self._past, self.due = None, np.inf  # what stands is for the end of yesterday

    def note(self, values: Floats, left: float) -> None:
        """More candidates; where there is no room, the lowest go."""
        kept, seen = min(int(self.seen[0]), SAMPLE), int(self.seen[0]) + len(values)
        together = np.concatenate([self.values[0, :kept], values])
        moments = np.concatenate([self.left[0, :kept], np.full(len(values), left)])
        if seen > SAMPLE:
            order = np.argsort(-together, kind="stable")
            if len(order) > SAMPLE:
                self.floor[0] = max(self.floor[0], together[order[SAMPLE]])
            together, moments = together[order[:SAMPLE]], moments[order[:SAMPLE]]
        self.seen[0] = seen
        self.values[0, : len(together)], self.left[0, : len(together)] = together, moments

    def most(self, budget: int, left: float) -> float:
        """What may be spent by now: a first day must not be over in its first minute."""
        if (self.seen[1:] >= 0).any():
            return DOUBLE * budget
        return budget * (0.25 + DOUBLE * float(np.clip(1.0 - left / REGULAR_MINUTES, 0.0, 1.0)))

    def settle(self, budget: int) -> None:
        """Set the threshold if it is due, as it would have been then: nothing has come since."""
        if not np.isnan(self.due):
            self._steer(budget, self.due)
            self.due = np.nan

    def _steer(self, budget: int, left: float) -> None:
        """Set the threshold for the rest of the day, of which `left` minutes of the regular session remain."""
        values, weights = self._to_come(left)
        reached = np.cumsum(weights)
        wanted = float(budget - self.spent)
        if wanted <= 0.0:
            self.threshold, self.share = float(np.nanmax(self.values, initial=-np.inf)), 0.0
        elif not len(values) or reached[-1] <= wanted:
            self.threshold, self.share = -np.inf, 1.0
        else:
            self.threshold = float(values[np.searchsorted(reached, wanted)])
            first, last = (int(np.searchsorted(-values, -self.threshold, side)) for side in ("left", "right"))
            above = float(reached[first - 1]) if first else 0.0
            self.share = (wanted - above) / (float(reached[last - 1]) - above)

    def _to_come(self, left: float) -> tuple[Floats, Floats]:
        """Values of candidates that the rest of the day is like, highest first, and how many each stands for."""
        if self._past is None:
            self._past = self._days_before()
        if self._past is NOTHING:
            gone = max(REGULAR_MINUTES - left, 5.0)
            values, _, weights = _sorted([self._of(0)])
            return values, weights * (max(left, 0.0) / gone)
        values, moments, weights = self._past
        chosen = weights * (moments <= left)  # the next candidates are of this moment
        busy = (float(self.seen[0]) + FEW) / (float(weights.sum() - chosen.sum()) + FEW)
        return values, chosen * min(max(busy, 1.0 / BUSIEST), BUSIEST)

    def _days_before(self) -> tuple[Floats, Floats, Floats]:
        """All past candidates as if they were of one day: values, highest first, moments, and weights."""
        past = (np.flatnonzero(self.seen[1:] >= 0) + 1).tolist()
        if not past:
            return NOTHING
        values, moments, weights = _sorted([self._of(day) for day in past])
        return values, moments, weights / len(past)

    def _of(self, day: int) -> tuple[Floats, Floats, Floats]:
        """A day's candidates; the rest are all like the best of them, at moments like those of the kept."""
        kept = min(int(self.seen[day]), SAMPLE)
        values, moments, weights = self.values[day, :kept], self.left[day, :kept], np.ones(kept)
        if gone := int(self.seen[day]) - kept:
            values = np.append(values, np.full(SPREAD, self.floor[day]))
            moments = np.append(moments, np.quantile(self.left[day, :kept], (np.arange(SPREAD) + 0.5) / SPREAD))
            weights = np.append(weights, np.full(SPREAD, gone / SPREAD))
        return values, moments, weights

    def to_arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """Everything, as views and small arrays."""
        return {
            "values": self.values,
            "left": self.left,
            "seen": self.seen,
            "floor": self.floor,
            "now": np.array([float(self.spent), self.threshold, self.share]),
        }

    def load_arrays(self, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Go on where `to_arrays` left off."""
        self.values, self.left = arrays["values"].copy(), arrays["left"].copy()
        self.seen, self.floor = arrays["seen"].astype(np.int64), arrays["floor"].copy()
        spent, self.threshold, self.share = arrays["now"].tolist()
        self.spent, self._past = int(spent), None


class Budgets:
    """The ledgers of those rules that have a budget.

    Args:
        rules: in the order of the plan.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._keys = {f"{rule.name}@{rule.version}": number for number, rule in enumerate(rules) if rule.budget}
        self._budgets = {number: rules[number].budget for number in self._keys.values()}
        self._ledgers = {number: _Ledger() for number in self._budgets}
        self._day = NEVER

    def admit(
        self,
        rule: int,
        values: Floats,
        chances: Callable[[Longs], Floats],
        day: int,
        left: float,
        *,
        late: bool = False,
    ) -> Flags:
        """Which of a rule's candidates of one moment are told, ``bool[n]``; those are spent then.

        Args:
            rule: its number; one without a budget passes everything.
            values: ``float64[n]``, what candidates are ordered by, the best first; NaN where not known: the lowest.
            chances: of candidates at some places 0 to 1 each, decides among equals at the threshold.
            day: the trading day; candidates come in order of days.
            left: minutes to the close of the regular session, negative after it.
            late: they neither spend nor steer.
        """
        if rule not in self._ledgers:
            return np.ones(len(values), np.bool_)
        self._reach(day)
        self._settle(rule)
        ledger, values = self._ledgers[rule], np.where(np.isnan(values), -np.inf, values)
        passes = values > ledger.threshold
        equal = np.flatnonzero(values == ledger.threshold)
        passes[equal] = True if ledger.share >= 1.0 else chances(equal) < ledger.share
        if late:
            return passes
        ledger.note(values, left)
        places = np.flatnonzero(passes)
        room = max(0, int(np.ceil(ledger.most(self._budgets[rule], left) - ledger.spent)))
        passes[places[room:]] = False
        ledger.spent += min(len(places), room)
        return passes

    def known(self, rule: int, value: float, day: int, left: float) -> None:
        """A candidate passed before what is known here: it was spent."""
        if rule in self._ledgers:
            self._reach(day)
            self._settle(rule)
            self._ledgers[rule].note(np.array([-np.inf if np.isnan(value) else value]), left)
            self._ledgers[rule].spent += 1

    def steer(self, day: int, left: float) -> None:
        """The market's minute has closed, `left` minutes before the regular close: all thresholds are to be set.

        Each is when the next candidate of its rule comes, or somebody looks at it: most minutes have none.
        """
        self._reach(day)
        for ledger in self._ledgers.values():
            ledger.due = left

    def standing(self, rule: int) -> dict[str, float | None]:
        """Budget, spent, candidates and threshold of today; nothing for a rule without a budget."""
        ledger = self._ledgers.get(rule)
        if ledger is None:
            return {}
        self._settle(rule)
        threshold = ledger.threshold if np.isfinite(ledger.threshold) else None
        candidates = float(ledger.seen[0])
        return {
            "budget": self._budgets[rule],
            "spent": ledger.spent,
            "candidates": candidates,
            "threshold": threshold,
        }

    def to_arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """``day``, and of each rule with a budget ``NAME@VERSION/values`` and so on."""
        self._settle(*self._ledgers)
        parts = {
            f"{key}/{name}": a for key, n in self._keys.items() for name, a in self._ledgers[n].to_arrays().items()
        }
        return {"day": np.array([self._day], np.int64), **parts}

    def load_arrays(self, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Go on where `to_arrays` left off; rules that are new or have changed begin anew.

        Raises:
            StateError: the arrays do not fit together; nothing was changed.
        """
        day = arrays.get("day")
        shapes = {name: array.shape for name, array in _Ledger().to_arrays().items()}
        held = {key: {name: arrays.get(f"{key}/{name}") for name in shapes} for key in self._keys}
        held = {key: parts for key, parts in held.items() if any(part is not None for part in parts.values())}
        fits = all(part is not None and part.shape == shapes[n] for parts in held.values() for n, part in parts.items())
        if day is None or day.shape != (1,) or not fits:
            raise StateError("saved budgets do not fit together")
        self._day = int(day[0])
        for key, parts in held.items():
            self._ledgers[self._keys[key]].load_arrays({name: part for name, part in parts.items() if part is not None})

    def zero(self, rows: object) -> None:
        """Budgets belong to rules and not to symbols: nothing is forgotten."""

    def _reach(self, day: int) -> None:
        """A day without candidates of a rule counts as a day of it, too."""
        if day > self._day:
            self._settle(*self._ledgers)
            for ledger in self._ledgers.values() if self._day != NEVER else ():
                ledger.begin_day()
            self._day = day

    def _settle(self, *rules: int) -> None:
        for rule in rules:
            self._ledgers[rule].settle(self._budgets[rule])


def _sorted(days: Sequence[tuple[Floats, Floats, Floats]]) -> tuple[Floats, Floats, Floats]:
    """All of them, highest values first."""
    values, moments, weights = (np.concatenate([day[part] for day in days]) for part in range(3))
    order = np.argsort(-values, kind="stable")
    return values[order], moments[order], weights[order]

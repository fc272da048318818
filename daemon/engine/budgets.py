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
    from collections.abc import Mapping, Sequence

    from daemon.engine.rules import Rule
    from streams.types import Floats

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

    def begin_day(self) -> None:
        """Today becomes yesterday."""
        for array in (self.values, self.left, self.seen, self.floor):
            array[1:] = array[:-1].copy()
        self.values[0] = self.left[0] = np.nan
        self.seen[0] = self.spent = 0
        self.floor[0] = -np.inf

    def note(self, value: float, left: float) -> None:
        """One more candidate; where there is no room, the lowest goes."""
        place = int(self.seen[0])
        self.seen[0] += 1
        if place >= SAMPLE:
            place = int(np.argmin(self.values[0]))
            lower = min(value, float(self.values[0, place]))
            self.floor[0] = max(self.floor[0], lower)
            if lower == value:
                return
        self.values[0, place], self.left[0, place] = value, left

    def most(self, budget: int, left: float) -> float:
        """What may be spent by now: a first day must not be over in its first minute."""
        if (self.seen[1:] >= 0).any():
            return DOUBLE * budget
        return budget * (0.25 + DOUBLE * float(np.clip(1.0 - left / REGULAR_MINUTES, 0.0, 1.0)))

    def settle(self, budget: int) -> None:
        """Set the threshold if it is due, as it would have been then: nothing has come since."""
        if self.due == self.due:
            self._steer(budget, self.due)
            self.due = np.nan

    def _steer(self, budget: int, left: float) -> None:
        """Set the threshold for the rest of the day, of which `left` minutes of the regular session remain."""
        values, weights = self._to_come(left)
        order = np.argsort(-values, kind="stable")
        values, reached = values[order], np.cumsum(weights[order])
        wanted = float(budget - self.spent)
        if wanted <= 0.0:
            self.threshold, self.share = float(np.nanmax(self.values, initial=-np.inf)), 0.0
        elif not len(values) or reached[-1] <= wanted:
            self.threshold, self.share = -np.inf, 1.0
        else:
            self.threshold = float(values[np.searchsorted(reached, wanted)])
            above = float(reached[values > self.threshold].max(initial=0.0))
            upto = float(reached[values >= self.threshold].max())
            self.share = (wanted - above) / (upto - above)

    def _to_come(self, left: float) -> tuple[Floats, Floats]:
        """Values of candidates that the rest of the day is like, and how many each of them stands for."""
        past = np.flatnonzero(self.seen[1:] >= 0) + 1
        if not len(past):
            gone = max(REGULAR_MINUTES - left, 5.0)
            return self._of(0, np.inf, max(left, 0.0) / gone)
        before = sum(self._of(day, np.inf, 1.0)[1].sum() - self._of(day, left, 1.0)[1].sum() for day in past.tolist())
        busy = float(np.clip((self.seen[0] + FEW) / (before / len(past) + FEW), 1.0 / BUSIEST, BUSIEST))
        parts = [self._of(day, left, busy / len(past)) for day in past.tolist()]
        return np.concatenate([values for values, _ in parts]), np.concatenate([weights for _, weights in parts])

    def _of(self, day: int, left: float, weight: float) -> tuple[Floats, Floats]:
        """A day's candidates after a moment, each of a weight; the rest are all like the best of them."""
        kept = min(int(self.seen[day]), SAMPLE)
        chosen = self.left[day, :kept] < left
        gone = (int(self.seen[day]) - kept) * (chosen.mean() if kept else 0.0)
        values = np.append(self.values[day, :kept][chosen], self.floor[day])
        return values, np.append(np.full(int(chosen.sum()), weight), gone * weight)

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
        self.spent = int(spent)


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

    def admit(self, rule: int, value: float, chance: float, day: int, left: float, *, late: bool = False) -> bool:
        """Whether a candidate is told; it is spent then.

        Args:
            rule: its number; one without a budget passes everything.
            value: what candidates are ordered by, NaN where not known: the lowest of all.
            chance: 0 to 1, decides among equals at the threshold.
            day: the trading day; candidates come in order of days.
            left: minutes to the close of the regular session, negative after it.
            late: it neither spends nor steers.
        """
        if rule not in self._ledgers:
            return True
        self._reach(day)
        self._settle(rule)
        ledger, value = self._ledgers[rule], value if value == value else -np.inf  # noqa: PLR0124 - NaN
        passes = value > ledger.threshold or (value == ledger.threshold and chance < ledger.share)
        if late:
            return passes
        ledger.note(value, left)
        if not passes or ledger.spent >= ledger.most(self._budgets[rule], left):
            return False
        ledger.spent += 1
        return True

    def known(self, rule: int, value: float, day: int, left: float) -> None:
        """A candidate passed before what is known here: it was spent."""
        if rule in self._ledgers:
            self._reach(day)
            self._settle(rule)
            self._ledgers[rule].note(value if value == value else -np.inf, left)  # noqa: PLR0124 - NaN
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

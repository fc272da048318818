"""Episodes: from conditions that hold to alerts that are worth sending.

An episode of a rule and a symbol begins when the condition becomes true and ends when it is no longer true.
It gives one alert, at its beginning; none if the last alert of that rule and symbol lies within the rule's
cooldown. Such an episode stays silent to its end, also when the cooldown passes meanwhile: an alert says that
something *became* true at its bar, and that moment has passed. All times are starts of bars, so replay
decides as live did.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np

from daemon.engine.errors import StateError
from indicators.jit import kernel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from daemon.engine.rules import Rule
    from streams.types import Flags, Longs

NEVER_MS = -(2**62)
"""Time of what has not happened."""

_FILLS = {"active": False, "start_ms": NEVER_MS, "last_alert_ms": NEVER_MS}


def alert_id(rule: str, version: str, symbol: bytes, start_ms: int) -> str:
    """32 hex digits that depend on nothing else: neither restart nor replay nor repair makes another one."""
    parts = (rule.encode(), version.encode(), symbol, str(start_ms).encode())
    return sha256(b"\n".join(parts)).hexdigest()[:32]


class Episodes:
    """Which conditions hold, since when, and when each was last told.

    Args:
        rules: in the order of the plan.
        capacity: rows.

    Attributes:
        active: ``bool[rules, capacity]``, the condition held when last looked at.
        start_ms: ``int64[rules, capacity]``, start of the bar at which the newest episode began.
        last_alert_ms: ``int64[rules, capacity]``, the same of the newest episode that gave an alert.
    """

    def __init__(self, rules: Sequence[Rule], capacity: int) -> None:
        self._keys = [f"{rule.name}@{rule.version}" for rule in rules]
        self._every = np.ones(len(rules), np.bool_)
        self._cooldown_ms = np.array([max(rule.cooldown_ms, 1) for rule in rules], np.int64)
        self.active: Flags = np.zeros((len(rules), capacity), np.bool_)
        self.start_ms: Longs = np.full((len(rules), capacity), NEVER_MS)
        self.last_alert_ms: Longs = np.full((len(rules), capacity), NEVER_MS)

    def step(
        self, conditions: Flags, rows: Longs, start_ms: Longs | int, judged: Flags | None = None
    ) -> tuple[Longs, Longs]:
        """Take what holds now; tell what is to be alerted.

        Args:
            conditions: ``bool[rules, n]``.
            rows: ``int64[n]``, no row twice.
            start_ms: ``int64[n]`` or one for all: starts of the bars.
            judged: ``bool[rules]``, which rules were asked; the others stay as they are. All if left out. Where a
                bar is asked about more than once, as it forms, it gives one alert of a rule at most, however often
                the condition comes and goes, and the episode counts from its start.

        Returns:
            Indices of rules and positions in `rows` of new alerts, ordered by position, then by rule. Cost:
            O(rules times n), one to two nanoseconds each, and some 20 us.
        """
        if len(rows) and not 0 <= rows.min() <= rows.max() < self.active.shape[1]:
            raise IndexError(f"rows {rows.min()} to {rows.max()} in room for {self.active.shape[1]}; reserve first")
        judged = self._every if judged is None else judged
        entered = np.zeros(conditions.shape, np.bool_)
        _enter(np.ascontiguousarray(conditions), rows, judged, self.active, entered)
        found = np.flatnonzero(entered)
        if not len(found):
            return found, found
        rules, positions = np.divmod(found, len(rows))
        order = np.lexsort((rules, positions))
        rules, positions = rules[order], positions[order]
        return self._tell(rules, positions, rows[positions], np.broadcast_to(start_ms, rows.shape))

    def _tell(self, rules: Longs, positions: Longs, rows: Longs, start_ms: Longs) -> tuple[Longs, Longs]:
        """New episodes begin; those outside of the cooldown are told."""
        begins_ms = start_ms[positions]
        self.start_ms[rules, rows] = begins_ms
        told = begins_ms - self.last_alert_ms[rules, rows] >= self._cooldown_ms[rules]
        self.last_alert_ms[rules[told], rows[told]] = begins_ms[told]
        return rules[told], positions[told]

    def remember(self, key: str, row: int, start_ms: int) -> bool:
        """Take in that an alert was given; its episode is taken to go on until a bar says otherwise.

        Args:
            key: ``NAME@VERSION`` of its rule.
            row: of its symbol.
            start_ms: start of its bar.

        Returns:
            False, and nothing changed, if that is known here or there is no such rule now.
        """
        if key not in self._keys or self.last_alert_ms[rule := self._keys.index(key), row] >= start_ms:
            return False
        self.active[rule, row] = True
        self.start_ms[rule, row] = self.last_alert_ms[rule, row] = start_ms
        return True

    def reserve(self, capacity: int) -> None:
        """Make room for `capacity` rows; the arrays are new ones."""
        more = ((0, 0), (0, capacity - self.active.shape[1]))
        if more[1][1] > 0:
            for name, fill in _FILLS.items():
                setattr(self, name, np.pad(getattr(self, name), more, constant_values=fill))

    def zero(self, rows: Longs | int) -> None:
        """Forget rows."""
        for name, fill in _FILLS.items():
            getattr(self, name)[:, rows] = fill

    def to_arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """For every rule ``NAME@VERSION/active`` and so on: ``[capacity]``, views, good until the next step."""
        return {f"{key}/{name}": getattr(self, name)[rule] for rule, key in enumerate(self._keys) for name in _FILLS}

    def load_arrays(self, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Go on where `to_arrays` left off; rules that are new or have changed begin without episodes.

        Raises:
            StateError: the arrays do not fit together; nothing was changed.
        """
        sizes = {array.shape for array in arrays.values()}
        held = [rule for rule, key in enumerate(self._keys) if f"{key}/active" in arrays]
        complete = all(f"{self._keys[rule]}/{name}" in arrays for rule in held for name in _FILLS)
        if len(sizes) > 1 or not complete or any(len(size) != 1 for size in sizes):
            raise StateError("saved episodes do not fit together")
        for (size,) in sizes:
            self.reserve(size)
            for name, fill in _FILLS.items():
                getattr(self, name)[:] = fill
                for rule in held:
                    getattr(self, name)[rule, :size] = arrays[f"{self._keys[rule]}/{name}"]


@kernel
def _enter(conditions: Flags, rows: Longs, judged: Flags, active: Flags, entered: Flags) -> None:
    """Remembers what holds, and marks what did not hold before."""
    for rule in range(len(judged)):
        for i in range(len(rows) if judged[rule] else 0):
            held = conditions[rule, i]
            entered[rule, i] = held > active[rule, rows[i]]
            active[rule, rows[i]] = held

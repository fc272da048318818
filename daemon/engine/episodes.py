"""Episodes: from conditions that hold to candidates for alerts.

An episode of a rule and a symbol begins when the condition has held for the rule's `hold`, and gives one candidate,
then. It ends when the condition no longer holds or, where the rule has an `until`, when that does, and at the latest
with the session; the next one can begin when the condition has been false. A candidate within the rule's cooldown is
silent, and so is its episode to its end, also when the cooldown passes meanwhile: an alert says that something *became*
true at its bar, and that moment has passed. All times are the market's, so replay decides as live did.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np

from daemon.engine.errors import StateError
from indicators.jit import inlined, kernel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from daemon.engine.rules import Rule
    from streams.types import Flags, Longs

    Codes = NDArray[np.int8]

NEVER_MS = -(2**62)
"""Time of what has not happened."""

_FILLS = {"state": 0, "start_ms": NEVER_MS, "since_ms": NEVER_MS, "last_alert_ms": NEVER_MS}

ARMED, HOLDING, ACTIVE, SPENT = range(4)
"""States: the condition is awaited · it holds, not yet for long enough · an episode goes on · one has ended by its
`until`, and the condition still holds."""
STATES = ("armed", "holding", "active", "spent")


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
        state: ``int8[rules, capacity]``, one of `STATES`.
        start_ms: ``int64[rules, capacity]``, start of the bar at which the newest condition came to hold.
        since_ms: ``int64[rules, capacity]``, the moment at which it was seen to.
        last_alert_ms: ``int64[rules, capacity]``, start of the bar of the newest alert.
        cooled: ``int64[rules]``, candidates that fell into a cooldown.
        cooldown_ms, hold_ms: ``int64[rules]``, of the rules.
        lasting: ``bool[rules]``, which rules have an `until`.
    """

    def __init__(self, rules: Sequence[Rule], capacity: int) -> None:
        self._keys = [f"{rule.name}@{rule.version}" for rule in rules]
        self._every = np.ones(len(rules), np.bool_)
        self.cooldown_ms = np.array([max(rule.cooldown_ms, 1) for rule in rules], np.int64)
        self.hold_ms = np.array([rule.hold_ms for rule in rules], np.int64)
        self.lasting = np.array([rule.until is not None for rule in rules], np.bool_)
        self.cooled: Longs = np.zeros(len(rules), np.int64)
        self.state = np.zeros((len(rules), capacity), np.int8)
        self.start_ms: Longs = np.full((len(rules), capacity), NEVER_MS)
        self.since_ms: Longs = np.full((len(rules), capacity), NEVER_MS)
        self.last_alert_ms: Longs = np.full((len(rules), capacity), NEVER_MS)

    def step(
        self,
        conditions: Flags,
        rows: Longs,
        start_ms: int,
        judged: Flags | None = None,
        *,
        ended: Flags | None = None,
        seen_ms: int | None = None,
        anchor_ms: int = NEVER_MS,
    ) -> tuple[Longs, Longs]:
        """Take what holds now; tell the candidates, see `tell`.

        Args:
            conditions: ``bool[rules, n]``.
            rows: ``int64[n]``, no row twice.
            start_ms: start of the bars.
            judged: ``bool[rules]``, which rules were asked; the others stay as they are. All if left out. Where a
                bar is asked about more than once, as it forms, it gives one alert of a rule at most, however often
                the condition comes and goes, and the episode counts from its start.
            ended: ``bool[rules, n]``, whose `until` holds; none if left out.
            seen_ms: market time of this look, by which `hold` counts; the start if left out.
            anchor_ms: where the session began; an `until` is not waited for any longer.

        Returns:
            Indices of rules and positions in `rows` of new candidates outside of their cooldown, ordered by position,
            then by rule. Cost: O(rules times n), some two nanoseconds each, and some 20 us.
        """
        if len(rows) and not 0 <= rows.min() <= rows.max() < self.state.shape[1]:
            raise IndexError(f"rows {rows.min()} to {rows.max()} in room for {self.state.shape[1]}; reserve first")
        judged = self._every if judged is None else judged
        ended = np.zeros(conditions.shape, np.bool_) if ended is None else ended
        seen_ms = start_ms if seen_ms is None else seen_ms
        entered = np.zeros(conditions.shape, np.bool_)
        _look(
            np.ascontiguousarray(conditions),
            np.ascontiguousarray(ended),
            rows,
            judged,
            self.lasting,
            self.hold_ms,
            np.array([start_ms, seen_ms, anchor_ms]),
            self.state,
            self.start_ms,
            self.since_ms,
            entered,
        )
        found = np.flatnonzero(entered)
        if not len(found):
            return found, found
        rules, positions = np.divmod(found, len(rows))
        order = np.lexsort((rules, positions))
        rules, positions = rules[order], positions[order]
        warm = start_ms - self.last_alert_ms[rules, rows[positions]] >= self.cooldown_ms[rules]
        np.add.at(self.cooled, rules[~warm], 1)
        return rules[warm], positions[warm]

    def tell(self, rule: int, row: int, start_ms: int) -> None:
        """The candidate of a bar becomes an alert: the cooldown counts from here."""
        self.last_alert_ms[rule, row] = start_ms

    def cooldown_left_ms(self, rule: int, row: int, start_ms: int) -> int:
        """How long a candidate of a bar would still be silent; 0 if not at all."""
        return max(0, int(self.cooldown_ms[rule] - (start_ms - self.last_alert_ms[rule, row])))

    def of(self, rule: int, row: int) -> tuple[int, int, int]:
        """State, start of the bar of the newest episode, and of that of the newest alert."""
        return int(self.state[rule, row]), int(self.start_ms[rule, row]), int(self.last_alert_ms[rule, row])

    def is_new(self, rule: int, row: int, start_ms: int) -> bool:
        """Whether an alert of that bar is not known here."""
        return bool(self.last_alert_ms[rule, row] < start_ms)

    def remember(self, rule: int, row: int, start_ms: int) -> None:
        """Take in that an alert was given at a bar; its episode is taken to go on until a bar says otherwise."""
        if self.is_new(rule, row, start_ms):
            self.state[rule, row] = ACTIVE
            self.start_ms[rule, row] = self.since_ms[rule, row] = self.last_alert_ms[rule, row] = start_ms

    def number(self, key: str) -> int:
        """Of the rule ``NAME@VERSION``, -1 if there is none."""
        return self._keys.index(key) if key in self._keys else -1

    def reserve(self, capacity: int) -> None:
        """Make room for `capacity` rows; the arrays are new ones."""
        more = ((0, 0), (0, capacity - self.state.shape[1]))
        if more[1][1] > 0:
            for name, fill in _FILLS.items():
                setattr(self, name, np.pad(getattr(self, name), more, constant_values=fill))

    def zero(self, rows: Longs | int) -> None:
        """Forget rows."""
        for name, fill in _FILLS.items():
            getattr(self, name)[:, rows] = fill

    def to_arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """For every rule ``NAME@VERSION/state`` and so on: ``[capacity]``, views, good until the next step."""
        return {f"{key}/{name}": getattr(self, name)[rule] for rule, key in enumerate(self._keys) for name in _FILLS}

    def load_arrays(self, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Go on where `to_arrays` left off; rules that are new or have changed begin without episodes.

        Raises:
            StateError: the arrays do not fit together; nothing was changed.
        """
        sizes = {array.shape for array in arrays.values()}
        held = [rule for rule, key in enumerate(self._keys) if f"{key}/state" in arrays]
        complete = all(f"{self._keys[rule]}/{name}" in arrays for rule in held for name in _FILLS)
        if len(sizes) > 1 or not complete or any(len(size) != 1 for size in sizes):
            raise StateError("saved episodes do not fit together")
        for (size,) in sizes:
            self.reserve(size)
            for name, fill in _FILLS.items():
                getattr(self, name)[:] = fill
                for rule in held:
                    getattr(self, name)[rule, :size] = arrays[f"{self._keys[rule]}/{name}"]


@inlined
def moved(
    was: int,
    begun_ms: int,
    since_ms: int,
    held: bool,
    ended: bool,
    lasting: bool,
    hold_ms: int,
    bar_ms: int,
    seen_ms: int,
    anchor_ms: int,
) -> tuple[int, int, int, bool]:
    """State, start and moment of an episode after a look, and whether it became active."""
    entered = False
    if was == ACTIVE and lasting:
        if begun_ms < anchor_ms:
            was = ARMED
        elif ended:
            was = SPENT
    elif was == ACTIVE and not held:
        was = ARMED
    if was == SPENT and not held:
        was = ARMED
    if was == ARMED and held:
        was = HOLDING
        begun_ms, since_ms = bar_ms, seen_ms
    if was == HOLDING:
        if not held:
            was = ARMED
        elif seen_ms - since_ms >= hold_ms:
            was = ACTIVE
            entered = True
    return was, begun_ms, since_ms, entered


@kernel
def _look(
    conditions: Flags,
    ended: Flags,
    rows: Longs,
    judged: Flags,
    lasting: Flags,
    hold_ms: Longs,
    times: Longs,
    state: Codes,
    start_ms: Longs,
    since_ms: Longs,
    entered: Flags,
) -> None:
    """Moves every state on by what holds now, and marks what became active."""
    for rule in range(len(judged)):
        for i in range(len(rows) if judged[rule] else 0):
            row = rows[i]
            now, begun_ms, seen_ms, active = moved(
                int(state[rule, row]),
                start_ms[rule, row],
                since_ms[rule, row],
                conditions[rule, i],
                ended[rule, i],
                lasting[rule],
                hold_ms[rule],
                times[0],
                times[1],
                times[2],
            )
            state[rule, row], start_ms[rule, row], since_ms[rule, row] = now, begun_ms, seen_ms
            entered[rule, i] = active

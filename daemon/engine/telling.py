"""Which candidates become alerts: groups, budgets, the limit of a symbol, and what was told before a restart.

What is held back is counted by its reason, and the newest of it can be listed.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from daemon.engine.budgets import Budgets
from daemon.engine.episodes import Episodes, alert_id
from daemon.engine.sectors import UNKNOWN
from daemon.engine.trail import Trail
from streams.bars import MINUTE_MS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from daemon.engine.rules import Rule, RuleSet
    from daemon.engine.sessions import Moment
    from daemon.engine.trail import Place
    from streams.types import Flags, Floats, Longs

LISTED: Final = 1_000
"""Candidates held back that can be listed; the oldest go."""
LISTED_AT_ONCE: Final = 20
"""Of one rule and look, the best."""
REASONS: Final = ("cooldown", "budget", "per_symbol")
_WIDEST: Final = "S128"


class Candidates(NamedTuple):
    """A rule's candidates of one look, one a symbol.

    Attributes:
        rule: its number.
        positions: ``int64[n]``, places among the bars looked at.
        rows: ``int64[n]``, of the symbols.
        symbols: ``S16[n]``.
        sectors: ``int64[n]``, the group of each.
        values: ``float64[n]``, what they are ordered by, NaN where not known.
    """

    rule: int
    positions: Longs
    rows: Longs
    symbols: NDArray[np.bytes_]
    sectors: Longs
    values: Floats

    def take(self, chosen: Flags) -> Candidates:
        """Some of them."""
        return self._replace(
            positions=self.positions[chosen],
            rows=self.rows[chosen],
            symbols=self.symbols[chosen],
            sectors=self.sectors[chosen],
            values=self.values[chosen],
        )


class Told(NamedTuple):
    """An alert to be.

    Attributes:
        id: see `alert_id`.
        rule: its number.
        position: of its symbol's bar.
        value: what it was ordered by.
        members: positions of others that it tells of.
        repeated: it was told before a restart, and is followed again, not told.
    """

    id: str
    rule: int
    position: int
    value: float
    members: tuple[int, ...] = ()
    repeated: bool = False


class Held(NamedTuple):
    """A candidate that was not told."""

    rule: str
    symbol: str
    bar_start_ms: int
    value: float
    reason: str


class Revised(NamedTuple):
    """An alert whose bar was corrected: whether its condition holds after all."""

    rule: str
    row: int
    bar_start_ms: int
    id: str
    holds: bool


class _Known(NamedTuple):
    """An alert that was given after the state was saved."""

    id: str
    start_ms: int
    value: float


class Telling:
    """Decides over candidates, in the order of bars.

    Args:
        ruleset: of the plan.
        capacity: rows.

    Attributes:
        episodes: of all rules and rows.
        plain: ``bool[rules]``, rules that are looked at once a closed bar, and again when it is corrected: not those
            that go by the model, which is another one by then.
        trail: what these saw of late.
        budgets: of the rules that have one.
        held: the newest candidates that were held back.
        revised: alerts of which it is known otherwise by now; whoever tells them takes them out.
        counts: how many were, by rule and reason; cooldowns are counted by `Episodes.cooled`.
    """

    def __init__(self, ruleset: RuleSet, capacity: int) -> None:
        self._rules: Sequence[Rule] = ruleset.rules
        self._per_symbol = ruleset.per_symbol
        self._keys = [f"{rule.name}@{rule.version}" for rule in self._rules]
        self.episodes, self.budgets = Episodes(self._rules, capacity), Budgets(self._rules)
        plain = [
            rule.evaluate == "close" and not (rule.group or rule.is_across or rule.is_scored) for rule in self._rules
        ]
        self.plain: Flags = np.array(plain, np.bool_)
        self.trail = Trail(self.episodes, plain, capacity)
        self.held: deque[Held] = deque(maxlen=LISTED)
        self.revised: list[Revised] = []
        self.counts: Counter[tuple[str, str]] = Counter()
        self._told: Longs = np.zeros(capacity, np.int64)
        self._day = -1
        self._known: dict[tuple[int, int], list[_Known]] = {}

    def look(
        self,
        conditions: Flags,
        ended: Flags,
        rows: Longs,
        judged: Flags,
        start_ms: int,
        seen_ms: int,
        at: Moment,
        *,
        closed: bool = False,
    ) -> tuple[Longs, Longs]:
        """The candidates, see `Episodes.step`; `closed` says that bars have closed, which may be corrected later."""
        if self._known:
            self._settle(rows, start_ms, at)
        if closed:
            self.trail.push(conditions, ended, rows, start_ms, at.anchor)
        return self.episodes.step(conditions, rows, start_ms, judged, ended=ended, seen_ms=seen_ms, anchor_ms=at.anchor)

    def choose(self, found: Candidates, start_ms: int, at: Moment, *, late: bool) -> list[Told]:
        """Those of a rule's candidates that are told, the best first. Cost: vectors, and some µs for each that is."""
        self._begin(at.day)
        groups = self._groups(found)
        leaders = np.array(list(groups))
        if self._per_symbol:
            free = self._told[found.rows[leaders]] < self._per_symbol
            self._hold_back(found, leaders[~free], start_ms, "per_symbol")
            leaders = leaders[free]
        passes = self.budgets.admit(
            found.rule,
            found.values[leaders],
            lambda places: np.array([_chance(self._identity(found, leader)) for leader in leaders[places].tolist()]),
            at.day,
            _left(at, start_ms),
            late=late,
        )
        self._hold_back(found, leaders[~passes], start_ms, "budget")
        return [self._told_of(found, leader, groups[leader], start_ms) for leader in leaders[passes].tolist()]

    def recall(self, found: Candidates, start_ms: int, known: dict[str, Place]) -> Flags:
        """Which candidates of a bar that is looked at again were told before, ``bool[n]``; they leave `known`."""
        told = np.zeros(len(found.rows), np.bool_)
        for place, row in enumerate(found.rows.tolist()):
            identity = self._identity(found, place)
            if identity in self.trail.withdrawn:
                known[identity] = self.trail.withdrawn.pop(identity)
                self.revised.append(Revised(self._rules[found.rule].name, row, start_ms, identity, holds=True))
            if known.pop(identity, None):
                told[place] = True
                self.episodes.tell(found.rule, row, start_ms)
                self.trail.tell(found.rule, row, start_ms, identity)
        return told

    def withdraw(self, known: Mapping[str, Place]) -> None:
        """These were told, and it turned out that their conditions do not hold."""
        self.trail.withdraw(known)
        for identity, (rule, row, start_ms) in known.items():
            self.revised.append(Revised(self._rules[rule].name, row, start_ms, identity, holds=False))

    def _told_of(self, found: Candidates, leader: int, members: Sequence[int], start_ms: int) -> Told:
        """An alert, its episodes noted as told."""
        identity, places = self._identity(found, leader), (leader, *members)
        for row in found.rows[list(places)].tolist():
            self.episodes.tell(found.rule, row, start_ms)
            self.trail.tell(found.rule, row, start_ms, identity)
        self._told[found.rows[leader]] += 1
        repeated = self._is_known(found, places, start_ms, identity)
        others = tuple(int(found.positions[place]) for place in members)
        return Told(identity, found.rule, int(found.positions[leader]), float(found.values[leader]), others, repeated)

    def _hold_back(self, found: Candidates, places: Longs, start_ms: int, reason: str) -> None:
        name = self._rules[found.rule].name
        self.counts[name, reason] += len(places)
        self.held.extend(
            Held(name, found.symbols[place].decode(), start_ms, float(found.values[place]), reason)
            for place in places[:LISTED_AT_ONCE].tolist()
        )

    def steer(self, minute_ms: int, at: Moment) -> None:
        """The market's minute has closed."""
        self.trail.forget(minute_ms)
        self.budgets.steer(at.day, _left(at, minute_ms) - 1.0)

    def remember(self, key: str, row: int, identity: str, start_ms: int, value: float | None) -> bool:
        """An alert was given after the state was saved: it is not given twice, and its cooldown and budget count.

        Where its bar comes again, all goes as it went; where a later one comes first, its episode is taken to go on
        until a bar says otherwise.

        Args:
            key: ``NAME@VERSION`` of its rule.
            row: of its symbol.
            identity: the alert's id; empty for a member of another one's.
            start_ms: start of its bar.
            value: what it was ordered by.

        Returns:
            False, and nothing changed, if that is known here or there is no such rule now.
        """
        rule = self.episodes.number(key)
        if rule < 0 or not self.episodes.is_new(rule, row, start_ms):
            return False
        known = self._known.setdefault((rule, row), [])
        if any(one.start_ms == start_ms for one in known):
            return False
        known.append(_Known(identity, start_ms, np.nan if value is None else value))
        return True

    def held_back(self, rule: int) -> dict[str, int]:
        """Candidates of a rule that were not told since the start, by reason; those that were none are left out."""
        name = self._rules[rule].name
        counts = {"cooldown": int(self.episodes.cooled[rule])}
        counts |= {reason: self.counts[name, reason] for reason in REASONS[1:]}
        return {reason: count for reason, count in counts.items() if count}

    def standing(self, rule: int) -> dict[str, float | None]:
        """How a rule stands today: its budget, and what was held back since the start."""
        held = {f"held_{reason}": float(count) for reason, count in self.held_back(rule).items()}
        return {**self.budgets.standing(rule), **held}

    def reserve(self, capacity: int) -> None:
        """Make room for `capacity` rows."""
        self.episodes.reserve(capacity)
        self.trail.reserve(capacity)
        self._told = np.pad(self._told, (0, max(0, capacity - len(self._told))))

    def zero(self, rows: Longs) -> None:
        """Forget rows."""
        self.episodes.zero(rows)
        self.trail.zero(rows)
        self._told[rows] = 0
        gone = set(np.atleast_1d(rows).tolist())
        self._known = {key: known for key, known in self._known.items() if key[1] not in gone}

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Episodes under their own names, ``budgets/...``, the day's alerts of each row, and what is remembered."""
        known = [(rule, row, one) for (rule, row), some in self._known.items() for one in some]
        keys = [self._keys[rule] for rule, _, _ in known]
        return {
            **{f"episodes/{name}": array for name, array in self.episodes.to_arrays().items()},
            **{f"trail/{name}": array for name, array in self.trail.to_arrays(self._keys).items()},
            **{f"budgets/{name}": array for name, array in self.budgets.to_arrays().items()},
            "told": self._told,
            "day": np.array([self._day], np.int64),
            "known/keys": np.array([key.encode() for key in keys], _WIDEST),
            "known/ids": np.array([one.id.encode() for _, _, one in known], "S32"),
            "known/places": np.array([[row, one.start_ms] for _, row, one in known], np.int64).reshape(-1, 2),
            "known/values": np.array([one.value for _, _, one in known], np.float64),
        }

    def load_arrays(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on where `to_arrays` left off; rules that are new or have changed begin without episodes.

        Raises:
            StateError: the arrays do not fit together.
        """
        self.episodes.load_arrays(_below("episodes/", arrays))
        self.budgets.load_arrays(_below("budgets/", arrays))
        self.trail.load_arrays(_below("trail/", arrays), self._keys)
        self._told = np.zeros(self.episodes.state.shape[1], np.int64)
        self._told[: len(arrays["told"])] = arrays["told"]
        self._day = int(arrays["day"][0])
        known = zip(
            arrays["known/keys"].tolist(),
            arrays["known/ids"].tolist(),
            arrays["known/places"].tolist(),
            arrays["known/values"].tolist(),
            strict=True,
        )
        for key, identity, (row, start_ms), value in known:
            self.remember(key.decode(), row, identity.decode(), start_ms, value)

    def _groups(self, found: Candidates) -> dict[int, tuple[int, ...]]:
        """Members by their leader, places in `found`, the best leader first; equals by symbol."""
        values = np.where(np.isnan(found.values), -np.inf, found.values)
        order = np.lexsort((found.symbols, -values)).tolist()
        if not self._rules[found.rule].group:
            return dict.fromkeys(order, ())
        grouped: dict[int, list[int]] = {}
        for place in order:
            sector = int(found.sectors[place])
            grouped.setdefault(sector if sector != UNKNOWN else -1 - place, []).append(place)
        return {places[0]: tuple(places[1:]) for places in grouped.values()}

    def _identity(self, found: Candidates, place: int) -> str:
        rule = self._rules[found.rule]
        begun_ms = int(self.episodes.start_ms[found.rule, found.rows[place]])
        return alert_id(rule.name, rule.version, bytes(found.symbols[place]), begun_ms)

    def _begin(self, day: int) -> None:
        if day > self._day:
            self._told[:] = 0
            self._day = day

    def _settle(self, rows: Longs, start_ms: int, at: Moment) -> None:
        """Alerts whose bars do not come again are taken for granted."""
        here = set(rows.tolist())
        for rule, row in [key for key in self._known if key[1] in here]:
            known = self._known.pop((rule, row))
            later = [one for one in known if one.start_ms >= start_ms]
            if later:
                self._known[rule, row] = later
            for one in known[: len(known) - len(later)]:
                self._take_for_granted(rule, row, one, at)

    def _take_for_granted(self, rule: int, row: int, known: _Known, at: Moment) -> None:
        self.episodes.remember(rule, row, known.start_ms)
        self._begin(at.day)
        if known.id:
            self._told[row] += 1
            self.budgets.known(rule, known.value, at.day, _left(at, known.start_ms))

    def _is_known(self, found: Candidates, places: Iterable[int], start_ms: int, identity: str) -> bool:
        """Whether an alert was given before; it need not be remembered any longer."""
        is_known = False
        for row in (int(found.rows[place]) for place in places) if self._known else ():
            some = self._known.pop((found.rule, row), [])
            is_known |= any(one.id == identity for one in some)
            if later := [one for one in some if one.start_ms > start_ms]:
                self._known[found.rule, row] = later
        return is_known


def _chance(identity: str) -> float:
    """From 0 to 1, the same wherever the alert is decided about."""
    return int(identity[:8], 16) / 2**32


def _left(at: Moment, start_ms: int) -> float:
    """Minutes to the regular close of the day; negative after it, 0 where closed."""
    return (at.close_ms - start_ms) / MINUTE_MS if at.day >= 0 else 0.0


def _below(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}

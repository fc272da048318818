"""How far what is known of a symbol can be trusted: whether all that a rule names has had its bars, and all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from daemon.engine.vocabulary import COVERAGES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from indicators import Frame
    from streams.types import Flags, Longs

    Need = tuple[int, str]
    Needs = Mapping[Need, int]
    Codes = NDArray[np.int8]

COVERED, WARMING, LATE, GAP, HALTED = range(len(COVERAGES))
"""Codes of the states, places among `COVERAGES`."""

QUIET: Final = len(COVERAGES)
"""No bar in the newest closed minute: of symbols, not of bars."""

STATES: Final = (*COVERAGES, "quiet")

TRUSTED: Final = (COVERED, LATE)
"""What a rule is looked at in where it says nothing of coverage."""

_BEGAN = "began/"
_HOLE = "hole/"


class Coverage:
    """Counts the bars that every indicator has seen, for some may have begun later than their symbol, or lack some.

    Args:
        frames: by minutes of their timeframe.

    Attributes:
        halted: ``bool[capacity]``, whether trading is, as far as the feed tells; known anew after a restart.
        stood_in: ``bool[capacity]``, whether the newest bar was made of seconds, for the vendor's had not come.
    """

    def __init__(self, frames: Mapping[int, Frame]) -> None:
        self._frames = frames
        self._began: dict[Need, Longs] = {}
        self._holes: dict[int, Longs] = {minutes: np.zeros(0, np.int64) for minutes in frames}
        self._any_hole = False
        self.halted = self.stood_in = np.zeros(0, np.bool_)

    def reserve(self, capacity: int) -> None:
        """Make room for at least `capacity` rows."""
        more = max(capacity - len(self.halted), 0)
        self.halted, self.stood_in = np.pad(self.halted, (0, more)), np.pad(self.stood_in, (0, more))
        self._holes = {minutes: np.pad(hole, (0, more)) for minutes, hole in self._holes.items()}

    def begin(self, fresh: Iterable[Need]) -> None:
        """These indicators warm up from the next bar on, whatever their symbols have seen."""
        for need in fresh:
            self._began[need] = self._frames[need[0]].count.copy()

    def hole(self, rows: Longs) -> None:
        """Bars of `rows` are missing for good: what comes is trusted once it has filled all windows anew."""
        self._any_hole |= len(rows) > 0
        for minutes, hole in self._holes.items():
            hole[rows] = self._frames[minutes].count[rows]

    def of(self, needs: Needs, row: int) -> str:
        """State of a row at its newest bar, for what `needs` says, a word of `COVERAGES`."""
        return STATES[int(self.states(needs, np.array([row]))[0])]

    def states(self, needs: Needs, rows: Longs, *, forming: bool = False) -> Codes:
        """The same of many rows, ``int8[n]``; `forming` counts the bar that forms.

        A halt goes before a gap, that before what has not had its bars, and a bar that was stood in for is the least.
        """
        states = np.where(self.stood_in[rows], LATE, COVERED).astype(np.int8)
        states[~self.covered(needs, rows, forming=forming)] = WARMING
        if self._any_hole:
            whole = np.ones(len(rows), np.bool_)
            for (minutes, _), bars in needs.items():
                hole = self._holes[minutes][rows]
                whole &= (hole == 0) | (self._frames[minutes].count[rows] - hole >= bars)
            states[~whole] = GAP
        states[self.halted[rows]] = HALTED
        return states

    def covered(self, needs: Needs, rows: Longs, *, forming: bool = False) -> Flags:
        """Whether each of `needs` has seen its bars at `rows`, ``bool[n]``."""
        covered = np.ones(len(rows), np.bool_)
        for (minutes, key), bars in needs.items():
            seen, began = self._frames[minutes].count[rows], self._began.get((minutes, key))
            seen = seen + 1 if forming and minutes == 1 else seen
            if began is not None:
                inside = rows < len(began)
                seen = seen - np.where(inside, began[np.where(inside, rows, 0)], 0)
            covered &= seen >= bars
        return covered

    def zero(self, rows: Longs) -> None:
        """Forget rows: whatever begins there, it begins with all that is computed."""
        for began in self._began.values():
            began[rows[rows < len(began)]] = 0
        for column in (self.halted, self.stood_in, *self._holes.values()):
            column[rows[rows < len(column)]] = 0

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Bars before the first one seen, of what began late; bars before the newest hole; what was stood in for."""
        began = {f"{_BEGAN}{minutes}/{key}": began for (minutes, key), began in self._began.items()}
        holes = {f"{_HOLE}{minutes}": hole for minutes, hole in self._holes.items()}
        return {**began, **holes, "stood in": self.stood_in}

    def load_arrays(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on where `to_arrays` left off; what is not computed any more is dropped."""
        held = {(minutes, spec.key) for minutes, frame in self._frames.items() for spec in frame.specs}
        stood_in = arrays.get("stood in", self.stood_in)
        self.reserve(len(stood_in))
        self.stood_in[: len(stood_in)] = stood_in
        for name, saved in arrays.items():
            lead, _, rest = name.partition("/")
            if f"{lead}/" == _BEGAN:
                minutes, _, key = rest.partition("/")
                if (int(minutes), key) in held:
                    self._began[int(minutes), key] = saved.astype(np.int64)
            elif f"{lead}/" == _HOLE and int(rest) in self._holes:
                self._holes[int(rest)][: len(saved)] = saved
        self._any_hole = any(hole.any() for hole in self._holes.values())

    def seen(self, need: Need, row: int) -> int:
        """Bars that one of them has seen at `row`."""
        began = self._began.get(need)
        late = 0 if began is None or row >= len(began) else int(began[row])
        return int(self._frames[need[0]].count[row]) - late

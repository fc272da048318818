"""The way back: what rules saw at the newest closed bars, and how episodes stood before them.

A bar may be corrected for 15 minutes. Then every rule is looked at again from that bar on, and episodes have to stand
as they stood before it: this keeps a second state of all episodes, which trails behind by `DEPTH` bars, and what held
at each of those bars. Alerts told at bars that are looked at again are known by their ids, and so are those that were
taken back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from daemon.engine.episodes import ARMED, NEVER_MS, moved
from daemon.engine.errors import StateError
from indicators.frame import CORRECTIONS
from indicators.jit import inlined, kernel
from streams.bars import MINUTE_MS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from daemon.engine.episodes import Episodes
    from streams.types import Flags, Longs

DEPTH: Final = CORRECTIONS + 1
_HELD, _ENDED, _TOLD = 1, 2, 4
_TOLD_FOR_MS: Final = 40 * 60_000
"""Alerts are known for so long of the market; no bar that old can be corrected."""


class Place(NamedTuple):
    """Where an alert stands: its rule, its row, and the start of its bar."""

    rule: int
    row: int
    start_ms: int


class Trail:
    """What was seen of each row's newest bars, and episodes before them.

    Args:
        episodes: the present ones.
        followed: ``bool[rules]``, rules that are looked at once a closed bar; others are left alone.
        capacity: rows.

    Attributes:
        told: where alerts of the newest bars stand, by their ids.
        withdrawn: those that were taken back, likewise.
    """

    def __init__(self, episodes: Episodes, followed: Sequence[bool], capacity: int) -> None:
        self._episodes, self._followed = episodes, np.array(followed, np.bool_)
        rules = len(self._followed)
        self._count, self._first = np.zeros(capacity, np.int64), np.zeros(capacity, np.int64)
        self._starts, self._anchors = (np.full((DEPTH, capacity), NEVER_MS) for _ in range(2))
        self._seen = np.zeros((rules, DEPTH, capacity), np.uint8)
        self._state = np.full((rules, capacity), ARMED, np.int8)
        self._times = np.full((3, rules, capacity), NEVER_MS)  # start, since, last alert
        self.told: dict[str, Place] = {}
        self.withdrawn: dict[str, Place] = {}

    def reserve(self, capacity: int) -> None:
        """Make room for at least `capacity` rows."""
        more = max(capacity - len(self._count), 0)
        if more:
            self._count, self._first = np.pad(self._count, (0, more)), np.pad(self._first, (0, more))
            self._seen, self._state = (_wider(column, more, 0) for column in (self._seen, self._state))
            self._starts, self._anchors, self._times = (
                _wider(column, more, NEVER_MS) for column in (self._starts, self._anchors, self._times)
            )

    def push(self, held: Flags, ended: Flags, rows: Longs, start_ms: int, anchor_ms: int) -> None:
        """A bar of each of `rows` has closed, and this held there, ``bool[rules, n]``; before it is acted upon."""
        self.reserve(int(rows.max(initial=-1)) + 1)
        seen = held.astype(np.uint8) * _HELD + ended.astype(np.uint8) * _ENDED
        own = self._episodes
        _push(
            seen, rows, start_ms, anchor_ms, self._followed, own.lasting, own.hold_ms,
            self._count, self._first, self._starts, self._anchors, self._seen, self._state, self._times,
        )  # fmt: skip

    def tell(self, rule: int, row: int, start_ms: int, identity: str) -> None:
        """An alert of that bar was told."""
        if self._followed[rule]:
            self._seen[rule, self._starts[:, row] == start_ms, row] |= _TOLD
            self.told[identity] = Place(rule, row, start_ms)

    def withdraw(self, known: Mapping[str, Place]) -> None:
        """Alerts whose conditions turned out not to hold."""
        self.withdrawn |= known

    def forget(self, now_ms: int) -> None:
        """Drop alerts of bars that are too old to be corrected."""
        self.told = {one: place for one, place in self.told.items() if place.start_ms > now_ms - _TOLD_FOR_MS}
        self.withdrawn = {one: place for one, place in self.withdrawn.items() if place.start_ms > now_ms - _TOLD_FOR_MS}

    def rewind(self, rows: Longs, bars: Longs) -> dict[str, Place]:
        """The newest bars of each row, ``int64[n]`` how many, are looked at again: episodes stand as before them.

        Returns:
            Alerts that were told at bars that are taken off, by their ids.
        """
        self.reserve(int(rows.max(initial=-1)) + 1)
        own = self._episodes
        _rewind(
            rows, bars, self._followed, own.lasting, own.hold_ms, self._count, self._first,
            self._starts, self._anchors, self._seen, self._state, self._times,
            own.state, own.start_ms, own.since_ms, own.last_alert_ms,
        )  # fmt: skip
        return self._known(rows)

    def zero(self, rows: Longs) -> None:
        """Forget rows."""
        rows = np.atleast_1d(rows)
        rows = rows[rows < len(self._count)]
        self._count[rows] = self._first[rows] = 0
        self._seen[..., rows] = self._state[..., rows] = 0
        for column in (self._starts, self._anchors, self._times):
            column[..., rows] = NEVER_MS
        gone = set(rows.tolist())
        self.told = {one: place for one, place in self.told.items() if place.row not in gone}
        self.withdrawn = {one: place for one, place in self.withdrawn.items() if place.row not in gone}

    def to_arrays(self, keys: Sequence[str]) -> dict[str, NDArray[Any]]:
        """The whole state; what belongs to a rule under its key."""
        told = [
            (one, place, holds) for holds, some in enumerate((self.withdrawn, self.told)) for one, place in some.items()
        ]
        own = {"count": self._count, "first": self._first, "starts": self._starts, "anchors": self._anchors}
        for rule, key in enumerate(keys):
            of = {"seen": self._seen[rule], "state": self._state[rule], "times": self._times[:, rule]}
            own |= {f"{key}/{name}": array for name, array in of.items()}
        return {
            **own,
            "told ids": np.array([one.encode() for one, *_ in told], "S32"),
            "told keys": np.array([keys[place.rule].encode() for _, place, _ in told], "S128"),
            "told places": np.array([[*place[1:], holds] for _, place, holds in told], np.int64).reshape(-1, 3),
        }

    def load_arrays(self, arrays: Mapping[str, NDArray[Any]], keys: Sequence[str]) -> None:
        """Go on where `to_arrays` left off; of an older state there are no arrays, and rules that are new begin here.

        Raises:
            StateError: they do not fit together.
        """
        if not arrays:
            return
        count, first, size = arrays["count"], arrays["first"], len(arrays["count"])
        shapes = {arrays[name].shape for name in ("starts", "anchors")}
        kept = count - first if count.shape == first.shape == (size,) else np.full(1, -1)
        if shapes != {(DEPTH, size)} or not ((first >= 0) & (kept >= 0) & (kept <= DEPTH)).all():
            raise StateError("what rules saw of the newest bars does not fit together")
        self.reserve(size)
        self._first[:size] = first
        self._count[:size], self._starts[:, :size], self._anchors[:, :size] = (
            count, arrays["starts"], arrays["anchors"],
        )  # fmt: skip
        for rule, key in enumerate(keys):
            if f"{key}/seen" in arrays:
                self._seen[rule, :, :size], self._state[rule, :size] = arrays[f"{key}/seen"], arrays[f"{key}/state"]
                self._times[:, rule, :size] = arrays[f"{key}/times"]
        told = (arrays[name].tolist() for name in ("told ids", "told keys", "told places"))
        numbers = {key.encode(): rule for rule, key in enumerate(keys)}
        for one, key, (row, start_ms, holds) in zip(*told, strict=True):
            if key in numbers:
                (self.told if holds else self.withdrawn)[one.decode()] = Place(numbers[key], row, start_ms)

    def _known(self, rows: Longs) -> dict[str, Place]:
        """Alerts of bars that are taken off: later than the newest one left."""
        newest = self._starts[(self._count[rows] - 1) % DEPTH, rows]
        left = dict(zip(rows.tolist(), np.where(self._count[rows] > 0, newest, NEVER_MS).tolist(), strict=True))
        found = {one: at for one, at in self.told.items() if at.row in left and at.start_ms > left[at.row]}
        for one in found:
            del self.told[one]
        return found


def _wider(column: NDArray[Any], more: int, fill: int) -> NDArray[Any]:
    return np.pad(column, [(0, 0)] * (column.ndim - 1) + [(0, more)], constant_values=fill)


@inlined
def _walk(
    row: int,
    bar: int,
    rule: int,
    lasting: Flags,
    hold_ms: Longs,
    starts: Longs,
    anchors: Longs,
    seen: NDArray[np.uint8],
    state: int,
    begun_ms: int,
    since_ms: int,
) -> tuple[int, int, int]:
    """An episode after one of the bars that are kept."""
    slot = bar % DEPTH
    bits = seen[rule, slot, row]
    start_ms = starts[slot, row]
    state, begun_ms, since_ms, _ = moved(
        state,
        begun_ms,
        since_ms,
        bits & _HELD != 0,
        bits & _ENDED != 0,
        lasting[rule],
        hold_ms[rule],
        start_ms,
        start_ms + MINUTE_MS,
        anchors[slot, row],
    )
    return state, begun_ms, since_ms


@kernel
def _push(
    now: NDArray[np.uint8],
    rows: Longs,
    start_ms: int,
    anchor_ms: int,
    followed: Flags,
    lasting: Flags,
    hold_ms: Longs,
    count: Longs,
    first: Longs,
    starts: Longs,
    anchors: Longs,
    seen: NDArray[np.uint8],
    state: NDArray[np.int8],
    times: Longs,
) -> None:
    for i in range(len(rows)):
        row = rows[i]
        if count[row] - first[row] == DEPTH:
            oldest = first[row] % DEPTH
            for rule in range(len(followed)):
                if followed[rule]:
                    moved_on = _walk(
                        row, first[row], rule, lasting, hold_ms, starts, anchors, seen,
                        int(state[rule, row]), times[0, rule, row], times[1, rule, row],
                    )  # fmt: skip
                    state[rule, row], times[0, rule, row], times[1, rule, row] = moved_on
                    if seen[rule, oldest, row] & _TOLD:
                        times[2, rule, row] = starts[oldest, row]
            first[row] += 1
        slot = count[row] % DEPTH
        starts[slot, row], anchors[slot, row] = start_ms, anchor_ms
        for rule in range(len(followed)):
            seen[rule, slot, row] = now[rule, i]
        count[row] += 1


@kernel
def _rewind(
    rows: Longs,
    bars: Longs,
    followed: Flags,
    lasting: Flags,
    hold_ms: Longs,
    count: Longs,
    first: Longs,
    starts: Longs,
    anchors: Longs,
    seen: NDArray[np.uint8],
    state: NDArray[np.int8],
    times: Longs,
    now_state: NDArray[np.int8],
    now_start_ms: Longs,
    now_since_ms: Longs,
    now_last_ms: Longs,
) -> None:
    for i in range(len(rows)):
        row = rows[i]
        count[row] = max(count[row] - bars[i], first[row])
        for rule in range(len(followed)):
            if not followed[rule]:
                continue
            one, begun_ms, since_ms = int(state[rule, row]), times[0, rule, row], times[1, rule, row]
            last_ms = times[2, rule, row]
            for bar in range(first[row], count[row]):
                one, begun_ms, since_ms = _walk(
                    row, bar, rule, lasting, hold_ms, starts, anchors, seen, one, begun_ms, since_ms
                )
                if seen[rule, bar % DEPTH, row] & _TOLD:
                    last_ms = starts[bar % DEPTH, row]
            now_state[rule, row], now_start_ms[rule, row] = one, begun_ms
            now_since_ms[rule, row], now_last_ms[rule, row] = since_ms, last_ms

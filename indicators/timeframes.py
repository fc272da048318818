"""Longer bars out of minutes: 5m, 15m, 1h and any other multiple, each with indicators of its own.

The bar that a timeframe builds is kept like an indicator of the minutes: peeked at, taken back and saved with them.
Bars begin at multiples of their length from the start of their session. There is none where no minute was.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from indicators.errors import ArgumentError
from indicators.frame import CORRECTIONS, Frame
from indicators.jit import each_row
from indicators.revision import merged
from indicators.ring import (
    CLOSE,
    HIGH,
    LOW,
    MARKET,
    OPEN,
    PREVIOUS_CLOSE,
    SESSION,
    START_MS,
    VOLUME,
    VWAP,
    Closed,
    price,
)
from indicators.spec import Indicator, Parameter, Spec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from indicators.jit import Step
    from indicators.types import Flags, Floats, Longs

MINUTE_MS = 60_000
LONGEST_MINUTES = 390
_ANY = -(2**62)  # where the session is not known

_AT, _IN, _BEFORE, _LEVEL, _MONEY, _WIDTH = 6, 7, 8, 9, 10, 11


def parse(text: str) -> int:
    """Minutes of a timeframe written as ``5m`` or ``1h``.

    Raises:
        ArgumentError: it is written otherwise, or longer than a regular session.
    """
    found = re.fullmatch(r"([1-9]\d{0,3})([mh])", text)
    minutes = int(found[1]) * (60 if found[2] == "h" else 1) if found else 0
    if not 1 <= minutes <= LONGEST_MINUTES:
        raise ArgumentError("timeframe", None, f'"{text}" must be minutes or hours up to 390m, such as 5m or 1h')
    return minutes


@each_row
def _building(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """The bar so far: what a bar brings, and where and when it began."""
    length = int(now.params[0]) * MINUTE_MS
    session, minute = now.time[SESSION, i], now.time[START_MS, i]
    at = float(session + (minute - session) // length * length)
    volume, value = now.bars[VOLUME, i], price(now.bars, VWAP, i)
    goes_on = state[row, _AT] == at and state[row, _IN] == float(session)
    shares = (state[row, VOLUME] if goes_on else 0.0) + volume
    money = (state[row, _MONEY] if goes_on else 0.0) + value * volume
    out[OPEN, row] = state[row, OPEN] if goes_on else now.bars[OPEN, i]
    out[HIGH, row] = max(state[row, HIGH], now.bars[HIGH, i]) if goes_on else now.bars[HIGH, i]
    out[LOW, row] = min(state[row, LOW], now.bars[LOW, i]) if goes_on else now.bars[LOW, i]
    out[CLOSE, row] = now.bars[CLOSE, i]
    out[VOLUME, row] = shares
    out[VWAP, row] = money / shares if shares > 0.0 else np.nan
    out[_AT, row] = at
    out[_IN, row] = float(session)
    out[_BEFORE, row] = state[row, _BEFORE] if goes_on else now.outside[PREVIOUS_CLOSE, i]
    out[_LEVEL, row] = state[row, _LEVEL] if goes_on else now.outside[MARKET, i]
    if commit:
        for k in range(_MONEY):
            state[row, k] = out[k, row]
        state[row, _MONEY] = money


_BUILDING = Indicator(
    name="bar",
    title="The bar of a longer timeframe",
    formula="open of the first minute, extremes, close of the last, sum of volumes, mean price by volume",
    inputs=("open", "high", "low", "close", "volume", "vwap"),
    parameters=(Parameter("minutes", 5, 2, LONGEST_MINUTES),),
    outputs=("open", "high", "low", "close", "volume", "vwap", "start_ms", "session", "previous_close", "market"),
    kernel=_building,
    twin=lambda *_: [],
    width=lambda _minutes: _WIDTH,
    warmup=lambda _minutes: (1,) * 10,
)


class Timeframes:
    """Minutes, and the longer bars that they build.

    Attributes:
        frames: the frame of each timeframe by its minutes; that of the minutes is ``frames[1]``.
        closed_ms: up to where the market is closed, see `close`.
    """

    def __init__(self, specs: Mapping[int, Iterable[Spec]], capacity: int = 1024) -> None:
        """Room for `capacity` rows; `specs` to compute by minutes of their timeframe."""
        self._builders = {minutes: Spec(_BUILDING, (minutes,)) for minutes in sorted(specs) if minutes > 1}
        own = (*specs.get(1, ()), *self._builders.values())
        self.frames = {1: Frame(own, capacity, corrections=CORRECTIONS)}
        for minutes in self._builders:
            touched = (CORRECTIONS - 1) // minutes + 2
            self.frames[minutes] = Frame(specs[minutes], capacity, corrections=touched)
        self.closed_ms = 0
        self._session_ms = _ANY

    def update(self, rows: Longs, start_ms: Longs, bars: Floats, session: Longs, outside: Floats | None = None) -> None:
        """Close one minute for each of `rows`, arguments as for `Frame.update`.

        A longer bar that ended before this minute is closed first; one that is closed and contains it opens again.
        """
        for minutes, frame in self._longer():
            at = self._begin(minutes, start_ms, session)
            held = self._built(minutes)[:, rows]
            self._close_bars(minutes, rows[(held[_AT] > frame.last_start[rows]) & (held[_AT] < at)])
            late = frame.last_start[rows] >= at
            frame.rewind(rows[late], at[late])
        self.frames[1].update(rows, start_ms, bars, session, outside)

    def peek(self, rows: Longs, start_ms: Longs, bars: Floats, session: Longs, outside: Floats | None = None) -> None:
        """Fill `peeked` of every frame with the values at its forming bar, these forming minutes included.

        Bars that ended before these minutes have to be closed, see `close`.
        """
        base = self.frames[1]
        base.peek(rows, start_ms, bars, session, outside)
        for minutes, frame in self._longer():
            first = base.column(self._builders[minutes].key, "open")
            frame.peek(*_arguments(rows, base.peeked[first : first + 10, rows]))

    def close(self, now_ms: int, session_ms: int | None = None) -> None:
        """Close all longer bars that ended by `now_ms`, and those before it of other sessions than `session_ms`."""
        self.closed_ms = max(self.closed_ms, now_ms)
        self._session_ms = _ANY if session_ms is None else session_ms
        for minutes, frame in self._longer():
            built = self._built(minutes)
            over = built[_AT] + minutes * MINUTE_MS <= self.closed_ms
            if self._session_ms != _ANY:
                over |= (built[_IN] != self._session_ms) & (built[_AT] < self.closed_ms)
            self._close_bars(minutes, np.flatnonzero(over & (built[_AT] > frame.last_start)))

    def revise(
        self, rows: Longs, start_ms: Longs, bars: Floats, session: Longs, outside: Floats | None = None
    ) -> Flags:
        """Put minutes right as `Frame.revise` does, and all longer bars that contain them.

        Returns:
            ``bool[n]``, False where a minute is more than 15 minutes older than the newest of its row.
        """
        known, _, steps = self.correct(rows, start_ms, bars, session, outside)
        for _ in steps:
            pass
        return known

    def correct(
        self,
        rows: Longs,
        start_ms: Longs,
        bars: Floats,
        session: Longs,
        outside: Floats | None = None,
        level_at: Callable[[Longs], Floats] | None = None,
    ) -> tuple[Flags, Closed, Iterator[Closed]]:
        """As `revise`, minute by minute: rows have gone back, and go on as the steps are asked for.

        Args: as for `revise`; `level_at` gives the market's level when minutes of these starts had closed, NaN where
            that is not known: it is looked up anew, for the bar before may be another one now.

        Returns:
            ``bool[n]`` as `revise`; the minutes that were taken off; and those that are taken again, right, of one
            start at a time, each after it was taken. They have to be asked for to the end.
        """
        base = self.frames[1]
        known: Flags = start_ms > base.last_start[rows] - CORRECTIONS * MINUTE_MS
        beside = np.full((2, len(rows)), np.nan) if outside is None else outside
        given = Closed(rows, start_ms, bars, session, beside).take(known)
        found, taken = base.rewind(given.rows, given.start_ms)
        known[known] = found
        return known, taken, self._again(merged(taken, given.take(found)), level_at)

    def _again(self, closed: Closed, level_at: Callable[[Longs], Floats] | None) -> Iterator[Closed]:
        """Take minutes anew; the first of a row opens the longer bars that were closed since."""
        for start in np.unique(closed.start_ms):
            now = closed.take(closed.start_ms == start)
            if level_at:
                level = level_at(self.frames[1].last_start[now.rows])
                np.copyto(now.outside[MARKET], level, where=~np.isnan(level))
            self.update(*now)
            yield now
        self.close_again()

    def close_again(self) -> None:
        """Minutes were taken that lie before the last `close`: what it closed is closed again."""
        self.close(self.closed_ms, None if self._session_ms == _ANY else self._session_ms)

    def reserve(self, capacity: int) -> None:
        """Make room for at least `capacity` rows in every frame."""
        for frame in self.frames.values():
            frame.reserve(capacity)

    def zero(self, rows: Longs | int) -> None:
        """Forget rows in every frame."""
        for frame in self.frames.values():
            frame.zero(rows)

    def to_arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """All frames as `Frame.to_arrays` gives them, named ``MINUTES/NAME``, and ``closed``: int64[2], of `close`."""
        arrays = {f"{m}/{name}": a for m, frame in self.frames.items() for name, a in frame.to_arrays().items()}
        return {"closed": np.array([self.closed_ms, self._session_ms]), **arrays}

    def recopy(self) -> None:
        """All rows count as changed: what was copied is gone."""
        for frame in self.frames.values():
            frame.changed[:] = True

    def copy_some(self, into: Mapping[str, np.ndarray[Any, Any]], most: int) -> int:
        """Copy up to `most` neighbouring rows of those that have changed since they were copied, see `Frame.copy_rows`.

        Args:
            into: arrays as `to_arrays` gives them.
            most: rows.

        Returns:
            How many more have changed, in all frames.
        """
        changed = {minutes: frame for minutes, frame in self.frames.items() if frame.changed.any()}
        if changed:
            minutes, frame = next(iter(changed.items()))
            first = int(frame.changed.argmax())
            frame.copy_rows(slice(first, first + most), _of(minutes, into))
        return sum(int(frame.changed.sum()) for frame in changed.values())

    def copy_rest(self, into: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Copy all rows that have changed since they were copied, and ``closed``: `into` is what `to_arrays` gives."""
        for minutes, frame in self.frames.items():
            frame.copy_rows(np.flatnonzero(frame.changed), _of(minutes, into))
        into["closed"][:] = self.closed_ms, self._session_ms

    def load_arrays(self, arrays: Mapping[str, np.ndarray[Any, Any]]) -> tuple[tuple[int, str], ...]:
        """Go on where `to_arrays` left off, bit for bit; a timeframe that the arrays do not hold starts anew.

        Returns:
            What warms up: minutes of the timeframe and key of the spec.

        Raises:
            StateError: as `Frame.load_arrays`.
        """
        fresh: list[tuple[int, str]] = []
        for minutes, frame in self.frames.items():
            saved = _of(minutes, arrays)
            if saved or minutes == 1:
                fresh += [(minutes, key) for key in frame.load_arrays(saved)]
        self.closed_ms, self._session_ms = (int(x) for x in arrays["closed"])
        self.reserve(self.frames[1].capacity)
        return tuple(fresh)

    def _longer(self) -> list[tuple[int, Frame]]:
        return [(minutes, self.frames[minutes]) for minutes in self._builders]

    def _built(self, minutes: int) -> Floats:
        return self.frames[1].state(self._builders[minutes].key).T

    def _begin(self, minutes: int, start_ms: Longs, session: Longs) -> Longs:
        length = minutes * MINUTE_MS
        return session + (start_ms - session) // length * length

    def _close_bars(self, minutes: int, rows: Longs) -> None:
        if len(rows):
            self.frames[minutes].update(*_arguments(rows, self._built(minutes)[:, rows]))


def _of(minutes: int, arrays: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, np.ndarray[Any, Any]]:
    """Those of one timeframe, by their names within its frame."""
    lead = f"{minutes}/"
    return {name.removeprefix(lead): array for name, array in arrays.items() if name.startswith(lead)}


def _arguments(rows: Longs, built: Floats) -> tuple[Longs, Longs, Floats, Longs, Floats]:
    """Bars as the arguments of `Frame.update`."""
    start_ms, session = built[_AT].astype(np.int64), built[_IN].astype(np.int64)
    return rows, start_ms, np.append(built[:VWAP], _vwap(built), axis=0), session, built[_BEFORE:_MONEY]


def _vwap(built: Floats) -> Floats:
    return built[VWAP : VWAP + 1]

"""What became of alerts: forward return and excursions over several horizons, beside random symbols of the same minute.

An alert is followed from the close of its bar: the first bar that counts is the one after it. Beside it `PEERS` symbols
are followed that traded in the same minute and belong to the half of those with the higher turnover in it, drawn by a
hash of the alert's id: replay draws as live did. Excursions are the highest high and the lowest low since, in ATR(14)
of a minute at the alert. A symbol that does not trade has not moved. A horizon that ends after the regular close, for
an alert before it, says nothing and is left out; "close" is the last bar of the regular session. A bar that comes after
its minute has closed is not seen. Pure; all state is columns.

One alert has one outcome, when the last of its horizons is over.
"""

from __future__ import annotations

from collections import deque
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import numpy as np

from daemon.engine.alerts import known
from daemon.engine.errors import StateError
from daemon.engine.sessions import POST_MS
from streams.bars import MINUTE_MS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from daemon.engine.alerts import Alert
    from daemon.engine.sessions import Moment
    from indicators import Frame
    from streams.types import Flags, Floats, Longs, Symbols

MINUTES: Final = (5, 15, 30, 60)
CLOSE: Final = "close"
HORIZONS: Final = (*(f"{minutes}m" for minutes in MINUTES), CLOSE)
PEERS: Final = 4
MOST: Final = 4_096
"""Alerts that are followed at a time; of more, the newest are not."""
FINISHED: Final = 10_000
"""Outcomes that wait to be taken; the oldest go when nobody takes them."""
NEVER_MS: Final = -1
_TRACKS: Final = 1 + PEERS


class Move(msgspec.Struct, frozen=True):
    """What became of one symbol over one horizon.

    Attributes:
        forward: return to the last close, a fraction.
        best: highest price reached, above the start, in ATR; at least 0.
        worst: lowest price reached, in ATR; at most 0. Both None where ATR was not known.
    """

    forward: float
    best: float | None
    worst: float | None

    @property
    def size(self) -> float | None:
        """The larger excursion, whichever way, in ATR."""
        return None if self.best is None or self.worst is None else max(self.best, -self.worst)


class Outcome(msgspec.Struct, frozen=True):
    """What became of one alert.

    Attributes:
        id: of the alert.
        price: it is measured from, dollars.
        atr: ATR(14) of a minute at the alert, dollars; None if not known.
        moves: by horizon, one of `HORIZONS`; those that say nothing are left out.
        random: moves of the symbols beside it, by symbol and horizon.
        v: version of this form.
    """

    id: str
    rule: str
    rule_version: str
    symbol: str
    bar_start_ms: int
    price: float
    atr: float | None
    moves: dict[str, Move]
    random: dict[str, dict[str, Move]]
    v: int = 1


class _Columns(NamedTuple):
    """n alerts that are followed; the first track of each is its own, the others are those beside it.

    Attributes:
        ids: ``S32[n]``.
        rules: ``S128[n]``, ``NAME@VERSION``.
        symbols: ``S16[n, 1 + PEERS]``, empty where there is none.
        rows: ``int64[n, 1 + PEERS]``, -1 where there is none.
        start_ms: ``int64[n]``, of the alert's bar.
        due_ms: ``int64[n, horizons]``, start of the last bar that counts; `NEVER_MS` where the horizon says nothing.
        price, atr, high, low, last: ``float64[n, 1 + PEERS]``.
        done: ``bool[n, horizons]``.
        moves: ``float64[n, 1 + PEERS, horizons, 3]``: return, best, worst.
    """

    ids: NDArray[np.bytes_]
    rules: NDArray[np.bytes_]
    symbols: Symbols
    rows: Longs
    start_ms: Longs
    due_ms: Longs
    price: Floats
    atr: Floats
    high: Floats
    low: Floats
    last: Floats
    done: Flags
    moves: Floats


def _columns(columns: Iterable[Any]) -> _Columns:
    return _Columns._make(columns)


def _nothing() -> _Columns:
    tracks, horizons = (0, _TRACKS), (0, len(HORIZONS))
    return _columns(
        [
            np.zeros(0, "S32"),
            np.zeros(0, "S128"),
            np.zeros(tracks, "S16"),
            np.zeros(tracks, np.int64),
            np.zeros(0, np.int64),
            np.zeros(horizons, np.int64),
            *(np.zeros(tracks) for _ in range(5)),
            np.zeros(horizons, np.bool_),
            np.zeros((0, _TRACKS, len(HORIZONS), 3)),
        ]
    )


class World(NamedTuple):
    """What outcomes look at when a minute closes.

    Attributes:
        frame: minute bars.
        atr: column of the ATR in it.
        symbols: ``S16[n]``, of its rows.
    """

    frame: Frame
    atr: int
    symbols: Symbols


class Outcomes:
    """Follows alerts.

    Attributes:
        finished: outcomes, for whoever tells them to take out.
        lapsed: alerts that were not followed, for there were too many.
    """

    def __init__(self) -> None:
        self._open = _nothing()
        self.finished: deque[Outcome] = deque(maxlen=FINISHED)
        self.lapsed = 0

    def __len__(self) -> int:
        return len(self._open.ids)

    def close_minute(self, minute_ms: int, at: Moment, alerts: Sequence[Alert], world: World) -> None:
        """The market's minute has closed: follow on, finish what is due, begin with new alerts.

        Args:
            minute_ms: its start.
            at: what the calendar says of it.
            alerts: new ones whose bar began by then.
            world: after the minute's bars. Cost: some 50 µs, and as many for each new alert.
        """
        if len(self._open.ids):
            self._finish(self._open.due_ms < minute_ms)
            self._follow(minute_ms, world.frame)
            self._finish(self._open.due_ms <= minute_ms)
            self._hand_out()
        if alerts:
            self._begin(minute_ms, at, alerts, world)

    def take(self) -> list[Outcome]:
        """Hand over what has finished since the last time."""
        taken = list(self.finished)
        self.finished.clear()
        return taken

    def zero(self, rows: Longs) -> None:
        """Rows are forgotten: what they stood for is no longer followed."""
        gone = np.isin(self._open.rows, rows)
        self._open.rows[gone] = -1
        self._keep(~gone[:, 0])

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Everything that is followed, by column; views."""
        return dict(self._open._asdict())

    def load_arrays(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on where `to_arrays` left off.

        Raises:
            StateError: the arrays do not fit together; nothing was changed.
        """
        fresh = _nothing()
        found = {name: arrays.get(name) for name in _Columns._fields}
        sizes = {len(array) for array in found.values() if array is not None}
        shapes = {name: column.shape[1:] for name, column in fresh._asdict().items()}
        fits = all(array is not None and array.shape[1:] == shapes[name] for name, array in found.items())
        if not fits or len(sizes) != 1:
            raise StateError("saved outcomes do not fit together")
        self._open = _columns(array.copy() for array in found.values() if array is not None)

    def _follow(self, minute_ms: int, frame: Frame) -> None:
        """Highs, lows and closes of the minute's bars."""
        own = self._open
        rows = np.maximum(own.rows, 0)
        traded = (own.rows >= 0) & (frame.last_start[rows] == minute_ms) & (own.start_ms[:, None] < minute_ms)
        rows = rows[traded]
        own.high[traded] = np.maximum(own.high[traded], frame.bar("high", rows))
        own.low[traded] = np.minimum(own.low[traded], frame.bar("low", rows))
        own.last[traded] = frame.bar("close", rows)

    def _finish(self, due: Flags) -> None:
        """What is so far becomes the move of the horizons that are due."""
        own = self._open
        alerts, horizons = np.nonzero(due & ~own.done & (own.due_ms != NEVER_MS))
        if not len(alerts):
            return
        price, atr = own.price[alerts], own.atr[alerts]
        moves = np.stack(
            [own.last[alerts] / price - 1.0, (own.high[alerts] - price) / atr, (own.low[alerts] - price) / atr], axis=-1
        )
        own.moves[alerts, :, horizons] = moves
        own.done[alerts, horizons] = True

    def _hand_out(self) -> None:
        """Alerts all of whose horizons are over."""
        over = (self._open.done | (self._open.due_ms == NEVER_MS)).all(axis=1)
        self.finished.extend(self._outcome(place) for place in np.flatnonzero(over).tolist())
        self._keep(~over)

    def _keep(self, chosen: Flags) -> None:
        if not chosen.all():
            self._open = _columns(column[chosen] for column in self._open)

    def _outcome(self, place: int) -> Outcome:
        own = self._open
        rule, _, version = own.rules[place].decode().partition("@")
        moves = [self._moves(place, track) for track in range(_TRACKS)]
        symbols = [symbol.decode() for symbol in own.symbols[place].tolist()]
        return Outcome(
            id=own.ids[place].decode(),
            rule=rule,
            rule_version=version,
            symbol=symbols[0],
            bar_start_ms=int(own.start_ms[place]),
            price=float(own.price[place, 0]),
            atr=known(own.atr[place, 0]),
            moves=moves[0],
            random={symbol: move for symbol, move in zip(symbols[1:], moves[1:], strict=True) if symbol},
        )

    def _moves(self, place: int, track: int) -> dict[str, Move]:
        own = self._open
        rows = own.moves[place, track].tolist()
        return {
            name: Move(forward, known(best), known(worst))
            for name, done, (forward, best, worst) in zip(HORIZONS, own.done[place].tolist(), rows, strict=True)
            if done
        }

    def _begin(self, minute_ms: int, at: Moment, alerts: Sequence[Alert], world: World) -> None:
        """New alerts, with symbols beside them that traded in the minute that has closed."""
        room = MOST - len(self._open.ids)
        self.lapsed += max(0, len(alerts) - room)
        rows = {symbol: row for row, symbol in enumerate(world.symbols.tolist()) if symbol}
        pool = _liquid(minute_ms, world)
        fresh = [self._fresh(alert, rows, pool, at, world) for alert in alerts[:room]]
        found = [columns for columns in fresh if columns]
        if found:
            self._open = _columns(np.concatenate(parts) for parts in zip(self._open, *found, strict=True))

    def _fresh(
        self, alert: Alert, rows: Mapping[bytes, int], pool: Sequence[bytes], at: Moment, world: World
    ) -> _Columns | None:
        """One alert as columns; None where its row has been given to somebody else."""
        own = alert.symbol.encode()
        if own not in rows or at.day < 0:
            return None
        beside = _drawn(alert.id, [symbol for symbol in pool if symbol != own])
        symbols = np.array([own, *beside, *[b""] * (PEERS - len(beside))], "S16")
        places = np.array([rows.get(symbol, -1) for symbol in symbols.tolist()])
        price = np.where(places >= 0, world.frame.bar("close", np.maximum(places, 0)), np.nan)
        price[0] = alert.price
        atr = world.frame.out[world.atr, np.maximum(places, 0)]
        atr = np.where(atr > 0.0, atr, np.nan)
        moves = np.full((1, _TRACKS, len(HORIZONS), 3), np.nan)
        return _Columns(
            np.array([alert.id.encode()], "S32"),
            np.array([f"{alert.rule}@{alert.rule_version}".encode()], "S128"),
            symbols[None],
            places[None],
            np.array([alert.bar_start_ms]),
            _due(alert.bar_start_ms, at)[None],
            price[None],
            atr[None],
            price[None].copy(),
            price[None].copy(),
            price[None].copy(),
            np.zeros((1, len(HORIZONS)), np.bool_),
            moves,
        )


def _due(start_ms: int, at: Moment) -> Longs:
    """Start of the last bar of each horizon."""
    before_close = start_ms < at.close_ms - MINUTE_MS
    last_ms = (at.close_ms if before_close else at.close_ms + POST_MS) - MINUTE_MS
    due = [start_ms + minutes * MINUTE_MS for minutes in MINUTES]
    return np.array([*(ms if ms <= last_ms else NEVER_MS for ms in due), last_ms if before_close else NEVER_MS])


def _liquid(minute_ms: int, world: World) -> list[bytes]:
    """Symbols of the half that turned over most in a minute, in order of their names."""
    rows = np.flatnonzero(world.frame.last_start[: len(world.symbols)] == minute_ms)
    turnover = world.frame.bar("close", rows) * world.frame.bar("volume", rows)
    chosen = rows[turnover >= np.median(turnover)] if len(rows) else rows
    return sorted(world.symbols[chosen].tolist())


def _drawn(identity: str, pool: Sequence[bytes]) -> list[bytes]:
    """`PEERS` of a pool, or all, without repeats, by the alert's id alone."""
    left = list(pool)
    drawn = []
    for number in range(min(PEERS, len(left))):
        place = int.from_bytes(sha256(f"{identity}/{number}".encode()).digest()[:8], "big") % len(left)
        drawn.append(left.pop(place))
    return drawn

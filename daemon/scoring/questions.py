"""Questions asked of the market, and their answers when market time has passed.

A question is asked of a symbol at a closed minute m. Of moves: does any minute m+1 .. m+horizon have a high above
``close + threshold * ATR`` or a low below ``close - threshold * ATR``? A silent minute moves nothing. Others are
answered by all bars of those minutes together, or by the symbol's last bar when the horizon is over. What was known
when it was asked (features, score, base rate) is frozen with it. At the close of minute m+horizon it is answered, and
only then may anything learn from it.

Pure. Columns of [rows, slots]: slot ``minute % (horizon + 1)`` holds the questions of one minute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar, cast

import numpy as np

from daemon.scoring.errors import StateError
from daemon.scoring.targets import KINDS, Target
from streams.bars import MINUTE_MS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from daemon.scoring.featurering import FeatureRing
    from streams.types import Flags, Floats, Longs, Symbols

PHASES = 13
"""Half hours of a regular session: the phases whose base rates differ."""

_FREE = -1
_MOVES = ("large_move", "up_excursion")
ANY = Target()

_Column = TypeVar("_Column", bound="NDArray[Any]")


def phase_of(minutes_since_open: int) -> int:
    """Phase of a regular session's minute, 0 to `PHASES` - 1."""
    return min(max(minutes_since_open // 30, 0), PHASES - 1)


class Lesson(NamedTuple):
    """The answers that became known at the close of one market minute, symbols in lexical order.

    Attributes:
        minute_ms: start of the minute at whose close the answers are known.
        asked_ms: start of the minute at whose close the questions were asked.
        phase: of the session when asked, see `phase_of`.
        base: base rate of that phase as it stood when asked.
        rows: ``int64[n]``, row of each symbol.
        features: ``float32[n, k]``, as they were when asked.
        score: ``float64[n]``, as issued; NaN where no model had spoken.
        answer: ``bool[n]``, True where price moved.
        sector: ``int64[n]``, number of each symbol's sector, 0 where it is not known.
        target: which question it is, by its place in the configuration.
    """

    minute_ms: int
    asked_ms: int
    phase: int
    base: float
    rows: Longs
    features: NDArray[np.float32]
    score: Floats
    answer: Flags
    sector: Longs
    target: int = 0


class World(NamedTuple):
    """What is known of all rows when a minute has closed.

    Attributes:
        last_start: ``int64[rows]``, start of each row's newest closed bar.
        close: ``float64[rows]``, its close.
        bars: ``int64[rows]``, how many it has had.
        holds: whether the condition of a target, by its number, holds there, ``bool[rows]``.
    """

    last_start: Longs
    close: Floats
    bars: Longs
    holds: Callable[[int], Flags]


NOTHING = World(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int64), lambda _: np.zeros(0, np.bool_))


class Outlook(Protocol):
    """A condition over the bars of the window ahead; see `daemon.engine.outlook.Outlook`."""

    @property
    def kept(self) -> Sequence[object]:
        """What it has to know of the minute when it is asked."""

    def holds(self, future: Floats, kept: Floats) -> Flags:
        """Where it holds, by highest, lowest and last price and volume of the window, ``float64[4, n]``."""


class Questions:
    """Pending questions of all symbols.

    Args:
        ring: where features are kept; the caller keeps those of a minute there before it asks.
        target: what is asked: see `daemon.scoring.targets.Target`.
        number: of the target, by its place in the configuration.
        outlook: the condition of a target that looks ahead.
        capacity: rows to hold; grows by doubling.

    Attributes:
        ring: as given.
        lapsed: questions dropped because a minute of their window never closed here, or their symbol was released.
    """

    def __init__(
        self,
        ring: FeatureRing,
        target: Target = ANY,
        number: int = 0,
        outlook: Outlook | None = None,
        capacity: int = 1024,
    ) -> None:
        self._horizon, self._threshold, self._question = target.horizon_minutes, target.threshold_atr, target.question
        self.ring, self._number, self._outlook = ring, number, outlook
        slots = target.horizon_minutes + 1
        self.lapsed = 0
        self._minute_ms = np.full(slots, _FREE, np.int64)
        self._closes = np.zeros(slots, np.int64)
        self._phase = np.zeros(slots, np.int64)
        self._base = np.zeros(slots)
        self._upper = np.full((capacity, slots), np.nan)
        self._lower = np.full((capacity, slots), np.nan)
        self._score = np.full((capacity, slots), np.nan)
        self._moved = np.zeros((capacity, slots), np.bool_)
        ahead = capacity if outlook else 0
        self._high, self._low = np.full((ahead, slots), np.nan), np.full((ahead, slots), np.nan)
        self._volume = np.zeros((ahead, slots))
        self._kept = np.zeros((ahead, slots, len(outlook.kept) if outlook else 0))
        self._symbols: Symbols = np.zeros(0, "S16")
        self._lexical: NDArray[np.intp] = np.zeros(0, np.intp)

    @property
    def pending(self) -> int:
        """Questions that wait for their answer."""
        return int(np.isfinite(self._upper).sum())

    def reserve(self, capacity: int) -> None:
        """Hold at least `capacity` rows."""
        have = len(self._upper)
        if capacity <= have:
            return
        more = max(capacity, 2 * have) - have
        self._upper, self._lower, self._score = (
            _grown(column, more, np.nan) for column in (self._upper, self._lower, self._score)
        )
        self._moved = _grown(self._moved, more, 0)
        if self._outlook:
            self._high, self._low = (_grown(column, more, np.nan) for column in (self._high, self._low))
            self._volume, self._kept = _grown(self._volume, more, 0.0), _grown(self._kept, more, 0.0)

    def ask(
        self,
        minute_ms: int,
        rows: Longs,
        score: Floats,
        close: Floats,
        atr: Floats,
        *,
        phase: int,
        base: float,
        bars: Longs | None = None,
        kept: Floats | None = None,
    ) -> int:
        """Ask the question of this minute, once a minute, of every row whose ATR is known and above zero.

        Args:
            minute_ms: start of the minute that has just closed.
            rows: ``int64[n]``, unique; the caller leaves out what is not eligible (the horizon has to end
                within the regular session).
            score: ``float64[n]``, the prediction as issued, NaN for none.
            close: ``float64[n]``.
            atr: ``float64[n]``, same unit as `close`.
            phase: see `phase_of`.
            base: base rate of the phase, as issued.
            bars: ``int64[n]``, bars that each row has had by now; conditions of the rule language need it.
            kept: ``float64[n, m]``, what the outlook has to know.

        Returns:
            The number of questions asked. Cost: O(n).
        """
        self.reserve(int(rows.max(initial=-1)) + 1)
        slot = self._slot(minute_ms)
        self._lapse(slot)
        reach = self._threshold * atr
        able = (reach > 0) & np.isfinite(close + reach)
        asked = rows[able]
        self._minute_ms[slot], self._closes[slot], self._phase[slot], self._base[slot] = (
            minute_ms,
            0,
            phase,
            base,
        )
        self._upper[asked, slot] = (close + reach if self._question in _MOVES else close)[able]
        self._lower[asked, slot] = self._lows(close - reach, bars)[able]
        self._score[asked, slot] = score[able]
        self._moved[asked, slot] = False
        if kept is not None and self._outlook:
            self._kept[asked, slot] = kept[able]
        return len(asked)

    def observe(self, minute_ms: int, rows: Longs, high: Floats, low: Floats, volume: Floats) -> None:
        """Let the bars of one minute move what is pending; a late bar counts as long as its window is open.

        Args:
            minute_ms: start of the bars' minute.
            rows: ``int64[n]``, unique.
            high: ``float64[n]``.
            low: ``float64[n]``.
            volume: ``float64[n]``.
        """
        if self._question not in _MOVES and not self._outlook:
            return
        self.reserve(int(rows.max(initial=-1)) + 1)
        age = minute_ms - self._minute_ms
        within = (self._minute_ms != _FREE) & (age > 0) & (age <= self._horizon * MINUTE_MS)
        if self._outlook:
            self._look(rows, within, high, low, volume)
            return
        beyond = (high[:, None] > self._upper[rows]) | (low[:, None] < self._lower[rows])
        self._moved[rows] |= beyond & within

    def _look(self, rows: Longs, within: Flags, high: Floats, low: Floats, volume: Floats) -> None:
        """Bars of one minute go into the windows that are open."""
        slots = np.flatnonzero(within)
        at = rows[:, None], slots[None, :]
        self._high[at] = np.fmax(self._high[at], high[:, None])
        self._low[at] = np.fmin(self._low[at], low[:, None])
        self._volume[at] += volume[:, None]

    def lapse(self) -> None:
        """Drop all that is pending: a minute of its window was not seen."""
        for slot in np.flatnonzero(self._minute_ms != _FREE).tolist():
            self._lapse(slot)

    def answer(self, minute_ms: int, symbols: Symbols, sectors: Longs, world: World = NOTHING) -> Lesson | None:
        """The answers that are known now that this minute has closed; call once for every minute, in order.

        Args:
            minute_ms: start of the minute that has just closed; its bars were observed.
            symbols: ``S16[rows]``, the symbol of each row.
            sectors: ``int64[rows]``, the sector of each.
            world: what else answers are made of, where questions are not of highs and lows.

        Returns:
            None when no question was due. A question lapses, unanswered, when a minute of its window never
            closed here. Cost: O(rows), and a sort whenever `symbols` have changed.
        """
        open_ = (self._minute_ms != _FREE) & (self._minute_ms < minute_ms)
        self._closes[open_] += 1
        for late in np.flatnonzero(open_ & (minute_ms - self._minute_ms > self._horizon * MINUTE_MS)):
            self._lapse(int(late))
        asked_ms = minute_ms - self._horizon * MINUTE_MS
        slot = self._slot(asked_ms)
        if self._minute_ms[slot] != asked_ms:
            return None
        if self._closes[slot] != self._horizon:
            self._lapse(slot)
            return None
        lesson = self._lesson(minute_ms, slot, symbols, sectors, world)
        self._free(slot)
        return lesson if len(lesson.rows) else None

    def zero(self, rows: Longs | int) -> None:
        """Drop the questions of rows that are about to be given to other symbols."""
        rows = np.atleast_1d(rows)
        rows = rows[rows < len(self._upper)]
        self.lapsed += int(np.isfinite(self._upper[rows]).sum())
        self._clear(rows)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The whole state, views that are good until the next call; `load_arrays` copies, and continues bit for bit."""
        return {**self._columns(), "lapsed": np.array([self.lapsed], np.int64)}

    def load_arrays(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on where `to_arrays` left off; for a fresh instance of any capacity.

        Raises:
            StateError: arrays absent, or made for other features or another horizon; nothing was changed.
        """
        columns = self._columns()
        for name, column in columns.items():
            _check_fits(name, column, arrays.get(name))
        if len({len(arrays[name]) for name in columns if columns[name].ndim > 1}) != 1:
            raise StateError("questions have columns of different lengths")
        self.reserve(len(arrays["upper"]))
        for name, column in self._columns().items():
            column[: len(arrays[name])] = arrays[name]
        self.lapsed = int(arrays["lapsed"][0]) if "lapsed" in arrays else 0

    def _columns(self) -> dict[str, NDArray[Any]]:
        ahead = ("high", "low", "volume", "kept") if self._outlook else ()
        names = ("minute_ms", "closes", "phase", "base", "upper", "lower", "score", "moved", *ahead)
        return {name: getattr(self, f"_{name}") for name in names}

    def _slot(self, minute_ms: int) -> int:
        return minute_ms // MINUTE_MS % len(self._minute_ms)

    def _lesson(self, minute_ms: int, slot: int, symbols: Symbols, sectors: Longs, world: World) -> Lesson:
        lexical = self._sorted(symbols)
        rows = self._whole(lexical[np.isfinite(self._upper[lexical, slot])], slot, world)
        return Lesson(
            minute_ms,
            int(self._minute_ms[slot]),
            int(self._phase[slot]),
            float(self._base[slot]),
            rows,
            self.ring.of(int(self._minute_ms[slot]), rows),
            self._score[rows, slot],
            self._answers(rows, slot, world),
            sectors[rows],
            self._number,
        )

    def _lows(self, lows: Floats, bars: Longs | None) -> Floats:
        """What is kept in the place of lows where a question has none."""
        if self._question == "large_move":
            return lows
        if self._question in KINDS:
            return np.full(len(lows), -np.inf)
        return np.zeros(len(lows)) if bars is None else bars.astype(np.float64)

    def _whole(self, rows: NDArray[np.intp], slot: int, world: World) -> NDArray[np.intp]:
        """A condition looks back by bars: it is answered where every minute of the window had one, else it lapses."""
        if self._question in KINDS or self._outlook:
            return rows
        whole = world.bars[rows] - self._lower[rows, slot] == self._horizon
        self.lapsed += int((~whole).sum())
        return np.asarray(rows[whole])

    def _answers(self, rows: NDArray[np.intp], slot: int, world: World) -> Flags:
        """Of a symbol without a bar since it was asked the answer is no."""
        if self._question in _MOVES:
            return np.asarray(self._moved[rows, slot])
        traded = world.last_start[rows] > self._minute_ms[slot]
        if self._outlook:
            last = np.where(traded, world.close[rows], np.nan)
            future = np.stack([self._high[rows, slot], self._low[rows, slot], last, self._volume[rows, slot]])
            return self._outlook.holds(future, self._kept[rows, slot].T)
        if self._question == "direction":
            return np.asarray(traded & (world.close[rows] > self._upper[rows, slot]))
        return np.asarray(traded & world.holds(self._number)[rows])

    def _sorted(self, symbols: Symbols) -> NDArray[np.intp]:
        """Rows in lexical order of their symbols: the same batch whatever order symbols first appeared in."""
        if not np.array_equal(symbols, self._symbols):
            self._symbols = symbols.copy()
            self._lexical = np.argsort(symbols, kind="stable")
            self.reserve(len(symbols))
        return self._lexical

    def _lapse(self, slot: int) -> None:
        self.lapsed += int(np.isfinite(self._upper[:, slot]).sum())
        self._free(slot)

    def _free(self, slot: int) -> None:
        self._minute_ms[slot] = _FREE
        self._clear((slice(None), slot))

    def _clear(self, at: Any) -> None:
        """As if nothing had been asked there."""
        self._upper[at] = self._lower[at] = self._score[at] = np.nan
        self._moved[at] = False
        if self._outlook:
            self._high[at] = self._low[at] = np.nan
            self._volume[at] = 0.0


def _grown(column: _Column, more: int, fill: float) -> _Column:
    added = np.full((more, *column.shape[1:]), fill, column.dtype)
    return cast("_Column", np.concatenate([column, added]))


def _check_fits(name: str, column: NDArray[Any], saved: NDArray[Any] | None) -> None:
    per_row = column.ndim > 1
    if saved is None or saved.dtype != column.dtype or saved.ndim != column.ndim:
        raise StateError(f"questions need {name} as {column.dtype}[{column.ndim} axes]")
    if saved.shape[per_row:] != column.shape[per_row:]:
        raise StateError(f"questions keep {name} as {list(column.shape)}, saved was {list(saved.shape)}")

"""Bars in, alerts out: the one path that live and replay share. No await, no clock, no I/O."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from daemon.engine.alerts import Alert
from daemon.engine.arrivals import Arrivals
from daemon.engine.barrier import Barrier
from daemon.engine.days import DailyTable
from daemon.engine.errors import StateError
from daemon.engine.learning import Learning, part_of
from daemon.engine.listings import Listings, named, released, renamed, revised, split
from daemon.engine.outcomes import Outcomes
from daemon.engine.plan import When
from daemon.engine.runs import runs
from daemon.engine.sectors import Sectors
from daemon.engine.sessions import NO_DAY
from daemon.engine.waiting import Waiting
from daemon.engine.watch import Step, Watch
from daemon.scoring import view as views
from daemon.scoring.features import fingerprint
from daemon.scoring.targets import Target
from indicators import SymbolTable
from indicators.forming import Forming
from indicators.ring import CLOSE
from streams.bars import FIELDS, MINUTE_MS, concat

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from daemon.engine.learning import Teacher
    from daemon.engine.listings import Notice
    from daemon.engine.plan import Plan
    from daemon.engine.sessions import SessionTable
    from daemon.engine.why import Why
    from daemon.scoring.view import View
    from streams.bars import BarBatch
    from streams.types import Flags, Floats, Longs, Symbols

    Positions = NDArray[np.intp]

ALIKE = 1e-9
"""Relative difference up to which two numbers are the same: sums of seconds differ in the last digits."""

NO_DAYS = DailyTable(np.zeros(0, "S16"), np.zeros(0, np.int64), np.zeros((5, 0)))
"""Where no official daily bars are configured."""

NO_SECTORS = Sectors({})
"""Where none are configured: all symbols are of one group."""


_DAY_VOLUME = FIELDS.index("day_volume")

OVERDUE_MS = MINUTE_MS
"""A bar that comes so long after its end is late, whether or not the market's minute has closed."""

NOTICES = 64
"""Notices that wait to be told, at most: some two a day."""


class Settings(NamedTuple):
    """What an engine is built with; see the configuration's sections ``engine`` and ``model``.

    Without targets there is one, by horizon and threshold.
    """

    grace_ms: int = 5_000
    stragglers: float = 0.0
    max_symbols: int = 16_384
    horizon_minutes: int = 15
    threshold_atr: float = 4.0
    targets: tuple[Target, ...] = ()
    extended_hours: bool = True
    sectors: Sectors = NO_SECTORS
    daily: DailyTable = NO_DAYS


class Counts(msgspec.Struct):
    """What happened to the bars so far. Every bar that is not taken is counted with its reason.

    Attributes:
        bars: bars that entered indicator state (minute bars and stand-ins).
        seconds: second bars taken into forming minutes.
        stood_in: minutes closed from second bars because no minute bar had come.
        late: bars taken after the market's minute had closed, or more than a minute after their end.
        repeated: bars left out because the same bar was taken before.
        revised: bars that corrected one taken before, or came after a newer one of their symbol.
        outdated: bars left out because they are too old to correct anything.
        excess: bars left out because the symbol table is full.
        off_hours: bars left out because they lie outside the hours that are watched.
        waited: bars kept because their symbol waits for what a gap has hidden.
        mended: bars that were brought for such a gap.
        minutes: market minutes closed.
    """

    bars: int = 0
    seconds: int = 0
    stood_in: int = 0
    late: int = 0
    repeated: int = 0
    revised: int = 0
    outdated: int = 0
    excess: int = 0
    off_hours: int = 0
    minutes: int = 0
    waited: int = 0
    mended: int = 0


class Engine:
    """Owns every array: symbols, bars, indicators, look-back, episodes, questions.

    Args:
        plan: rules and features, compiled together.
        sessions: the exchange's calendar.
        teacher: where questions are answered to, where views come from.
        settings: see `Settings`.

    Attributes:
        counts: what happened to the bars so far.
        arrivals: how long after a minute's end its bars come.
        learning: what the model is asked and has answered.
        outcomes: what becomes of alerts.
        listings: when each symbol was last heard of.
        waiting: who waits for what a gap has hidden.
        day_volume: ``float64[capacity]``, shares of the day so far as the newest bar told, NaN where none has.
        notices: what people should know, for whoever tells them to take out; the oldest go when nobody does.
        released: rows that were taken from symbols which are traded no more.
        watch: what rules see and have said.
        stood_in: told the start, symbols and bars (``float64[6, n]``) of a minute's stand-ins, if anybody wants them.
        disagreed: ``int64[6]``, minutes whose bar, as the vendor sent it, differs from what its seconds had built, by
            field.
        compared: minutes that had second bars to compare with, since the start.
    """

    def __init__(self, plan: Plan, sessions: SessionTable, teacher: Teacher, settings: Settings) -> None:
        self._sessions, self._settings = sessions, settings
        self.symbols = SymbolTable(max_symbols=settings.max_symbols)
        self._forming = Forming()
        targets = settings.targets or (
            Target(horizon_minutes=settings.horizon_minutes, threshold_atr=settings.threshold_atr),
        )
        self.learning = Learning(len(plan.features), targets, sessions, teacher, plan.outlooks)
        self.barrier = Barrier(settings.grace_ms, max(target.horizon_minutes for target in targets) + 1)
        self.arrivals = Arrivals(settings.grace_ms, settings.stragglers)
        self.watch = Watch(plan, settings.daily, settings.sectors)
        self.listings = Listings(sessions)
        self.outcomes = Outcomes()
        self.waiting = Waiting()
        self.day_volume = np.full(0, np.nan)
        self.notices: deque[Notice] = deque(maxlen=NOTICES)
        self.released = 0
        self.counts = Counts()
        self.disagreed = np.zeros(6, np.int64)
        self.compared = 0
        self.stood_in: Callable[[int, Symbols, Floats], None] | None = None
        self._named = -1
        self._reserve()

    @property
    def plan(self) -> Plan:
        """Rules and features in force."""
        return self.watch.plan

    @property
    def view(self) -> View | None:
        """The compiled model in use, None before the first."""
        return self.watch.view

    @view.setter
    def view(self, view: View | None) -> None:
        self.watch.view = view

    def step(self, batch: BarBatch) -> list[Alert]:
        """Take bars in order of arrival; minutes of the market close between them where their time has come.

        Args:
            batch: any mixture of symbols, minutes, and second and minute bars.

        Returns:
            The alerts, ordered by the bar that caused them, then by rule. Cost: O(bars) and, per minute closed,
            O(symbols).
        """
        for part, day in self.listings.parts(batch.start_ms):
            bars = batch.take(part)
            if day != NO_DAY:
                self._begin_day(day, int(_came_ms(bars)[0]))
            self._step_within(bars)
        return self.watch.announce()

    def advance(self, now_ms: int) -> list[Alert]:
        """Let market time reach `now_ms` without a bar: minutes that are due close."""
        for minute_ms in self.barrier.advance(now_ms):
            self._close_minute(minute_ms)
        return self.watch.announce()

    @property
    def sector_names(self) -> tuple[str, ...]:
        """Of the sectors, in order of their numbers; the first, empty, is of all whose sector is not known."""
        return self._settings.sectors.names

    @property
    def most_symbols(self) -> int:
        """Symbols that may be followed, by the settings; a restored state may hold more."""
        return self._settings.max_symbols

    def suspend(self, since_ms: int) -> int:
        """The feed had a gap: every symbol whose newest bar starts before `since_ms` waits for `mend`.

        Nothing stands in for minutes of which only some seconds came.

        Args:
            since_ms: start of the newest minute whose bars may be missing.

        Returns:
            How many wait now.
        """
        size = self.symbols.size
        rows = np.flatnonzero((self.watch.minutes.last_start[:size] < since_ms) & (self.symbols.symbols != b""))
        self.waiting.begin(rows)
        self._forming.zero(rows)
        return self.waiting.count

    def waiters(self) -> tuple[Symbols, Floats]:
        """Who waits, the likeliest first, then the most traded: symbols, and `day_volume` of each."""
        rows = np.flatnonzero(self.waiting.rows[: self.symbols.size])
        likely, traded = np.nan_to_num(self.learning.scores[rows]), np.nan_to_num(self.day_volume[rows])
        rows = rows[np.lexsort((-traded, -likely))]
        return self.symbols.symbols[rows], self.day_volume[rows]

    def halt(self, symbols: Symbols, *, halted: bool) -> None:
        """Trading of these is halted, or goes on; those without a row need not be told of."""
        rows = self.symbols.rows(symbols, create=False)
        self.watch.coverage.halted[rows[rows >= 0]] = halted

    def mend(self, symbols: Symbols, missing: BarBatch, now_ms: int, *, hole: bool = False) -> list[Alert]:
        """What was missing of symbols that wait is known: it is taken, then what was kept, and they wait no longer.

        Args:
            symbols: ``S16[n]``; of those that do not wait, bars are taken all the same.
            missing: minute bars, of these symbols only, in any order; none for those that did not trade. Of a bar that
                came by the feed too, that one counts.
            now_ms: market time.
            hole: it could not be learned, and `missing` is not all: the symbols are trusted again once their windows
                have been filled anew.

        Returns:
            The alerts that the gap had hidden, marked late, and those of the bars kept. Cost: as of `step`.
        """
        rows = self.symbols.rows(symbols)
        self._reserve()
        kept = self.waiting.end(rows[rows >= 0])
        if hole:
            self.watch.coverage.hole(rows[rows >= 0])
        known = set(zip(kept.symbol.tolist(), kept.start_ms.tolist(), strict=True))
        fresh = [pair not in known for pair in zip(missing.symbol.tolist(), missing.start_ms.tolist(), strict=True)]
        missing = missing.take(np.array(fresh, np.bool_))
        self.counts.mended += missing.size
        both = concat([missing.take(np.argsort(missing.start_ms, kind="stable")), kept])
        both = both._replace(arrival_ms=np.maximum(both.arrival_ms, now_ms))
        return self.step(both.take(np.argsort(both.start_ms, kind="stable")))

    def flush(self) -> list[Alert]:
        """Alerts of a step that failed, as far as it came."""
        return self.watch.announce()

    def leaders(self, most: int) -> list[tuple[str, float, float]]:
        """Symbol, score and close of the highest scores at the last closed bar, best first."""
        scores = self.learning.scores[: self.symbols.size]
        order = np.argsort(-scores)[:most]
        order = order[np.isfinite(scores[order])]
        closes = self.watch.minutes.bar("close", order)
        symbols = self.symbols.symbols[order]
        return [
            (symbol.decode(), float(score), float(close))
            for symbol, score, close in zip(symbols.tolist(), scores[order], closes, strict=True)
        ]

    def why(self, symbol: str, rule: str) -> Why | None:
        """Why a rule fired at the last closed bar of a symbol, or did not; None before its first bar.

        Raises:
            KeyError: there is no such rule.
            ValueError: a name has 1 to 16 characters of ASCII.
        """
        numbers = {own.name: number for number, own in enumerate(self.plan.rules)}
        row = int(self.symbols.rows(named(symbol), create=False)[0])
        number = numbers[rule]
        start_ms = int(self.watch.minutes.last_start[row]) if row >= 0 else 0
        if not start_ms:
            return None
        return self.watch.why(number, row, self._sessions.at(start_ms), float(self.learning.scores[row]))

    def reload(self, plan: Plan) -> None:
        """Exchange the rules between two steps. What both plans name goes on warm; the rest warms up.

        Args:
            plan: has the features of the present one.

        Raises:
            ValueError: the features differ; they belong to the learned model and need a restart.
        """
        if plan.features != self.plan.features:
            raise ValueError("features cannot change while the engine runs")
        self.watch.reload(plan)

    def split(self, symbol: str, old: float, new: float, day: int) -> bool:
        """On `day`, `new` shares of a symbol stand for `old`; call it after the last bar of the day before.

        The symbol starts anew, but for its days: the official close of the day before and the table of daily bars are
        in new shares from now on, where bars before `day` are taken to have been in old ones. The market's level stays.

        Args:
            symbol: its name on that day.
            old: shares, 1 of a four-for-one split.
            new: shares, 4 of it.
            day: the trading day when it takes effect, days since 1970.

        Returns:
            False if that day has begun for it, by a bar or by the same split, or if it has no row; then no more than
            the table was changed.

        Raises:
            ValueError: numbers of shares are finite and above zero.
        """
        ratio = old / new if old > 0.0 and new > 0.0 else np.nan
        if not 0.0 < ratio < np.inf:
            raise ValueError(f"{symbol}: {new} for {old} shares are no split, both have to be finite and above zero")
        name = named(symbol)
        row = int(self.symbols.rows(name, create=False)[0])
        if not self.watch.split(row, bytes(name[0]), day, ratio):
            return False
        for part in (self.learning, self._forming):
            part.zero(np.array([row]))
        self.notices.append(split(symbol, old, new))
        return True

    def rename(self, old: str, new: str) -> bool:
        """A symbol is called `new` from now on, before the first bar of that name; all that is known of it stays.

        Returns:
            False if it has no row, or `new` has one; then no more than the table of daily bars was changed, where the
            days of the one are those of the other.

        Raises:
            ValueError: a name has 1 to 16 characters of ASCII.
        """
        names = named(old, new)
        self.watch.rename(*names.tolist())
        row, taken = self.symbols.rows(names, create=False).tolist()
        if row < 0 or taken >= 0:
            return False
        self.symbols.rename(row, bytes(names[1]))
        self.notices.append(renamed(old, new))
        return True

    def know(self, table: DailyTable) -> None:
        """Official daily bars are those of `table` from now on; names that were changed are in it, too.

        They hold for each symbol from its next day on, and for the present one after `catch_up`. Splits are not:
        those that the table's prices do not show are to be told after it.

        Args:
            table: nobody else's; it is changed by what is told later.
        """
        self.watch.know(table)

    def catch_up(self, first: int, end: int) -> int:
        """Rows ``[first, end)`` go by the newest table in the day that they have begun; returns how many changed.

        Some at a time: a row that had no daily bars takes up to 400 of them.
        """
        rows = np.arange(first, min(end, self.symbols.size))
        return self.watch.catch_up(rows, self.symbols.symbols[rows])

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The whole state as plain arrays by ``part/name``; most are views, good until the next step."""
        own = {"forming": self._forming, "listings": self.listings, "outcomes": self.outcomes}
        own |= {"waiting": self.waiting, "arrivals": self.arrivals}
        named = {**self.watch.parts(), **own}
        arrays = {f"{name}/{key}": array for name, part in named.items() for key, array in part.to_arrays().items()}
        view = {} if self.view is None else self.view.to_arrays()
        return {
            **arrays,
            **self.learning.to_arrays(),
            **{f"view/{key}": array for key, array in view.items()},
            **{f"symbols/{key}": array for key, array in self.symbols.to_arrays().items()},
            "engine/barrier": self.barrier.to_array(),
            "engine/counts": np.array(msgspec.structs.astuple(self.counts), np.int64),
            "engine/disagreed": self.disagreed,
            "engine/day volume": self.day_volume,
            "engine/features of": fingerprint(self.plan.feature_texts),
            "engine/raised": np.frombuffer(msgspec.json.encode(self.watch.raised), np.uint8),
        }

    def load_arrays(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on where `to_arrays` left off, bit for bit, before the first step: `load_market` and `load_learned`."""
        self.load_market(arrays)
        self.load_learned(arrays)

    def load_market(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on with symbols, bars, indicators, episodes, market time and counts.

        Where more symbols were saved than may be followed now, they stay, and no new one is added.

        Raises:
            Exception: arrays are missing or do not fit; the engine is then of no use and another has to be made.
        """
        saved = part_of(arrays, "symbols")
        self.symbols = SymbolTable.from_arrays(saved, max(self._settings.max_symbols, len(saved["symbols"])))
        for name in self.watch.parts():
            self.watch.load(name, part_of(arrays, name))
        self._forming.load_arrays(part_of(arrays, "forming"))
        self.waiting.load_arrays(part_of(arrays, "waiting"))
        self.arrivals.load_arrays(part_of(arrays, "arrivals"))
        self.day_volume = arrays.get("engine/day volume", np.full(0, np.nan)).astype(np.float64)
        self._named = -1
        self._reserve()
        self.listings.load_arrays(part_of(arrays, "listings"), self.watch.minutes.last_start)
        self.outcomes.load_arrays(part_of(arrays, "outcomes"))
        self.barrier.load_array(arrays["engine/barrier"])
        self.barrier.grace_ms = self.arrivals.grace_ms(int(self._sessions.at(self.barrier.closed_ms).phase))
        self.counts = Counts(*arrays["engine/counts"].tolist())
        self.disagreed = arrays["engine/disagreed"].astype(np.int64)
        self.watch.raised = msgspec.json.decode(arrays["engine/raised"].tobytes(), type=list[Alert])

    def remember(self, alerts: Sequence[Alert]) -> int:
        """Alerts that were given after the state was saved: none is given twice, and cooldowns count from them.

        Whether their episodes have ended meanwhile is not known; they go on until a bar says otherwise.

        Returns:
            How many of them the state did not know of.
        """
        rows = self.symbols.rows(np.array([alert.symbol.encode() for alert in alerts], "S16")).tolist()
        self._reserve()
        self.listings.hear(np.array(rows, np.int64))
        return sum(self._remember(alert, row) for alert, row in zip(alerts, rows, strict=True) if row >= 0)

    def _remember(self, alert: Alert, row: int) -> bool:
        key, start_ms = f"{alert.rule}@{alert.rule_version}", alert.bar_start_ms
        members = named(*(member.symbol for member in alert.members)) if alert.members else np.zeros(0, "S16")
        for other in self.symbols.rows(members, create=False).tolist():
            if other >= 0:
                self.watch.telling.remember(key, other, "", start_ms, None)
        return self.watch.telling.remember(key, row, alert.id, start_ms, alert.order)

    def load_learned(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on with questions, scores, their judge and the model's view, after `load_market`.

        Raises:
            Exception: arrays are missing, or belong to another question or to other features; the engine is then of
                no use and another has to be made.
        """
        self.learning.load_arrays(arrays)
        if not np.array_equal(arrays["engine/features of"], fingerprint(self.plan.feature_texts)):
            raise StateError("questions were asked with other features")
        view = part_of(arrays, "view")
        self.view = views.from_arrays(view, len(self.plan.features)) if view else None

    def _begin_day(self, day: int, now_ms: int) -> None:
        """A bar of a later day than any before comes; what is due by then closes first, then rows are released."""
        for minute_ms in self.barrier.advance(now_ms):
            self._close_minute(minute_ms)
        self.listings.begin(day)
        self.day_volume[:] = np.nan
        self.watch.coverage.halted[:] = False
        rows = self.listings.quiet(self.symbols.symbols)
        if len(rows):
            self.notices.append(released(self.symbols.symbols[rows]))
            self.released += len(rows)
            self._forget(rows)
            self.symbols.release(rows)

    def _forget(self, rows: Longs) -> None:
        """All of `rows` is as if nothing had been there."""
        for part in (self.watch, self.learning, self._forming, self.listings, self.outcomes, self.waiting):
            part.zero(rows)
        self.day_volume[rows] = np.nan

    def _step_within(self, batch: BarBatch) -> None:
        """Bars in order of arrival, the first of which may begin a day and no other."""
        rows = self.symbols.rows(batch.symbol)
        self._reserve()
        self.listings.hear(rows)
        minutes_ms = batch.start_ms // MINUTE_MS * MINUTE_MS
        for part in self.barrier.segments(_came_ms(batch), minutes_ms):
            if isinstance(part, slice):
                self._take(batch.take(part), rows[part])
            else:
                self._close_minute(part)

    def _take(self, batch: BarBatch, rows: Longs) -> None:
        """Bars between two closes; each row's in the order in which they came, whatever else came between them."""
        kept = self._watched(batch, rows)
        np.fmax.at(self.day_volume, rows[kept], batch.values[_DAY_VOLUME, kept])
        if self.waiting.kept or self.waiting.rows.any():
            watched = kept.sum()
            kept &= self.waiting.keep(batch, np.where(kept, rows, -1))
            self.counts.waited += int(watched - kept.sum())
        if not kept.all():
            batch, rows = batch.take(kept), rows[kept]
        ends = 2 * (batch.start_ms + batch.length_ms) + (batch.length_ms >= MINUTE_MS)
        late = self.counts.late
        for chosen in runs(rows, ends):
            take = self._take_minutes if ends[chosen[0]] % 2 else self._take_seconds
            take(batch.take(chosen), rows[chosen], chosen)
        if self.counts.late > late:
            self.watch.rejoin(np.unique(rows))
        self.watch.gather()

    def _watched(self, batch: BarBatch, rows: Longs) -> Flags:
        """Where there is a row for the symbol and the hour is one that is watched."""
        kept = rows >= 0
        self.counts.excess += len(rows) - int(kept.sum())
        if not self._settings.extended_hours:
            regular = self._sessions.is_regular(batch.start_ms)
            self.counts.off_hours += int((kept & ~regular).sum())
            kept &= regular
        return kept

    def _take_minutes(self, batch: BarBatch, rows: Longs, order: Positions) -> None:
        start_ms = int(batch.start_ms[0])
        new = self.watch.minutes.last_start[rows] < start_ms
        if not new.all():
            self._correct(self._step(batch.take(~new), rows[~new], order[~new]))
            batch, rows, order = batch.take(new), rows[new], order[new]
        if len(rows):
            self.watch.coverage.stood_in[rows] = False
            self.arrivals.note(batch.arrival_ms - start_ms - MINUTE_MS)
            self._compare(rows, start_ms, batch.values[:6])
            self._forming.discard(rows, start_ms)
            self._close_bars(self._step(batch, rows, order))

    def _correct(self, now: Step) -> None:
        """Bars that came before, or too late for their place, are put right where they can be."""
        minutes = self.watch.minutes
        self.watch.coverage.stood_in[now.rows[minutes.last_start[now.rows] == now.start_ms]] = False
        other = ~minutes.has(now.rows, np.full(len(now.rows), now.start_ms), now.bars)
        self.counts.repeated += int((~other).sum())
        if other.any():
            done = self.watch.correct(now.take(other), self._sessions)
            self.learning.note(done.rows, done.features, done.scores)
            self._tell_revised()
            self.counts.revised += done.changed
            self.counts.repeated += len(done.rows) - done.changed
            self.counts.outdated += len(done.known) - len(done.rows)

    def _tell_revised(self) -> None:
        """Of what was told it is known otherwise by now."""
        told, self.watch.telling.revised = self.watch.telling.revised, []
        self.notices.extend(revised(one, self.symbols.symbols[one.row]) for one in told)

    def _compare(self, rows: Longs, start_ms: int, bars: Floats) -> None:
        """Count where the vendor's minute differs from what its seconds had built; the vendor's counts."""
        built = self._forming.bars(rows, start_ms)
        self.compared += int(np.isfinite(built[CLOSE]).sum())
        differs = np.abs(built - bars) > ALIKE * np.abs(bars)
        self.disagreed += differs.sum(axis=1)

    def _take_seconds(self, batch: BarBatch, rows: Longs, order: Positions) -> None:
        minute_ms = int(batch.start_ms[0]) // MINUTE_MS * MINUTE_MS
        open_ = (self.watch.minutes.last_start[rows] < minute_ms) & (minute_ms > self.barrier.closed_ms)
        if not open_.all():
            self.counts.outdated += len(rows) - int(open_.sum())
            batch, rows, order = batch.take(open_), rows[open_], order[open_]
        seen = self._forming.add(rows, batch.start_ms, batch.values[:6])
        self.counts.seconds += int(seen.sum())
        self.counts.repeated += len(rows) - int(seen.sum())
        if self.plan.has_tick:
            seen &= ~self._forming.waits(rows, minute_ms)
            self._peek(batch.take(seen), rows[seen], order[seen], minute_ms)

    def _peek(self, batch: BarBatch, rows: Longs, order: Positions, minute_ms: int) -> None:
        if len(rows):
            bars, at = self._forming.bars(rows, minute_ms), self._sessions.at(minute_ms)
            seen_ms = int(batch.start_ms[0] + batch.length_ms[0])
            came_ms, forming = batch.arrival_ms, When.FORMING
            now = Step(rows, batch.symbol, minute_ms, at, bars, came_ms, order, when=forming, seen_ms=seen_ms)
            self.watch.peek(now)

    def _step(self, batch: BarBatch, rows: Longs, order: Positions) -> Step:
        """Minute bars of one start."""
        start_ms = int(batch.start_ms[0])
        overdue = int(batch.arrival_ms[0]) - start_ms - int(batch.length_ms[0]) > OVERDUE_MS
        at, late = self._sessions.at(start_ms), start_ms <= self.barrier.closed_ms or overdue
        return Step(rows, batch.symbol, start_ms, at, batch.values[:6], batch.arrival_ms, order, late)

    def _close_bars(self, now: Step) -> None:
        """One closed minute bar for each row: state, score, rules."""
        self.counts.bars += len(now.rows)
        if now.late:
            self.counts.late += len(now.rows)
            self.learning.observe(now.start_ms, now.rows, *now.bars[[1, 2, 4]])
        self.learning.note(now.rows, *self.watch.close(now))

    def _close_minute(self, minute_ms: int) -> None:
        """The barrier: stand-ins, the market as a whole, answers, the next view, new questions."""
        self.counts.minutes += 1
        self._stand_in(minute_ms)
        at, symbols = self._sessions.at(minute_ms), self.symbols.symbols
        closed_ms = minute_ms + MINUTE_MS + self.barrier.grace_ms
        self.barrier.grace_ms = self.arrivals.close(int(at.phase))
        self.watch.freeze(minute_ms, closed_ms, at, symbols, self.learning.scores, self.learning.features)
        self.watch.gather()
        self.outcomes.close_minute(minute_ms, at, self.watch.due(minute_ms), self.watch.world(symbols))
        rows = np.flatnonzero(self.watch.minutes.last_start[: len(symbols)] == minute_ms)
        sectors = self.watch.sectors(symbols)
        holds = self.watch.asked(np.arange(len(symbols)), symbols, minute_ms, at, self.learning.scores)
        self.view = self.learning.learn(minute_ms, rows, self.watch.minutes, symbols, sectors, holds) or self.view
        kept = self.watch.kept(rows, symbols, minute_ms, at, self.learning.scores)
        self.learning.ask(minute_ms, rows, self.watch.minutes, self.watch.atr(rows), holds, kept)

    def _stand_in(self, minute_ms: int) -> None:
        """Forming minutes close where no minute bar has come."""
        rows = self._forming.rows(minute_ms)
        rows = rows[self.watch.minutes.last_start[rows] < minute_ms]
        if len(rows):
            self.counts.stood_in += len(rows)
            bars = self._forming.bars(rows, minute_ms)
            self._forming.discard(rows, minute_ms)
            came_ms = np.full(len(rows), min(self.barrier.now_ms, minute_ms + MINUTE_MS + self.barrier.grace_ms))
            at, symbols = self._sessions.at(minute_ms), self.symbols.symbols[rows]
            self.watch.coverage.stood_in[rows] = True
            if self.stood_in:
                self.stood_in(minute_ms, symbols, bars)
            self._close_bars(Step(rows, symbols, minute_ms, at, bars, came_ms, np.arange(len(rows))))
            self.watch.gather()

    def _reserve(self) -> None:
        """Every array has a row for every symbol."""
        capacity = self.watch.reserve(self.symbols.size)
        self._forming.reserve(capacity)
        self.learning.reserve(capacity)
        self.listings.reserve(capacity)
        self.waiting.reserve(capacity)
        self.day_volume = np.pad(self.day_volume, (0, capacity - len(self.day_volume)), constant_values=np.nan)
        if self.symbols.changes != self._named:
            self.watch.know_symbols(self.symbols.symbols)
            self._named = self.symbols.changes


def _came_ms(batch: BarBatch) -> Longs:
    """Market time that each bar proves, ``int64[n]``: a bar comes after its end."""
    came_ms: Longs = np.maximum(batch.arrival_ms, batch.start_ms + batch.length_ms)
    return came_ms

"""What rules see and what they have said: bars and indicators of every timeframe, look-back, the market, episodes.

The engine says which bars close, and when; here they become values, scores and alerts.
"""

from __future__ import annotations

from math import isfinite
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from daemon.engine.alerts import Alert, Member, Times, known
from daemon.engine.coverage import QUIET, TRUSTED, Coverage
from daemon.engine.days import Days
from daemon.engine.evaluate import Context, Evaluator
from daemon.engine.market import Market
from daemon.engine.outcomes import World
from daemon.engine.periods import DAILY
from daemon.engine.plan import When
from daemon.engine.sectors import SectorColumn
from daemon.engine.sessions import PHASES, Phase
from daemon.engine.telling import Candidates, Telling
from daemon.engine.why import explain
from indicators import CATALOGUE
from indicators.ring import CLOSE, FIELDS
from indicators.timeframes import Timeframes
from streams.bars import MINUTE_MS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from daemon.engine.days import DailyTable
    from daemon.engine.plan import Plan
    from daemon.engine.sectors import Sectors
    from daemon.engine.sessions import Moment, SessionTable
    from daemon.engine.telling import Told
    from daemon.engine.trail import Place
    from daemon.engine.why import Why
    from daemon.scoring.view import View
    from indicators import Frame
    from streams.types import Flags, Floats, Longs, Symbols

    Positions = NDArray[np.intp]

ATR = CATALOGUE.spec("atr", [14])
"""What the model's question is asked in; always computed."""


class Step(NamedTuple):
    """Bars of one start, closed or forming, one a row.

    Attributes:
        rows: ``int64[n]``, no row twice.
        symbols: ``S16[n]``.
        start_ms: of every bar.
        at: what the calendar says of that moment.
        bars: ``float64[6, n]``.
        arrival_ms: ``int64[n]``.
        order: ``int64[n]``, place of each bar among those that came together, and of its alerts.
        late: the market's minute had closed before.
        when: the moment at which rules look at them.
        seen_ms: market time up to which the bars have formed; their end where it is left out.
    """

    rows: Longs
    symbols: Symbols
    start_ms: int
    at: Moment
    bars: Floats
    arrival_ms: Longs
    order: Positions
    late: bool = False
    when: When = When.CLOSED
    seen_ms: int = 0

    def take(self, chosen: Flags) -> Step:
        """Some of the bars."""
        return self._replace(
            rows=self.rows[chosen],
            symbols=self.symbols[chosen],
            bars=self.bars[:, chosen],
            arrival_ms=self.arrival_ms[chosen],
            order=self.order[chosen],
        )

    @property
    def context(self) -> Context:
        """As an evaluator takes it."""
        return Context(self.bars, self.at.minutes_since_open, self.at.phase, self.start_ms)

    def columns(self) -> tuple[Longs, Longs, Floats, Longs]:
        """As a frame takes them."""
        size = len(self.rows)
        return self.rows, np.full(size, self.start_ms), self.bars, np.full(size, self.at.anchor)


class Correction(NamedTuple):
    """What became of minutes that came again, or came late.

    Attributes:
        known: ``bool[n]``, False where a minute is too old to be corrected.
        changed: how many of the others were not there before, or otherwise.
        rows: ``int64[m]``, of those that are known.
        features: ``float64[m, k]``, at the newest bar of each.
        scores: ``float64[m]``, likewise.
    """

    known: Flags
    changed: int
    rows: Longs
    features: Floats
    scores: Floats


class _Why(NamedTuple):
    """What an alert says of its symbol: sector, score, the terms of the condition, and what each feature adds."""

    sector: str
    score: float | None
    values: dict[str, float | None]
    shares: dict[str, float]


class Watch:
    """Owns the state of rules; a row a symbol.

    Args:
        plan: rules and features.
        table: official daily bars.
        sectors: of symbols.

    Attributes:
        plan: in force.
        frames: bars and indicators of each timeframe, by its minutes.
        timeframes: minutes and the bars that they build; nine tenths of the memory.
        minutes: the frame of minute bars.
        market: the level of the market, minute by minute.
        view: the compiled model in use, None before the first.
        raised: alerts of minutes that have not closed, those that were told before a restart among them.
    """

    def __init__(self, plan: Plan, table: DailyTable, sectors: Sectors) -> None:
        self._table, self._table_is_own = table, False
        self._sectors, self._sector_names = SectorColumn(sectors), sectors.names
        self._symbols: Symbols = np.zeros(0, "S16")
        self.market = Market()
        self.view: View | None = None
        self._fired: list[tuple[int, int, bool, Alert]] = []
        self._alerts: list[Alert] = []
        self.raised: list[Alert] = []
        self._use(plan)

    @property
    def capacity(self) -> int:
        """Rows there is room for."""
        return self.minutes.capacity

    def reserve(self, symbols: int) -> int:
        """Make room for so many; returns the capacity, the same for every part."""
        self.timeframes.reserve(symbols)
        self._days.reserve(self.capacity)
        self.telling.reserve(self.capacity)
        self.coverage.reserve(self.capacity)
        return self.capacity

    def reload(self, plan: Plan) -> None:
        """Exchange the rules. What both plans name goes on warm; the rest warms up."""
        kept = {name: part.to_arrays() for name, part in self.parts().items()}
        self._use(plan)
        for name, arrays in kept.items():
            self.load(name, arrays)

    def know_symbols(self, symbols: Symbols) -> None:
        """Rows belong to these from now on, ``S16[n]``: who is in the lists that rules name is looked up."""
        self._symbols = symbols.copy()
        if self.plan.lists:
            self.evaluator.know_members(self._symbols, self._sectors.of(self._symbols), self._sector_names)

    def close(self, now: Step) -> tuple[Floats, Floats]:
        """Closed minutes: indicators, score, rules, look-back. Returns features ``[n, k]`` and scores ``[n]``."""
        if now.at.phase != Phase.CLOSED:
            begun = self._days.begin(now.rows, now.symbols, now.at.day)
            if len(begun):
                self.evaluator.renew(begun)
        self.timeframes.update(*now.columns(), self._outside(now.rows))
        self._days.take(now.rows, now.start_ms, now.bars, now.at)
        if now.late:
            self.evaluator.renew(now.rows)  # longer bars as they stood then
        features, score = self._score(now)
        self._fire(now, score, features)
        self.evaluator.commit(now.rows, now.context, score)
        return features, score

    def rejoin(self, rows: Longs) -> None:
        """Bars of `rows` came late, and all of them have been taken: longer bars are those of now again."""
        self.timeframes.close_again()
        self.evaluator.renew(rows)

    def peek(self, now: Step) -> None:
        """Rules with ``evaluate = "tick"`` on forming bars; closed state stays as it is."""
        self.minutes.peek(*now.columns(), self._outside(now.rows))
        features, score = self._score(now)
        self._fire(now, score, features)

    def correct(self, now: Step, calendar: SessionTable) -> Correction:
        """Closed minutes come again, or come late: all values are as if they had come right the first time.

        What the market as a whole was taken for, and what was said, stays. Cost: O(bars since) a row.
        """
        count = self.minutes.count[now.rows]
        known, taken, steps = self.timeframes.correct(*now.columns(), self._before(now), self.market.level_at)
        rows = now.rows[known]
        gone = count[known] - self.minutes.count[rows]
        self.evaluator.rewind(rows, gone)
        told = self.telling.trail.rewind(rows, gone)
        features, scores = np.zeros((self.capacity, len(self.plan.features))), np.full(self.capacity, np.nan)
        for closed in steps:
            start_ms = int(closed.start_ms[0])
            size = len(closed.rows)
            again = now._replace(
                rows=closed.rows,
                symbols=self._symbols[closed.rows],
                start_ms=start_ms,
                at=calendar.at(start_ms),
                bars=closed.bars,
                arrival_ms=np.full(size, now.arrival_ms[0]),
                order=np.full(size, now.order[0]),
                late=True,
            )
            self.evaluator.renew(closed.rows)
            features[closed.rows], scores[closed.rows] = self._score(again)
            self._fire(again, scores[closed.rows], features[closed.rows], told)
            self.evaluator.commit(closed.rows, again.context, scores[closed.rows])
        same = taken.start_ms == now.start_ms
        before = np.full((6, self.capacity), np.nan)
        before[:, taken.rows[same]] = taken.bars[:, same]
        right, wrong = now.bars[:, known], before[:, rows]
        self._days.take(rows, now.start_ms, right, now.at)
        self.evaluator.renew(rows)
        self.telling.withdraw(told)
        changed = int((right[:5] != wrong[:5]).any(axis=0).sum())
        return Correction(known, changed, rows, features[rows], scores[rows])

    def freeze(
        self, minute_ms: int, closed_ms: int, at: Moment, symbols: Symbols, scores: Floats, features: Floats
    ) -> None:
        """The market's minute has closed: longer bars close, the market is looked at as a whole, and rules on it."""
        starts_ms = self.minutes.last_start[: len(symbols)]
        rows = np.flatnonzero(starts_ms == minute_ms)
        self.timeframes.close(minute_ms + MINUTE_MS, at.anchor)
        self.market.close_minute(minute_ms, at.anchor, rows, self.minutes.bar("close", rows))
        traded = np.flatnonzero(starts_ms >= at.anchor) if at.phase != Phase.CLOSED else rows[:0]
        context = self._closed(traded, symbols, minute_ms, at, closed_ms).context
        self.evaluator.freeze(traded, context, scores[traded], self._sectors.of(symbols)[traded], rows)
        if len(rows) and self.plan.judged[When.BARRIER].any():
            self._fire(self._closed(rows, symbols, minute_ms, at, closed_ms), scores[rows], features[rows])
        self.telling.steer(minute_ms, at)

    def shown(self, rows: Longs, symbols: Symbols, at: Moment, scores: Floats) -> tuple[Floats, Floats, Floats, Longs]:
        """What the last closed bars of `rows` say about the near future.

        Returns:
            Distance to the nearest rule, the day's change as a fraction, volume by the mean of the 20 bars before
            it; NaN where not known. And the sector.
        """
        now = self._closed(rows, symbols, 0, at, 0)
        distance = self.evaluator.distance(rows, now.context, scores[rows])
        move = now.bars[CLOSE] / self._days.previous[rows] - 1.0
        return distance, move, self._relative_volume(rows), self._sectors.of(symbols)[rows]

    def cover(self, rows: Longs) -> None:
        """Rules that name ``coverage`` see that of now."""
        for rule in self.plan.covered:
            self.evaluator.cover(rule, rows, self.coverage.states(self.plan.needs[rule], rows))

    def why(self, rule: int, row: int, at: Moment, score: float) -> Why:
        """Why a rule fired at the last closed bar of a row, or did not."""
        rows, start_ms = np.array([row]), int(self.minutes.last_start[row])
        now = self._closed(rows, self._symbols, start_ms, at, 0)
        return explain(self, rule, row, now, score, PHASES[int(at.phase)])

    def gather(self) -> None:
        """Bars that came together have all been taken: their alerts go in the order of their bars, then by rule."""
        fired = sorted(self._fired, key=itemgetter(0, 1))
        self._alerts += [alert for _, _, repeated, alert in fired if not repeated]
        self.raised += [alert for _, _, _, alert in fired]
        self._fired.clear()

    def due(self, minute_ms: int) -> list[Alert]:
        """Hand over what was raised by a minute: it is followed from its close on."""
        due = [alert for alert in self.raised if alert.bar_start_ms <= minute_ms]
        self.raised = [alert for alert in self.raised if alert.bar_start_ms > minute_ms]
        return due

    def announce(self) -> list[Alert]:
        """Hand over the alerts since the last time."""
        self.gather()
        alerts, self._alerts = self._alerts, []
        return alerts

    def world(self, symbols: Symbols) -> World:
        """What outcomes look at."""
        return World(self.minutes, self.minutes.column(ATR.key, ATR.outputs[0]), symbols)

    def atr(self, rows: Longs) -> Floats:
        """What the question is asked in, ``float64[n]``."""
        column = self.minutes.column(ATR.key, ATR.outputs[0])
        values: Floats = self.minutes.out[column, rows]
        return values

    def asked(self, rows: Longs, symbols: Symbols, minute_ms: int, at: Moment, scores: Floats) -> Flags:
        """Which conditions of targets hold at the last closed bars of `rows`, ``bool[conditions, n]``."""
        if not self.plan.asked or not len(rows):
            return np.zeros((len(self.plan.asked), len(rows)), np.bool_)
        self.cover(rows)
        return self.evaluator.asked(rows, self._closed(rows, symbols, minute_ms, at, 0).context, scores[rows])

    def kept(self, rows: Longs, symbols: Symbols, minute_ms: int, at: Moment, scores: Floats) -> Floats:
        """What targets that look ahead need to know of the last closed bars of `rows`, ``float64[n, kept]``."""
        if not self.plan.kept or not len(rows):
            return np.zeros((len(rows), len(self.plan.kept)))
        return self.evaluator.kept(rows, self._closed(rows, symbols, minute_ms, at, 0).context, scores[rows])

    def sectors(self, symbols: Symbols) -> Longs:
        """Number of the sector of each symbol, ``int64[n]``; of all rows at once."""
        return self._sectors.of(symbols)

    def previous_close(self, rows: Longs) -> Floats:
        """Official close of the day before each row's newest bar, ``float64[n]``; NaN while unknown."""
        return self._days.previous[rows]

    def standing(self, rows: Longs, closed_ms: int) -> NDArray[np.int8]:
        """Coverage of rows for what the features name, codes of `daemon.engine.coverage.STATES`, ``int8[n]``."""
        states = self.coverage.states(self.plan.learned, rows)
        states[np.isin(states, TRUSTED) & (self.minutes.last_start[rows] < closed_ms)] = QUIET
        return states

    def split(self, row: int, symbol: bytes, day: int, ratio: float) -> bool:
        """Begin `day` in new shares, see `Days.split`; the row starts anew in every other part. -1 is no row."""
        self._own_table().split(symbol, day, ratio)
        if row < 0 or not self._days.split(row, symbol, day, ratio):
            return False
        rows = np.array([row])
        for name, part in self.parts().items():
            if name != "days":
                part.zero(rows)
        self.evaluator.renew(rows)
        return True

    def rename(self, old: bytes, new: bytes) -> None:
        """Official bars of `old` are those of `new`."""
        self._own_table().rename(old, new)

    def know(self, table: DailyTable) -> None:
        """Official daily bars are these from now on; what has begun its day goes by them after `catch_up`."""
        table.take_names(self._table)
        self._days.table, self._table, self._table_is_own = table, table, True

    def catch_up(self, rows: Longs, symbols: Symbols) -> int:
        """The days of rows that have begun theirs, by the table in use; returns how many have changed."""
        changed = self._days.again(rows, symbols)
        self.evaluator.renew(changed)
        return len(changed)

    def zero(self, rows: Longs) -> None:
        """Forget rows, ``int64[n]``: they are as fresh ones."""
        for part in self.parts().values():
            part.zero(rows)

    def parts(self) -> dict[str, Any]:
        """Everything that holds state, by name: each gives ``to_arrays()`` and takes `load` and `zero`."""
        return {
            "timeframes": self.timeframes,
            "days": self._days,
            "coverage": self.coverage,
            "evaluator": self.evaluator,
            "telling": self.telling,
            "market": self.market,
        }

    def load(self, name: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on with what a part saved, bit for bit; parts in the order of `parts`."""
        fresh = self.parts()[name].load_arrays(arrays)
        if name == "timeframes":
            self.coverage.begin(fresh)
        elif name == "days":
            self.coverage.begin((DAILY, key) for key in fresh)

    def _use(self, plan: Plan) -> None:
        """Work by `plan` from now on, with fresh state for what it names."""
        self.plan = plan
        longer = {minutes: specs for minutes, specs in plan.longer.items() if minutes != DAILY}
        self.timeframes = Timeframes({1: (*plan.specs, ATR), **longer})
        self.minutes: Frame = self.timeframes.frames[1]
        self._days = Days(self._table, plan.longer.get(DAILY, ()))
        self.frames = {**self.timeframes.frames, DAILY: self._days.frame}
        self.coverage = Coverage(self.frames)
        self.coverage.reserve(self.capacity)
        self.evaluator = Evaluator(plan, self.minutes, self.frames)
        self.telling = Telling(plan.ruleset, self.capacity)
        self.know_symbols(self._symbols)

    def _own_table(self) -> DailyTable:
        """The table, to be changed: others may use the one that was given."""
        if not self._table_is_own:
            self._table, self._table_is_own = self._table.copy(), True
            self._days.table = self._table
        return self._table

    def _outside(self, rows: Longs) -> Floats:
        """What indicators see beside the bar: the official close of the day before, and the market's level."""
        return np.stack([self._days.previous[rows], self.market.level_at(self.minutes.last_start[rows])])

    def _relative_volume(self, rows: Longs) -> Floats:
        """Of the newest bar; bars that may be corrected are all kept, and as many before them."""
        volumes = np.stack([self.minutes.bar("volume", rows, back) for back in range(21)])
        usual = volumes[1:].mean(axis=0)
        return np.asarray(volumes[0] / np.where(usual > 0.0, usual, np.nan))

    def _before(self, now: Step) -> Floats:
        """What is known of the day before bars of today, which may not have been there; the market's level is not."""
        outside = np.full((2, len(now.rows)), np.nan)
        if now.at.phase != Phase.CLOSED:
            outside[0] = self._days.previous[now.rows]
        return outside

    def _score(self, now: Step) -> tuple[Floats, Floats]:
        features = self.evaluator.features(now.rows, now.context, when=now.when)
        if self.view is not None and self.plan.names_unusual:
            self.evaluator.note_unusual(now.rows, self.view.unusual_of(features), when=now.when)
        return features, np.full(len(now.rows), np.nan) if self.view is None else self.view.score(features)

    def _closed(self, rows: Longs, symbols: Symbols, minute_ms: int, at: Moment, closed_ms: int) -> Step:
        """The last closed bars of `rows` at the close of a minute."""
        bars = np.stack([self.minutes.bar(field, rows) for field in FIELDS])
        came_ms = np.full(len(rows), closed_ms)
        places = np.arange(len(rows))
        return Step(rows, symbols[rows], minute_ms, at, bars, came_ms, places, when=When.BARRIER)

    def _fire(self, now: Step, score: Floats, features: Floats, told: dict[str, Place] | None = None) -> None:
        """Rules, episodes, and who is told; what is waits until it is announced.

        With `told`, alerts by their ids, bars are looked at again: those are not told twice.
        """
        context, judged = now.context, self.plan.judged[now.when]
        judged = judged if told is None else judged & self.telling.plain
        self.cover(now.rows)
        held = self.evaluator.conditions(now.rows, context, score, when=now.when)
        self._distrust(held, now.rows, forming=now.when is When.FORMING)
        ended = self.evaluator.untils(now.rows, context, score, when=now.when)
        seen_ms = now.seen_ms or now.start_ms + MINUTE_MS
        closed = now.when is When.CLOSED
        rules, positions = self.telling.look(
            held, ended, now.rows, judged, now.start_ms, seen_ms, now.at, closed=closed
        )
        for rule in np.unique(rules).tolist():
            found = self._candidates(rule, positions[rules == rule], now, score)
            if told is not None:
                found = found.take(~self.telling.recall(found, now.start_ms, told))
            if len(found.rows):
                self._tell(rule, self.telling.choose(found, now.start_ms, now.at, late=now.late), now, score, features)

    def _distrust(self, held: Flags, rows: Longs, *, forming: bool) -> None:
        """Rules that say nothing of coverage hold where that can be trusted only."""
        for rule in np.flatnonzero(held.any(axis=1)).tolist():
            if self.plan.rules[rule].trusting:
                at = np.flatnonzero(held[rule])
                states = self.coverage.states(self.plan.named[rule], rows[at], forming=forming)
                held[rule, at] = np.isin(states, TRUSTED)

    def _candidates(self, rule: int, positions: Longs, now: Step, score: Floats) -> Candidates:
        rows = now.rows[positions]
        values = self.evaluator.order(rule, positions, now.rows, now.context, score, when=now.when)
        sectors = self._sectors.of(self._symbols)[rows] if self.plan.rules[rule].group else np.zeros_like(rows)
        return Candidates(rule, positions, rows, now.symbols[positions], sectors, values)

    def _tell(self, rule: int, told: Sequence[Told], now: Step, score: Floats, features: Floats) -> None:
        """Explains what is told, all alerts of a rule at once."""
        if not told:
            return
        at = np.array([wish.position for wish in told])
        seen = self.evaluator.explain(rule, at, now.rows, now.context, score, when=now.when)
        shares = self._shares(features[at], score[at])
        sectors = [self._sector_names[number] for number in self._sectors.of(self._symbols)[now.rows[at]].tolist()]
        for number, wish in enumerate(told):
            values = {text: known(column[number]) for text, column in seen.items()}
            why = _Why(sectors[number], known(score[wish.position]), values, shares[number])
            alert = self._alert(wish, now, why)
            self._fired.append((int(now.order[wish.position]), rule, wish.repeated, alert))

    def _shares(self, features: Floats, score: Floats) -> list[dict[str, float]]:
        """What each feature adds to the logit of each score, and the intercept; nothing where there is no score."""
        if self.view is None:
            return [{} for _ in score]
        names, shares = self.plan.feature_texts, self.view.contributions(features)
        if self.view.others:
            names = (*names, "trees")
        return [
            {"intercept": self.view.intercept, **dict(zip(names, row, strict=True))} if isfinite(of) else {}
            for row, of in zip(shares[:, : len(names)].tolist(), score.tolist(), strict=True)
        ]

    def _alert(self, wish: Told, now: Step, why: _Why) -> Alert:
        rule, position = self.plan.rules[wish.rule], wish.position
        row = int(now.rows[position])
        return Alert(
            id=wish.id,
            rule=rule.name,
            rule_version=rule.version,
            symbol=now.symbols[position].decode(),
            sector=why.sector,
            session=PHASES[int(now.at.phase)],
            timeframe="1m",
            severity=rule.severity,
            evaluate=rule.evaluate,
            bar_start_ms=now.start_ms,
            price=float(now.bars[CLOSE, position]),
            change=self._change(now, position),
            volume=float(now.bars[4, position]),
            score=why.score,
            order=known(wish.value),
            contributions=why.shares,
            values=why.values,
            coverage=self.coverage.of(self.plan.needs[wish.rule], row),
            late=now.late,
            forming=now.when is When.FORMING,
            members=[self._member(now, place) for place in wish.members],
            times=Times(now.start_ms + MINUTE_MS, int(now.arrival_ms[position])),
        )

    def _member(self, now: Step, position: int) -> Member:
        price, change = float(now.bars[CLOSE, position]), self._change(now, position)
        return Member(now.symbols[position].decode(), price, change)

    def _change(self, now: Step, position: int) -> float | None:
        """By the official close of the day before, as a fraction."""
        return known(now.bars[CLOSE, position] / self._days.previous[int(now.rows[position])] - 1.0)
